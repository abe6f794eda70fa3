package lambda

import (
	"net/http"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/call"
)

// change reads a function for a call that changes $LATEST: it must exist, be
// settled, and stand at the RevisionId. The caller holds s.mu.
func (s *Service) change(t target, revisionID string) (*function, error) {
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, functionNotFound(t.arn(""))
	}
	if err := f.busy(); err != nil {
		return nil, err
	}
	return f, matches(revisionID, f.Latest.RevisionID)
}

// begin starts an update of $LATEST: invocations stay with what served before.
func (s *Service) begin(f *function, t target) {
	now := s.Clock()
	if f.Latest.Serving == nil {
		f.Latest.Serving = &served{f.Latest.Config.clone(), f.Latest.Code}
	}
	f.Latest.Life = updating(now.Add(s.InProgress), s.faults.take(t, stateOfUpdate))
	f.Latest.touch(now)
}

// updateFunctionConfiguration takes the RevisionId as its first precondition
// and moves it even where nothing changes (test_redundant_updates).
func (s *Service) updateFunctionConfiguration(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	if err := r.tooLong(); err != nil {
		return answer{}, err
	}
	var in struct {
		configInput
		RevisionId string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken faults
	in.constrain(&broken)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	if err := in.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	if err := f.immutable(&in.configInput); err != nil {
		return answer{}, err
	}
	s.begin(f, t)
	c := &f.Latest.Config
	c.put(&in.configInput)
	c.RuntimeVersionConfig = c.runtimeVersion(call.Partition(t.region), t.region)
	if err := s.useLayers(r, f, in.Layers); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, f.show(&f.Latest, "")}, s.save(r, f)
}

// immutable refuses what no update may change.
func (f *function) immutable(in *configInput) error {
	c := &f.Latest.Config
	switch {
	case c.imagePackage() && (in.Runtime != nil && *in.Runtime != "" || in.Handler != nil && *in.Handler != "" || in.Layers != nil && len(*in.Layers) > 0):
		return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	case !c.imagePackage() && in.ImageConfig != nil && !in.ImageConfig.empty():
		return invalid("ImageConfig is not supported for functions created with deployment packages.")
	case in.DurableConfig != nil && c.DurableConfig == nil:
		return invalid("DurableConfig cannot be added to an existing function.")
	case in.CapacityProviderConfig != nil && c.CapacityProviderConfig == nil:
		return invalid("CapacityProviderConfig cannot be added to an existing function.")
	case in.SnapStart != nil && in.SnapStart.ApplyOn == snapStartPublished && in.Runtime == nil && !hasSnapStart(c.Runtime):
		return invalid(c.Runtime + " is not supported for SnapStart enabled functions.")
	}
	return nil
}

func (s *Service) updateFunctionCode(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		codeInput
		Architectures []string
		Publish       bool
		PublishTo     string
		DryRun        bool
		RevisionId    string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken faults
	constrainArchitectures(&broken, in.Architectures)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	packageType, err := s.packageType(t)
	if err != nil {
		return answer{}, err
	}
	taken, err := s.takeCode(r, &in.codeInput, packageType)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	s.begin(f, t)
	f.Latest.Code = taken
	if len(in.Architectures) > 0 {
		f.Latest.Config.Architectures = in.Architectures
		f.Latest.Config.RuntimeVersionConfig = f.Latest.Config.runtimeVersion(call.Partition(t.region), t.region)
	}
	if in.DryRun {
		return answer{http.StatusOK, f.show(&f.Latest, "")}, nil
	}
	shown := f.show(&f.Latest, "")
	if in.Publish {
		v := s.publishPending(f, t)
		shown = f.show(v, v.Version)
	}
	return answer{http.StatusOK, shown}, s.save(r, f)
}

