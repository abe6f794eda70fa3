package deploy

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// With slow answers and many functions the last question is asked as patiently
// as the first one.
func TestEveryFunctionIsAskedAboutWithAClockOfItsOwn(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		var definitions []string
		for i := range 6 {
			name := fmt.Sprintf("f%d.yaml", i)
			f.write(name, definitionOf(fmt.Sprintf("f%d", i), ""))
			definitions = append(definitions, name)
		}
		f.mustDeploy(definitions...)
		f.write("code/index.js", "2")
		f.options.MaxParallel = 1
		f.terms.AllowPartial = true
		var slow atomic.Int32
		f.aws.Inject(awslocal.Fault{Operation: "GetProvisionedConcurrencyConfig", Count: 5, Action: awslocal.Delay, Delay: 14 * time.Second, Fired: func() { slow.Add(1) }},
			awslocal.Fault{Operation: "GetProvisionedConcurrencyConfig", Path: "/f5/", Action: awslocal.Error, Status: 403, Code: "AccessDeniedException",
				Message: "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: lambda:GetProvisionedConcurrencyConfig on resource: f5"})
		began := time.Now()
		_, err := f.deploy(f.Context(), definitions...)
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "lambda:GetProvisionedConcurrencyConfig") {
			f.Errorf("ends with %v", err)
		}
		if slow.Load() != 5 || time.Since(began) < questionTimeout {
			f.Errorf("%d slow answers in %s: the test shows nothing", slow.Load(), time.Since(began))
		}
	})
}

func TestWhatAWSWouldRefuseIsRefusedBeforehand(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("function.yaml", "functionName: shop\nrole: arn:aws:iam::000000000000:role/function\npackageType: Image\n")
		f.artifact = imageRepository + ":latest"
		f.push("1")
		f.saved = nil
		_, err := f.deploy(f.Context(), "function.yaml")
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "function shop: ") || len(f.saved) > 0 {
			f.Errorf("ends with %v", err)
		}
		if err := Refused(f.plan("function.yaml"), Terms{AllowPartial: true}); err == nil {
			f.Error("allow-partial-rollback does not make AWS take it")
		}
	})
}
