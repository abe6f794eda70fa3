package engine

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// fake is one function in a Lambda that answers at once. Faults and other
// writers come in through before and after.
type fake struct {
	mu       sync.Mutex
	function *definition.Observed
	versions []*definition.Observed
	// published is $LATEST.PUBLISHED; nil where there is none.
	published *definition.Observed
	aliases   map[string]*definition.ObservedAlias
	signing   string
	settings  plan.Settings
	// status is the provisioned concurrency of the aliases, attached what hangs on
	// the function.
	status   map[string]string
	attached []lambdaapi.Attachment
	denied   error
	revision int
	// settleAfter is how many looks an update takes to end.
	settleAfter, looks int

	calls []string
	// before is asked ahead of the nth call of an operation, after behind it: an
	// error takes the place of the answer.
	before, after func(call string, n int) error
}

// apiError is an answer of AWS that refuses.
func apiError(status int, code, message string) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}
}

var (
	lost        = errors.New("no answer")
	refusal     = apiError(400, "InvalidParameterValueException", "The runtime does not fit")
	throttled   = apiError(429, "TooManyRequestsException", "Rate exceeded")
	notYet      = apiError(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
	conflicting = apiError(409, "ResourceConflictException", "An update is in progress for resource")
	taken       = apiError(409, "ResourceConflictException", "Alias already exists")
	stale       = apiError(412, "PreconditionFailedException", "The RevisionId provided does not match")
	denial      = apiError(403, "AccessDeniedException", "not authorized")
)

// call counts a call and lets a fault come before it.
func (f *fake) call(name string) (n int, err error) {
	f.calls = append(f.calls, name)
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	if f.before != nil {
		err = f.before(name, n)
	}
	return n, err
}

func (f *fake) done(name string, n int) error {
	if f.after != nil {
		return f.after(name, n)
	}
	return nil
}

// changes are the calls that change something, in their order.
func (f *fake) changes() []string {
	var all []string
	for _, c := range f.calls {
		switch c {
		case "Find", "FindAlias", "ListAliases", "ListVersions", "Provisioned", "CodeSigning", "Attached":
		default:
			all = append(all, c)
		}
	}
	return all
}

func (f *fake) next() string { f.revision++; return strconv.Itoa(f.revision) }

// update starts an update of $LATEST.
func (f *fake) update(change func(*definition.Observed)) *definition.Observed {
	now := *f.function
	change(&now)
	now.RevisionId, now.Update.Value = f.next(), "InProgress"
	f.function, f.looks = &now, 0
	answer := now
	return &answer
}

func (f *fake) Region() string        { return "eu-west-1" }
func (f *fake) Timing() timing.Timing { return timing.Default() }

func (f *fake) Find(_ context.Context, _, qualifier string) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Find")
	if err != nil {
		return nil, err
	}
	if qualifier != "" {
		return f.find(qualifier), f.done("Find", n)
	}
	if f.function == nil {
		return nil, f.done("Find", n)
	}
	if f.looks++; f.looks >= f.settleAfter && !f.function.Settled() {
		settled := *f.function
		settled.Update.Value, settled.State.Value, settled.RevisionId = "Successful", "Active", f.next()
		f.function = &settled
	}
	seen := *f.function
	return &seen, f.done("Find", n)
}

func (f *fake) find(qualifier string) *definition.Observed {
	if a := f.aliases[qualifier]; a != nil {
		qualifier = a.Version
	}
	for _, v := range append(f.versions[:len(f.versions):len(f.versions)], f.published) {
		if v != nil && v.Version == qualifier {
			seen := *v
			return &seen
		}
	}
	return nil
}

func (f *fake) FindAlias(_ context.Context, _, alias string) (*definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("FindAlias")
	if err != nil {
		return nil, err
	}
	if a := f.aliases[alias]; a != nil {
		seen := *a
		return &seen, f.done("FindAlias", n)
	}
	return nil, f.done("FindAlias", n)
}

func (f *fake) ListAliases(context.Context, string) ([]definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.call("ListAliases"); err != nil {
		return nil, err
	}
	var all []definition.ObservedAlias
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if f.aliases[name] != nil {
			all = append(all, *f.aliases[name])
		}
	}
	return all, nil
}

func (f *fake) ListVersions(context.Context, string) ([]lambdaapi.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.call("ListVersions"); err != nil {
		return nil, err
	}
	var all []lambdaapi.Version
	for _, v := range f.versions {
		all = append(all, lambdaapi.Version{Number: v.Version, Description: *v.Description})
	}
	return all, nil
}

func (f *fake) Provisioned(_ context.Context, _, alias string) (definition.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("Provisioned")
	status := f.status[alias]
	if status == "IN_PROGRESS" {
		f.status[alias] = "READY"
	}
	return definition.Status{Value: status}, err
}

func (f *fake) CodeSigning(context.Context, string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("CodeSigning")
	return f.signing, err
}

func (f *fake) Settings(_ context.Context, _ string, keys []definition.SettingKey, _ []string) (plan.Settings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Settings")
	found := plan.Settings{}
	for _, key := range keys {
		found[key] = f.settings[key]
	}
	return found, errors.Join(err, f.done("Settings", n))
}

func (f *fake) PutSetting(_ context.Context, _ string, s definition.Setting, _ bool) (definition.SettingValue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("PutSetting")
	if err != nil {
		return nil, err
	}
	f.settings[s.SettingKey] = s.Value
	return s.Value, f.done("PutSetting", n)
}

func (f *fake) DeleteSetting(_ context.Context, _ string, key definition.SettingKey) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("DeleteSetting")
	if err != nil {
		return err
	}
	delete(f.settings, key)
	return f.done("DeleteSetting", n)
}