// publishPending makes the version that an update of the code asked for: it is
// Pending, without a LastUpdateStatus, until the update is through
// (TestLambdaVersions::test_publish_with_update). Where nothing differs from the
// last version, that one stands.
func (s *Service) publishPending(f *function, t target) *version {
	if last := f.newest(); last != nil && last.same(&f.Latest) {
		return last
	}
	now := s.Clock()
	v := f.publish(now, f.Latest.Config.Description)
	v.Life = creating(now.Add(s.InProgress), s.faults.take(t, stateOfVersion))
	return v
}

// packageType is read before the code is taken in, so that a body of 50 MB is
// not stored for a function that is not there.
func (s *Service) packageType(t target) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(t.account, t.region, t.name)
	if err != nil {
		return "", err
	}
	if f == nil {
		return "", functionNotFound(t.arn(""))
	}
	return f.Latest.Config.PackageType, nil
}

// publishVersion compares with the last version, and gives that one back where
// nothing changed; the new description is then ignored
// (TestLambdaVersions::test_version_lifecycle).
func (s *Service) publishVersion(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		CodeSha256  string
		Description *string
		RevisionId  string
		PublishTo   string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken faults
	if in.Description != nil {
		broken.length("description", *in.Description, 256)
	}
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	if in.CodeSha256 != "" && in.CodeSha256 != f.Latest.Code.Sha256 {
		return answer{}, invalid("CodeSHA256 (" + in.CodeSha256 + ") is different from current CodeSHA256 in $LATEST (" +
			f.Latest.Code.Sha256 + "). Please try again with the CodeSHA256 in $LATEST.")
	}
	if last := f.newest(); last != nil && last.same(&f.Latest) {
		return answer{http.StatusCreated, f.show(last, last.Version)}, nil
	}
	description := f.Latest.Config.Description
	if in.Description != nil && *in.Description != "" {
		description = *in.Description
	}
	v := s.newVersion(f, t, description)
	return answer{http.StatusCreated, f.show(v, v.Version)}, s.save(r, f)
}

// newVersion publishes a settled $LATEST. The version is Active at once, but
// for SnapStart, where it is Pending until the snapshot is there
// (TestLambdaSnapStart::test_snapstart_lifecycle). $LATEST's own RevisionId moves
// (TestLambdaRevisions::test_function_revisions_version_and_alias).
func (s *Service) newVersion(f *function, t target, description string) *version {
	now := s.Clock()
	v := f.publish(now, description)
	f.Latest.RevisionID = call.NewID()
	fail := s.faults.take(t, stateOfVersion)
	if fail != nil || v.Config.SnapStart.ApplyOn == snapStartPublished {
		v.Life = creating(now.Add(s.Pending), fail)
	}
	return v
}

// same says whether nothing has changed in $LATEST since v was published. A new
// Description of $LATEST is a change (TestLambdaVersions::test_version_lifecycle),
// that of the call to PublishVersion is not.
func (v *version) same(latest *version) bool {
	a, b := v.Config.clone(), latest.Config.clone()
	a.Description = v.LatestDescription
	a.SnapStart.OptimizationStatus, b.SnapStart.OptimizationStatus = "", ""
	left, err1 := compactJSON([]any{a, v.Code.Sha256, v.Code.KMSKeyArn})
	right, err2 := compactJSON([]any{b, latest.Code.Sha256, latest.Code.KMSKeyArn})
	return err1 == nil && err2 == nil && left == right
}

