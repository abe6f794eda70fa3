package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/preflight"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// denial is an action that is refused throughout, on these resources; none means all.
type denial struct {
	name      string
	actions   []string
	resources []string
	// own reports whether the deployment's role lacks the action in IAM's own answer.
	own bool
	// without says what the deployment leaves out then; "" where it needs the action.
	without string
}

// elsewhere are actions that the copy's IAM does not refuse, since the copy has no such
// service; what their refusal does in AWS is put in their place.
var elsewhere = map[string]func(w *world, refused func()){
	// Lambda shows no environment then
	// (https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html).
	"kms:Decrypt": func(w *world, refused func()) {
		for _, t := range w.targets {
			w.aws.Hide(t.At.Function, "Environment")
		}
		refused()
	},
	"kms:Encrypt":     keyRefused,
	"kms:CreateGrant": keyRefused,
	// Without the role there is nobody who could ask anything.
	"sts:AssumeRole": func(w *world, refused func()) {
		w.aws.Inject(awslocal.Fault{
			Service: "sts", Count: -1, Action: awslocal.Error, Status: http.StatusForbidden, Code: "AccessDenied", Fired: refused,
			Message: "User: " + w.principal() + " is not authorized to perform: sts:AssumeRole",
		})
	},
}

// keyRefused refuses the changes that set an environment.
func keyRefused(w *world, refused func()) {
	for _, operation := range []string{"UpdateFunctionConfiguration", "CreateFunction"} {
		w.aws.Inject(awslocal.Fault{
			Service: "lambda", Operation: operation, Count: -1, Action: awslocal.Error, Status: http.StatusForbidden, Code: "AccessDeniedException", Fired: refused,
			Message: "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. Please check your KMS key settings.",
		})
	}
}

// qualified are actions that AWS checks on the ARN of a version or alias: policies forget
// these.
var qualified = []string{"lambda:GetFunction", "lambda:DeleteFunction"}

// denials are the actions of the deployment and its rollback, as `policy` lists them, and
// those that the role lacks.
func (p *player) denials() []denial {
	var all []denial
	add := func(d denial) {
		for _, n := range p.options.Needs {
			if n.Without != "" && slices.Contains(d.actions, n.Action) {
				d.without = n.Without
			}
		}
		if !slices.ContainsFunc(all, func(known denial) bool { return known.name == d.name }) {
			all = append(all, d)
		}
	}
	for _, operation := range p.operations {
		action := "lambda:" + operation
		if operation == "Invoke" {
			action = "lambda:InvokeFunction"
		}
		add(denial{name: action, actions: []string{action}})
	}
	for _, n := range p.options.Needs {
		add(denial{name: n.Action, actions: []string{n.Action}})
	}
	for _, d := range slices.Clone(all) {
		if slices.Contains(qualified, d.name) {
			add(denial{name: d.name + ":on-versions", actions: d.actions, resources: []string{"arn:*:lambda:*:*:function:*:*"}})
		}
	}
	var lacking []string
	for _, m := range p.options.Missing {
		lacking = append(lacking, m.Action)
		add(denial{name: "role:" + m.Action, actions: []string{m.Action}, own: true})
	}
	if len(lacking) > 1 {
		add(denial{name: "role", actions: lacking, own: true})
	}
	return all
}

// roleName is the role as which denied plays run, longestRole how long its credentials last:
// the program asks for others by the machine's clock, which is behind the copy's.
const (
	roleName    = "rehearsal"
	longestRole = 12 * time.Hour
)

func (w *world) role() string {
	at := w.targets[0].At
	return "arn:" + at.Partition + ":iam::" + at.Account + ":role/" + roleName
}

func (w *world) principal() string {
	at := w.targets[0].At
	return "arn:" + at.Partition + ":sts::" + at.Account + ":assumed-role/" + roleName + "/" + roleName
}

type statement struct {
	Effect                                   string
	Action, NotAction, Resource, NotResource []string `json:",omitempty"`
}

// permit lets the role do everything but what is denied. It may never ask IAM what it may
// do: a deployment that knows beforehand does not start.
func (w *world) permit(d denial) error {
	denied := slices.Concat([]string{"iam:SimulatePrincipalPolicy", "iam:GetRole"}, d.actions)
	all := []statement{{Effect: "Allow", NotAction: denied, Resource: []string{"*"}}}
	if len(d.resources) > 0 {
		all = append(all, statement{Effect: "Allow", Action: d.actions, NotResource: d.resources})
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		return err
	}
	return w.aws.PutRole(iam.Role{ARN: w.role(), MaxSession: longestRole, Policies: map[string]string{"all": string(document)}})
}

