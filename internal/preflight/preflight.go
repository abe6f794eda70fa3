// Package preflight asks IAM, before a run changes anything, whether the run
// will be allowed to: whether the roles that it passes exist, and whether each
// action of the deployment and of its rollback is allowed to the caller.
//
// It promises to change nothing, to refuse only what AWS itself says is not
// allowed, and to say so when it could not ask: who may deploy need not be
// allowed to read IAM. It never decides by reading a policy itself.
//
// Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Question is what a run asks about one role that it works as.
type Question struct {
	Session *session.Session
	// Region is where the functions are.
	Region string
	// Needs are the actions of all functions that the role deploys.
	Needs []policy.Need
}

// Answer is what IAM said.
type Answer struct {
	// Warnings say what could not be asked.
	Warnings []string
	// Refused are the actions that are not allowed, and the roles that are not
	// there.
	Refused []error
	// Missing are all actions that IAM does not allow, those that are a warning
	// included.
	Missing []session.Denied
	// Unasked reports whether the caller may not ask IAM.
	Unasked bool
}

// Ask makes all calls side by side.
func Ask(ctx context.Context, q Question) (Answer, error) {
	id, err := q.Session.Identity(ctx)
	if err != nil {
		return Answer{}, err
	}
	api, err := newIAM(q.Session, id.Partition)
	if err != nil {
		return Answer{Warnings: []string{"permissions are not checked beforehand: " + err.Error()}}, nil
	}
	a := asking{Question: q, id: id, iam: api, custom: api.Custom}
	return a.ask(ctx), nil
}