func (f *fake) Attached(_ context.Context, _ string, qualifiers []string) ([]lambdaapi.Attachment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.call("Attached")
	var found []lambdaapi.Attachment
	for _, a := range f.attached {
		if slices.Contains(qualifiers, a.Qualifier) {
			found = append(found, a)
		}
	}
	return found, errors.Join(err, f.denied)
}

func (f *fake) CreateFunction(_ context.Context, d definition.Function, code definition.Code) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("CreateFunction")
	if err != nil {
		return nil, err
	}
	if f.function != nil {
		return nil, apiError(409, "ResourceConflictException", "Function already exist")
	}
	f.function = &definition.Observed{Function: d, Arn: "arn:f", Version: plan.Latest, CodeSha256: code.Sha256, RevisionId: f.next(), State: definition.Status{Value: "Pending"}}
	f.looks = 0
	answer := *f.function
	return &answer, f.done("CreateFunction", n)
}

func (f *fake) checked(revision string) error {
	switch {
	case f.function == nil:
		return apiError(404, "ResourceNotFoundException", "Function not found")
	case !f.function.Settled():
		return conflicting
	case revision != f.function.RevisionId:
		return stale
	}
	return nil
}

func (f *fake) UpdateConfiguration(_ context.Context, _ string, patch definition.Function, revision string) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateConfiguration")
	if err != nil {
		return nil, err
	}
	if err := f.checked(revision); err != nil {
		return nil, err
	}
	return f.update(func(o *definition.Observed) { o.Function = o.Function.Merge(patch) }), f.done("UpdateConfiguration", n)
}

func (f *fake) UpdateCode(_ context.Context, u lambdaapi.CodeUpdate) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateCode")
	if err != nil {
		return nil, err
	}
	if err := f.checked(u.RevisionId); err != nil {
		return nil, err
	}
	return f.update(func(o *definition.Observed) { o.CodeSha256, o.Architectures = u.Code.Sha256, u.Architectures }), f.done("UpdateCode", n)
}

func (f *fake) PublishVersion(_ context.Context, p lambdaapi.Publication) (*definition.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("PublishVersion")
	if err != nil {
		return nil, err
	}
	if err := f.checked(p.RevisionId); err != nil {
		return nil, err
	}
	if p.Latest {
		v := *f.function
		v.Version, v.Description = plan.LatestPublished, &p.Description
		f.published = &v
		answer := v
		return &answer, f.done("PublishVersion", n)
	}
	if len(f.versions) > 0 {
		if last := *f.versions[len(f.versions)-1]; plan.SameContent(&last, f.function) {
			return &last, f.done("PublishVersion", n)
		}
	}
	v := *f.function
	v.Version, v.Description = strconv.Itoa(len(f.versions)+1), &p.Description
	v.Arn += ":" + v.Version
	f.versions = append(f.versions, &v)
	moved := *f.function
	moved.RevisionId = f.next()
	f.function = &moved
	answer := v
	return &answer, f.done("PublishVersion", n)
}

func (f *fake) CreateAlias(_ context.Context, _ string, a definition.Alias) (definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("CreateAlias")
	if err != nil {
		return definition.ObservedAlias{}, err
	}
	if f.aliases[a.Name] != nil {
		return definition.ObservedAlias{}, taken
	}
	f.aliases[a.Name] = &definition.ObservedAlias{Alias: a, RevisionId: f.next()}
	return *f.aliases[a.Name], f.done("CreateAlias", n)
}

func (f *fake) UpdateAlias(_ context.Context, _ string, a definition.Alias, revision string) (definition.ObservedAlias, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("UpdateAlias")
	now := f.aliases[a.Name]
	switch {
	case err != nil:
		return definition.ObservedAlias{}, err
	case now == nil:
		return definition.ObservedAlias{}, apiError(404, "ResourceNotFoundException", "Alias not found")
	case now.RevisionId != revision:
		return definition.ObservedAlias{}, stale
	}
	if a.Description == nil {
		a.Description = now.Description
	}
	answer := definition.ObservedAlias{Alias: a, RevisionId: f.next()}
	f.aliases[a.Name] = &answer
	copied := answer
	return copied, f.done("UpdateAlias", n)
}

func (f *fake) DeleteAlias(_ context.Context, _, alias string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("DeleteAlias")
	if err != nil {
		return err
	}
	delete(f.aliases, alias)
	return f.done("DeleteAlias", n)
}

func (f *fake) DeleteFunction(_ context.Context, _, qualifier string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("DeleteFunction")
	if err != nil {
		return err
	}
	if qualifier == "" {
		f.function, f.versions, f.aliases = nil, nil, map[string]*definition.ObservedAlias{}
	}
	f.versions = slices.DeleteFunc(f.versions, func(v *definition.Observed) bool { return v.Version == qualifier })
	if qualifier == plan.LatestPublished {
		f.published = nil
	}
	return f.done("DeleteFunction", n)
}

func (f *fake) Tag(_ context.Context, _ string, tags map[string]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Tag")
	if err != nil {
		return err
	}
	now := *f.function
	now.Tags = maps.Clone(now.Tags)
	maps.Copy(now.Tags, tags)
	now.RevisionId = f.next()
	f.function = &now
	return f.done("Tag", n)
}

func (f *fake) Untag(_ context.Context, _ string, keys []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("Untag")
	if err != nil {
		return err
	}
	now := *f.function
	now.Tags = maps.Clone(now.Tags)
	maps.DeleteFunc(now.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
	f.function = &now
	return f.done("Untag", n)
}

func (f *fake) SetCodeSigning(_ context.Context, _, arn string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.call("SetCodeSigning")
	if err != nil {
		return err
	}
	f.signing = arn
	return f.done("SetCodeSigning", n)
}
