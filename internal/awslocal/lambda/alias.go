package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

type alias struct {
	Name            string
	FunctionVersion string
	Description     string
	RevisionID      string
	Weights         map[string]float64 `json:",omitempty"`
	// Moving are the weights that AWS injects for a while when an alias with
	// provisioned concurrency moves (developer guide, "Provisioned concurrency").
	Moving *moving `json:",omitempty"`
}

type moving struct {
	Until   time.Time
	Weights map[string]float64
}

func (a *alias) settle(now time.Time) {
	if a.Moving != nil && !now.Before(a.Moving.Until) {
		a.Moving = nil
	}
}

type routingConfig struct {
	AdditionalVersionWeights map[string]float64 `json:",omitempty"`
}

type aliasConfiguration struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RevisionId      string
	RoutingConfig   *routingConfig `json:",omitempty"`
}

// weights are those that traffic follows now, AWS's own included.
func (a *alias) weights(now time.Time) map[string]float64 {
	if a.Moving != nil && now.Before(a.Moving.Until) {
		return a.Moving.Weights
	}
	return a.Weights
}

func (f *function) showAlias(a *alias, now time.Time) aliasConfiguration {
	out := aliasConfiguration{AliasArn: f.arn(a.Name), Name: a.Name, FunctionVersion: a.FunctionVersion,
		Description: a.Description, RevisionId: a.RevisionID}
	if w := a.weights(now); len(w) > 0 {
		out.RoutingConfig = &routingConfig{w}
	}
	return out
}

// aliasesOf lists the aliases that name a version, by weight too.
func (f *function) aliasesOf(number string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Aliases)) {
		a := f.Aliases[name]
		if _, weighted := a.Weights[number]; weighted || a.FunctionVersion == number {
			names = append(names, name)
		}
	}
	return names
}

// aliasShown is the pattern that messages show; its look-ahead is checked
// apart.
const aliasShown = `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`

var aliasPattern = newPattern(`[a-zA-Z0-9-_]+`)

// constrainAlias words its violations as TestLambdaAlias::test_alias_naming does.
func constrainAlias(f *violations, name string) {
	f.length("name", name, 128)
	if !aliasPattern.matches(name) || strings.Trim(name, "0123456789") == "" {
		f.add("name", name, "Member must satisfy regular expression pattern: "+aliasShown)
	}
}