func (s *Service) deleteFunction(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	switch {
	case t.qualifier == latest:
		return answer{}, invalid("$LATEST version cannot be deleted without deleting the function.")
	case t.qualifier != "" && !isNumber(t.qualifier) && t.qualifier[0] != '$':
		return answer{}, invalid("Deletion of aliases is not currently supported.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return answer{}, err
	}
	if f == nil {
		return answer{}, functionNotFound(t.arn(""))
	}
	if t.qualifier == "" {
		return answer{status: http.StatusNoContent}, s.remove(r, f)
	}
	if err := f.dropVersion(t.qualifier); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

// dropVersion removes a published version that no alias names.
func (f *function) dropVersion(number string) error {
	for i := range f.Versions {
		if f.Versions[i].Version != number {
			continue
		}
		if used := f.aliasesOf(number); len(used) > 0 {
			return conflict("Version " + number + " is in use by aliases: " + list(used))
		}
		f.Versions = append(f.Versions[:i], f.Versions[i+1:]...)
		delete(f.Policies, number)
		delete(f.EventInvoke, number)
		delete(f.Provisioned, number)
		delete(f.Runtimes, number)
		return nil
	}
	return nil
}

func (s *Service) getFunction(r *request) (answer, error) {
	f, v, t, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	body := getFunctionOutput{Configuration: f.shownAt(v, t.qualifier, s.Clock()), Code: s.location(r, v), Tags: f.Tags}
	if f.Reserved != nil {
		body.Concurrency = &concurrency{*f.Reserved}
	}
	return answer{http.StatusOK, body}, nil
}

type getFunctionOutput struct {
	Configuration functionConfiguration
	Code          codeLocation
	Tags          map[string]string `json:",omitempty"`
	Concurrency   *concurrency      `json:",omitempty"`
}

func (s *Service) getFunctionConfiguration(r *request) (answer, error) {
	f, v, t, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, f.shownAt(v, t.qualifier, s.Clock())}, nil
}

// read finds the version that a request names.
func (s *Service) read(r *request) (*function, *version, target, error) {
	t, err := r.target()
	if err != nil {
		return nil, nil, t, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(t.account, t.region, t.name)
	if err != nil {
		return nil, nil, t, err
	}
	if f != nil {
		if v := f.resolve(t.qualifier); v != nil {
			return f, v, t, nil
		}
	}
	return nil, nil, t, functionNotFound(t.arn(t.qualifier))
}

func (s *Service) listFunctions(r *request) (answer, error) {
	var broken faults
	if v := r.query("FunctionVersion"); v != "" {
		broken.enum("functionVersion", v, "ALL")
	}
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := r.query("FunctionVersion") == "ALL"
	now := s.Clock()
	var out []functionConfiguration
	for _, name := range s.functions(r.caller.Account, r.caller.Region) {
		f, err := s.view(r.caller.Account, r.caller.Region, name)
		if err != nil {
			return answer{}, err
		}
		if !all {
			out = append(out, f.listed(&f.Latest, "", now))
			continue
		}
		out = append(out, f.listed(&f.Latest, latest, now))
		for i := range f.Versions {
			out = append(out, f.listed(&f.Versions[i], f.Versions[i].Version, now))
		}
	}
	return page(r, "Functions", out)
}

func (s *Service) listVersionsByFunction(r *request) (answer, error) {
	f, _, _, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	now := s.Clock()
	out := []functionConfiguration{f.listed(&f.Latest, latest, now)}
	for i := range f.Versions {
		out = append(out, f.listed(&f.Versions[i], f.Versions[i].Version, now))
	}
	return page(r, "Versions", out)
}

// page gives MaxItems of the items that follow Marker. A marker is the place of
// the first item that has not been given yet.
func page[T any](r *request, name string, items []T) (answer, error) {
	start, size := 0, 50
	if m := r.query("Marker"); m != "" {
		var err error
		if start, err = strconv.Atoi(m); err != nil || start < 0 {
			return answer{}, invalid("Invalid Marker")
		}
	}
	if m := r.query("MaxItems"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > 10000 {
			var f faults
			f.add("maxItems", m, "Member must have value between 1 and 10000")
			return answer{}, f.err()
		}
		size = min(n, 50)
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	body := map[string]any{name: append([]T{}, items[start:end]...)}
	if end < len(items) {
		body["NextMarker"] = strconv.Itoa(end)
	}
	return answer{http.StatusOK, body}, nil
}