func (a *asking) ask(ctx context.Context) Answer {
	var all sync.WaitGroup
	for _, role := range a.roles() {
		all.Go(func() { a.exists(ctx, role) })
	}
	all.Go(func() { a.actions(ctx) })
	all.Wait()
	// They come from calls side by side.
	slices.SortFunc(a.answer.Refused, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	slices.Sort(a.answer.Warnings)
	a.doubt()
	return a.answer
}

type asking struct {
	Question
	id  session.Identity
	iam iam
	// custom reports whether IAM is not AWS' own: an emulator knows few roles and
	// fewer policies, and what it does not know is no error.
	custom bool

	mu     sync.Mutex
	answer Answer
	// unasked are the actions that the preflight itself was not allowed.
	unasked map[string]bool
}

// roles are those of this account that the run passes.
func (a *asking) roles() []string {
	var roles []string
	for _, n := range a.Needs {
		if n.Action == "iam:PassRole" && strings.Contains(n.Resources[0], "::"+a.id.Account+":role/") && !slices.Contains(roles, n.Resources[0]) {
			roles = append(roles, n.Resources[0])
		}
	}
	return roles
}

func (a *asking) refuse(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer.Refused = append(a.answer.Refused, err)
}

func (a *asking) warn(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer.Warnings = append(a.answer.Warnings, fmt.Sprintf(format, args...))
}

// unknown notes a question that got no answer.
func (a *asking) unknown(what string, err error) {
	denied, ok := errors.AsType[session.Denied](session.Explain(err, session.Call{Action: what}))
	if ok && denied.Action == "iam:SimulatePrincipalPolicy" {
		a.mu.Lock()
		a.answer.Unasked = true
		a.mu.Unlock()
	}
	if a.custom {
		return
	}
	if ok {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.unasked == nil {
			a.unasked = map[string]bool{}
		}
		a.unasked[denied.Action] = true
		return
	}
	a.warn("permissions are not checked beforehand: %s: %v", what, err)
}

// doubt says in one line what the caller may not ask.
func (a *asking) doubt() {
	if len(a.unasked) > 0 {
		a.answer.Warnings = append(a.answer.Warnings, fmt.Sprintf(
			"permissions are not checked beforehand without %s: one that is missing shows when its call is refused",
			strings.Join(slices.Sorted(maps.Keys(a.unasked)), " and ")))
	}
}

// exists refuses a role that is not there: Lambda says of it only that it
// cannot be assumed, as of one that is a second old.
func (a *asking) exists(ctx context.Context, arn string) {
	_, path, _ := strings.Cut(arn, ":role/")
	found, err := a.iam.role(ctx, path[strings.LastIndexByte(path, '/')+1:])
	switch {
	case err == nil && found != arn:
		a.refuse(fmt.Errorf("role %s does not exist; there is %s", arn, found))
	case isCode(err, "NoSuchEntity") && !a.custom:
		a.refuse(fmt.Errorf("role %s does not exist", arn))
	case err != nil:
		a.unknown("iam:GetRole", err)
	}
}

// actions simulates what the run will call.
func (a *asking) actions(ctx context.Context) {
	principal, role := a.principal()
	if principal == "" {
		return
	}
	if role == "" {
		a.judge(a.simulateAll(ctx, principal))
		return
	}
	// The ARN of a session lacks its role's path. Most roles have none, so both
	// questions go out at once.
	var full string
	var roleErr error
	var asked sync.WaitGroup
	asked.Go(func() { full, roleErr = a.iam.role(ctx, role) })
	guess, err := a.simulateAll(ctx, principal)
	asked.Wait()
	if roleErr == nil && full != principal {
		guess, err = a.simulateAll(ctx, full)
	}
	a.judge(guess, err)
}

// principal is whose policies count: the user, or the role behind a session.
// The root user may do everything, and nobody else's are known.
func (a *asking) principal() (arn, role string) {
	parts := strings.SplitN(a.id.ARN, ":", 6)
	if len(parts) < 6 {
		return "", ""
	}
	if rest, is := strings.CutPrefix(parts[5], "assumed-role/"); is {
		role, _, _ = strings.Cut(rest, "/")
		return "arn:" + a.id.Partition + ":iam::" + a.id.Account + ":role/" + role, role
	}
	if strings.HasPrefix(parts[5], "user/") {
		return a.id.ARN, ""
	}
	return "", ""
}

// simulateAll asks about all needs, those of one service and kind of resource
// together.
func (a *asking) simulateAll(ctx context.Context, principal string) ([]decision, error) {
	var asks []simulation
	at := map[string]int{}
	for _, n := range a.Needs {
		for _, resource := range checked(n) {
			key := kind(n.Action, resource)
			i, known := at[key]
			if !known {
				i, at[key] = len(asks), len(asks)
				asks = append(asks, simulation{principal: principal, context: map[string]string{
					"iam:PassedToService": "lambda.amazonaws.com", "aws:RequestedRegion": a.Region,
				}})
			}
			add(&asks[i].actions, n.Action)
			add(&asks[i].resources, resource)
		}
	}
	answers := make([][]decision, len(asks))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range asks {
		group.Go(func() (err error) { answers[i], err = a.iam.simulate(ctx, s); return err })
	}
	err := group.Wait()
	return slices.Concat(answers...), err
}

// checked are the resources to ask about.
func checked(n policy.Need) []string {
	if n.Checked != nil {
		return n.Checked
	}
	var list []string
	for _, r := range n.Resources {
		if r == "*" || !strings.HasSuffix(r, "*") {
			list = append(list, r)
			continue
		}
		list = append(list, strings.TrimSuffix(r, "*")+"x")
	}
	return list
}

// kind keeps apart what one simulation does not take together.
func kind(action, resource string) string {
	service, _, _ := strings.Cut(action, ":")
	if parts := strings.Split(resource, ":"); len(parts) > 5 {
		what, _, _ := strings.Cut(parts[5], "/")
		return service + " " + what
	}
	return service + " " + resource
}

func add(list *[]string, value string) {
	if !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
}

// own are the services whose actions the caller's own policies decide about.
// For the others a policy of the bucket, key or repository may allow what the
// simulation does not.
var own = map[string]bool{"lambda": true, "iam": true, "ec2": true, "elasticfilesystem": true, "codedeploy": true}

// judge refuses the needs that no decision allows.
func (a *asking) judge(decisions []decision, err error) {
	if err != nil {
		a.unknown("iam:SimulatePrincipalPolicy", err)
		return
	}
	found := map[[2]string]decision{}
	for _, d := range decisions {
		found[[2]string{strings.ToLower(d.Action), d.Resource}] = d
	}
	said := map[[2]string]bool{}
	for _, n := range a.Needs {
		for _, resource := range checked(n) {
			key := [2]string{strings.ToLower(n.Action), resource}
			d, answered := found[key]
			if !answered || d.allowed() || said[key] {
				continue
			}
			said[key] = true
			denied := session.Denied{Action: n.Action, Resource: resource, Principal: a.id.ARN, Explicit: d.Decision == "explicitDeny", Err: errSimulated}
			a.answer.Missing = append(a.answer.Missing, denied)
			service, _, _ := strings.Cut(n.Action, ":")
			switch {
			case !own[service]:
				a.warn("%v (unless the resource's own policy does)", denied)
			case len(d.Missing) > 0:
				a.warn("%v (as far as IAM can say without %s)", denied, strings.Join(d.Missing, ", "))
			case n.Without != "":
				a.warn("%v (%s)", denied, n.Without)
			case n.LookUp:
				a.warn("%v (a rollback asks it before it deletes what this deployment creates; without the answer it deletes nothing)", denied)
			default:
				a.refuse(denied)
			}
		}
	}
}

var errSimulated = errors.New("iam:SimulatePrincipalPolicy says so")

func isCode(err error, code string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == code
}
