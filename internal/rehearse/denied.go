package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// denied plays the deployment, and its rollback, with one action refused throughout.
func (p *player) denied(ctx context.Context, w *world, operation string) (verdict, error) {
	var fired atomic.Bool
	w.aws.Inject(awslocal.Fault{
		Service: "lambda", Operation: operation, Count: -1, Action: awslocal.Error, Status: http.StatusForbidden, Code: "AccessDeniedException",
		Message: "User: arn:aws:sts::" + p.copy.targets[0].At.Account + ":assumed-role/rehearsal is not authorized to perform: lambda:" + operation + " because no identity-based policy allows it",
		Fired:   func() { fired.Store(true) },
	})
	ended := w.deploy(ctx, w.machine())
	v, err := p.ended(w, ended, true)
	if err != nil || v.kind == wrong {
		return v, err
	}
	if ended == nil {
		if v, err = p.back(ctx, w, true); err != nil || v.kind == wrong {
			return v, err
		}
		if v.kind == documented {
			v.finding = fmt.Sprintf("without lambda:%s this deployment goes through, and its rollback does not: %s", operation, short(v.detail))
		}
	}
	if !fired.Load() {
		return verdict{kind: unmet}, nil
	}
	if v.kind != documented {
		return v, nil
	}
	w.aws.ClearFaults()
	last, err := p.back(ctx, w, false)
	if err != nil || last.kind == wrong {
		return verdict{kind: wrong, detail: "with the permission back, " + last.detail}, err
	}
	return v, nil
}