// constrain words its violations as
// TestLambdaAlias::test_notfound_and_invalid_routingconfigs does.
func (rc *routingConfig) constrain(f *violations) {
	if rc == nil {
		return
	}
	const field = "routingConfig.additionalVersionWeights"
	var shown []string
	badKey, badValue := false, false
	for _, k := range slices.Sorted(maps.Keys(rc.AdditionalVersionWeights)) {
		w := rc.AdditionalVersionWeights[k]
		text := strconv.FormatFloat(w, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		shown = append(shown, k+"="+text)
		badKey = badKey || !isNumber(k)
		badValue = badValue || w < 0 || w > 1
	}
	value := "{" + strings.Join(shown, ", ") + "}"
	if badKey {
		f.add(field, value, "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "+
			"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]")
	}
	if badValue {
		f.add(field, value, "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "+
			"Member must have value greater than or equal to 0.0, Member must not be null]")
	}
}

// checkRouting holds an alias to AWS's rules of routing: two published versions
// at most, of one role and dead-letter queue (developer guide, "Weighted
// aliases").
func (f *function) checkRouting(target string, weights map[string]float64) error {
	if len(weights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	if len(weights) > 0 && target == latest {
		e := invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		e.Fields = map[string]string{"Type": ""}
		return e
	}
	main := f.version(target)
	if main == nil {
		return functionNotFound(f.arn(target))
	}
	for number := range weights {
		if number == target {
			return invalid("Invalid function version " + number + ". Function version " + number +
				" is already included in routing configuration.")
		}
		other := f.version(number)
		if other == nil {
			return functionNotFound(f.arn(number))
		}
		if err := sameRouting(main, other); err != nil {
			return err
		}
	}
	return nil
}

func sameRouting(a, b *version) error {
	dlq := func(v *version) string {
		if v.Config.DeadLetterConfig == nil {
			return ""
		}
		return v.Config.DeadLetterConfig.TargetArn
	}
	switch {
	case a.Config.Role != b.Config.Role:
		return invalid("Both versions must have the same execution role.")
	case dlq(a) != dlq(b):
		return invalid("Both versions must have the same dead-letter queue configuration.")
	}
	return nil
}

func (s *Service) createAlias(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Name, FunctionVersion string
		Description           string
		RoutingConfig         *routingConfig
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	constrainAlias(&broken, in.Name)
	constrainVersion(&broken, in.FunctionVersion)
	broken.length("description", in.Description, 256)
	in.RoutingConfig.constrain(&broken)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.existing(t, functionNotFound(t.arn(in.FunctionVersion)))
	if err != nil {
		return answer{}, err
	}
	a := &alias{Name: in.Name, FunctionVersion: in.FunctionVersion, Description: in.Description, RevisionID: api.NewID()}
	if in.RoutingConfig != nil {
		a.Weights = in.RoutingConfig.AdditionalVersionWeights
	}
	if err := f.checkRouting(a.FunctionVersion, a.Weights); err != nil {
		return answer{}, err
	}
	if f.Aliases[in.Name] != nil {
		return answer{}, conflict("Alias already exists: " + f.arn(in.Name))
	}
	if err := f.servable(a); err != nil {
		return answer{}, err
	}
	if f.Aliases == nil {
		f.Aliases = map[string]*alias{}
	}
	f.Aliases[a.Name] = a
	return answer{http.StatusCreated, f.showAlias(a, s.Clock())}, s.save(r, f)
}

// servable refuses an alias on a version that has failed.
func (f *function) servable(a *alias) error {
	for _, number := range append(slices.Collect(maps.Keys(a.Weights)), a.FunctionVersion) {
		if v := f.version(number); v != nil && v.Life.State == stateFailed && number != latest {
			return conflict("The operation cannot be performed at this time. The function is currently in the following state: Failed")
		}
	}
	return nil
}

func constrainVersion(f *violations, number string) {
	if number != latest && !isNumber(number) {
		f.add("functionVersion", number, `Member must satisfy regular expression pattern: (\$LATEST|[0-9]+)`)
	}
}

func (s *Service) updateAlias(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		FunctionVersion *string
		Description     *string
		RoutingConfig   *routingConfig
		RevisionId      string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	if in.FunctionVersion != nil {
		constrainVersion(&broken, *in.FunctionVersion)
	}
	if in.Description != nil {
		broken.length("description", *in.Description, 256)
	}
	in.RoutingConfig.constrain(&broken)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, a, err := s.editAlias(t, r.vars["Name"], "Alias not found: ")
	if err != nil {
		return answer{}, err
	}
	if err := matches(in.RevisionId, a.RevisionID); err != nil {
		return answer{}, err
	}
	old := *a
	give(&a.FunctionVersion, in.FunctionVersion)
	give(&a.Description, in.Description)
	if in.RoutingConfig != nil {
		a.Weights = in.RoutingConfig.AdditionalVersionWeights
	}
	if err := f.checkRouting(a.FunctionVersion, a.Weights); err != nil {
		return answer{}, err
	}
	if err := f.servable(a); err != nil {
		return answer{}, err
	}
	if err := s.moveProvisioned(f, &old, a); err != nil {
		return answer{}, err
	}
	a.RevisionID = api.NewID()
	return answer{http.StatusOK, f.showAlias(a, s.Clock())}, s.save(r, f)
}

// editAlias finds an alias to change; missing is how its absence is worded.
func (s *Service) editAlias(t target, name, missing string) (*function, *alias, error) {
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return nil, nil, err
	}
	if f == nil || f.Aliases[name] == nil {
		return nil, nil, notFound(missing + t.arn(name))
	}
	return f, f.Aliases[name], nil
}

func (s *Service) getAlias(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	name := r.vars["Name"]
	missing := notFound("Cannot find alias arn: " + t.arn(name))
	f, err := s.look(t, missing)
	if err != nil {
		return answer{}, err
	}
	if f.Aliases[name] == nil {
		return answer{}, missing
	}
	return answer{http.StatusOK, f.showAlias(f.Aliases[name], s.Clock())}, nil
}

// deleteAlias succeeds for an alias that is not there
// (TestLambdaAlias::test_non_existent_alias_deletion).
func (s *Service) deleteAlias(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return answer{}, err
	}
	name := r.vars["Name"]
	if f == nil || f.Aliases[name] == nil {
		return answer{status: http.StatusNoContent}, nil
	}
	delete(f.Aliases, name)
	delete(f.Policies, name)
	delete(f.URLs, name)
	delete(f.EventInvoke, name)
	delete(f.Provisioned, name)
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func (s *Service) listAliases(r *request) (answer, error) {
	f, _, _, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	var out []aliasConfiguration
	for _, name := range slices.Sorted(maps.Keys(f.Aliases)) {
		a := f.Aliases[name]
		if only := r.query("FunctionVersion"); only != "" && only != a.FunctionVersion {
			continue
		}
		out = append(out, f.showAlias(a, s.Clock()))
	}
	return page(r, "Aliases", out)
}