// denied plays the deployment, and its rollback, with actions refused throughout; then a
// rollback that may do them.
func (p *player) denied(ctx context.Context, w *world, d denial) (verdict, error) {
	var fired atomic.Bool
	w.asRole = true
	if err := w.permit(d); err != nil {
		return verdict{}, err
	}
	for _, action := range d.actions {
		if refuse := elsewhere[action]; refuse != nil {
			refuse(w, func() { fired.Store(true) })
		}
	}
	if slices.Contains(d.actions, "codedeploy:StopDeployment") {
		// Only who rolls back while CodeDeploy shifts stops it.
		w.onShift = func(int, string) { w.stop(deploy.ErrSignal) }
	}
	ended := w.deploy(ctx, w.machine())
	v, err := p.ended(w, ended, true)
	if ended == nil && v.kind == wrong && p.doesWithout(d) {
		v = verdict{kind: exact} // it goes on and does less, as it says
	}
	if err != nil || v.kind == wrong {
		return v, err
	}
	if ended == nil {
		if v, err = p.back(ctx, w, true); err != nil || v.kind == wrong {
			return v, err
		}
	}
	refused := fired.Load() || slices.ContainsFunc(w.aws.Calls(), func(c awslocal.Call) bool {
		// CodeDeploy refuses with 400, and nothing else goes wrong there.
		return c.Status == http.StatusForbidden && c.Service != "iam" || c.Status == http.StatusBadRequest && c.Service == "codedeploy"
	})
	if !refused && ended == nil && v.kind == exact {
		v.kind = unmet // nothing needed it
	}
	v.finding = consequence(d, ended, v)
	if v.kind != documented {
		return v, nil
	}
	w.aws.ClearFaults()
	for _, t := range w.targets {
		w.aws.Hide(t.At.Function)
	}
	if err := w.permit(denial{}); err != nil {
		return verdict{}, err
	}
	last, err := p.back(ctx, w, false)
	if err != nil || last.kind == wrong {
		return verdict{kind: wrong, detail: "with the permission back, " + last.detail}, err
	}
	return v, nil
}

func denying(p *player, d denial) func(context.Context, *world) (verdict, error) {
	return func(ctx context.Context, w *world) (verdict, error) { return p.denied(ctx, w, d) }
}

// doesWithout reports whether the deployment needs none of the actions.
func (p *player) doesWithout(d denial) bool {
	return !slices.ContainsFunc(d.actions, func(action string) bool {
		return !slices.ContainsFunc(p.options.Needs, func(n policy.Need) bool { return n.Action == action && n.Without != "" })
	})
}

// consequence says in words what a denial does, where the user should know: whatever the
// role lacks, and what only a rollback needs.
func consequence(d denial, ended error, v verdict) finding {
	what := strings.Join(d.actions, ", ")
	if strings.HasSuffix(d.name, ":on-versions") {
		what += " on versions"
	}
	does := ""
	switch {
	case ended == nil && v.kind == exact && d.without != "":
		does = "this deployment goes through: " + d.without
	case ended == nil && v.kind == documented:
		does = "this deployment goes through, and its rollback does not: " + short(v.detail)
	case v.kind == documented:
		does = "this deployment fails, and cannot be rolled back: " + short(v.detail)
	case !d.own:
		return finding{}
	case ended == nil:
		does = "this deployment and its rollback go through"
	default:
		why, _, _ := strings.Cut(ended.Error(), "; this statement allows it")
		does = "this deployment fails and leaves everything as it was: " + short(why)
	}
	if d.own {
		return finding{text: fmt.Sprintf("the role of this deployment lacks %s: without it %s", what, does)}
	}
	return finding{what, strings.ReplaceAll(does, what, actionMark)}
}

// Ask answers, from the policies of the role that a session works as, what IAM would: they
// are put into the copy, whose IAM evaluates them.
func (c *Copy) Ask(ctx context.Context, q preflight.Question) (preflight.Answer, error) {
	documents, err := preflight.ReadDocuments(ctx, q.Session)
	if err != nil {
		return preflight.Answer{}, err
	}
	if err := c.aws.PutRole(iam.Role{ARN: documents.Role, Policies: documents.Policies}); err != nil {
		return preflight.Answer{}, err
	}
	w := &world{Copy: c, aws: c.aws}
	if q.Session, err = session.Open(ctx, w.access(w.machine()).Session); err != nil {
		return preflight.Answer{}, err
	}
	return preflight.AskOf(ctx, q, documents)
}
