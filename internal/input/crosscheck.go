package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/address"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// crossCheck finds inputs that contradict each other.
func (s *Set) crossCheck() diag.List {
	var problems diag.List
	fail := func(message, hint string) {
		problems = append(problems, diag.Problem{Message: message, Hint: hint})
	}
	s.crossCheckPlaces(fail)
	if !s.crossCheckFiles(fail) {
		return problems
	}
	s.crossCheckSources(fail)
	s.crossCheckCredentials(fail)
	s.crossCheckWatch(fail)
	if warm, first := s.values["guard-warm-up"].length, s.values["traffic"].course.Stages()[0].Wait; first > 0 && warm >= first {
		fail(fmt.Sprintf("guard-warm-up leaves out all of the first stage, which lasts %s: nobody would watch it", traffic.FormatDuration(first)), "give a shorter one, or a longer stage")
	}
	s.crossCheckGates(fail)
	s.crossCheckNotify(fail)
	s.crossCheckFunction(fail)
	if s.command == "shift" {
		s.crossCheckShift(fail)
	}
	s.crossCheckCodeDeploy(fail)
	return problems
}

// nothingSays is what a command that reads files lacks without them.
var nothingSays = map[string]struct{ message, hint string }{
	"rollback": {"nothing says what goes back in time", "give function and alias, or the files of the deploy: service or function-definition"},
	"status":   {"nothing says what to look at", "give function, or the files of a deploy: service or function-definition"},
}

// crossCheckFiles wants the files of a deployment where the command reads them. It
// reports whether more is worth saying.
func (s *Set) crossCheckFiles(fail func(message, hint string)) bool {
	service, definition := s.values["service"].given, s.values["function-definition"].given
	switch {
	case !s.crossCheckReader(fail):
	case service && definition:
		fail("service and function-definition are two ways to say what to deploy", "give one of them")
	case service || definition || s.values["files"].given:
	default:
		if lack, other := nothingSays[s.command]; other {
			fail(lack.message, lack.hint)
			return false
		}
		fail("nothing says what to deploy", "give service (a Harness Service file) or function-definition (the shape of CreateFunction)")
	}
	return true
}

// crossCheckReader reports whether the command reads files as it is called.
func (s *Set) crossCheckReader(fail func(message, hint string)) bool {
	switch s.command {
	case "rollback":
		return s.crossCheckInstant(fail)
	case "status":
		return s.crossCheckStatus(fail)
	case "policy":
		reads := slices.Contains([]string{"deployment", "service", "plan"}, s.values["scope"].text)
		if reads && s.values["function"].given {
			fail("function is given for a policy of files", "give scope, too: --scope status")
		}
		return reads
	}
	return slices.Contains(readsFiles, s.command)
}

// crossCheckSources finds values that come from two places.
func (s *Set) crossCheckSources(fail func(message, hint string)) {
	for _, name := range []string{"secrets", "variables"} {
		for _, id := range slices.Sorted(maps.Keys(s.values[name+"-from"].pairs)) {
			if _, twice := s.values[name].pairs[id]; twice {
				fail(fmt.Sprintf("%s and %s-from both have a value for %q", name, name, id), "give one of them")
			}
		}
	}
}

func (s *Set) crossCheckCredentials(fail func(message, hint string)) {
	given := func(name string) bool { return s.values[name].given }
	if given("aws-access-key-id") != given("aws-secret-access-key") {
		fail("aws-access-key-id and aws-secret-access-key belong together", "give both or neither")
	}
	if given("aws-session-token") && !given("aws-access-key-id") {
		fail("aws-session-token is given without aws-access-key-id", "give all three of the credentials")
	}
	if s.values["role-chaining"].truth && !given("role-to-assume") {
		fail("role-chaining is given without role-to-assume", "give the role to assume")
	}
}

// crossCheckWatch looks at what decides about a rollback.
func (s *Set) crossCheckWatch(fail func(message, hint string)) {
	if on := s.values["rollback-on"].list; len(on) > 1 && slices.Contains(on, "never") {
		fail("rollback-on says never and something else", "give never alone")
	}
	if what := s.values["guard"].list; len(what) > 1 && slices.Contains(what, "none") {
		fail("guard says none and something else", "give none alone")
	}
	if s.values["alarm-bake"].length > 0 && !s.values["alarms"].given {
		fail("alarm-bake is given without alarms", "name the alarms")
	}
	if rate := s.values["max-error-rate"]; rate.given && strings.Trim(rate.text, "0.%") == "" {
		fail("max-error-rate is 0: one error in a million invocations would exceed it", "give a rate above 0, such as 1%")
	}
}

func (s *Set) crossCheckNotify(fail func(message, hint string)) {
	notify := s.values["notify"]
	if !notify.given {
		return
	}
	if _, err := address.Parse(notify.text); err != nil {
		fail("notify: "+err.Error(), "give one: https://example.com/hook")
	}
}

// works is what commands of one function do with it.
var works = map[string]string{"invoke": "invoke", "history": "look at", "logs": "print the log of", "prune": "prune", "init": "write the files of"}

// crossCheckFunction looks at the commands of one function.
func (s *Set) crossCheckFunction(fail func(message, hint string)) {
	if slices.Contains(looksAt, s.command) && !s.values["function"].given {
		fail("nothing says which function to "+works[s.command], "give function")
	}
	if s.command == "prune" && !s.values["keep-versions"].given {
		fail("nothing says how many versions to keep", "give keep-versions: --keep-versions 10")
	}
}

// crossCheckInstant looks at what goes back in time; it reports whether files say
// what. Every other rollback ignores files: the settings of a post step are those of
// its deploy.
func (s *Set) crossCheckInstant(fail func(message, hint string)) (files bool) {
	given := func(name string) bool { return s.values[name].given }
	switch {
	case !given("at") && !given("commit"):
		return false
	case given("at") && given("commit"):
		fail("at and commit are two ways to say when", "give one of them")
	case given("to-version") || given("rollback-data"):
		fail("at and commit find the versions themselves", "give them without to-version and rollback-data")
	}
	return !given("function")
}

// crossCheckStatus reports whether files say what to look at.
func (s *Set) crossCheckStatus(fail func(message, hint string)) (files bool) {
	given := func(name string) bool { return s.values[name].given }
	if given("function") && (given("service") || given("function-definition")) {
		fail("function and the files of a deploy are two ways to say what to look at", "give one of them")
	}
	if s.values["watch"].truth && s.values["exit-code"].truth {
		fail("watch runs until it is interrupted, so there is no exit code", "give one of them")
	}
	return !given("function")
}

// filesWithoutInstant finds files that a rollback would ignore, and restore
// something else.
func (p *parser) filesWithoutInstant(s *Set) {
	if p.command != "rollback" || p.options.Command != "" || s.values["at"].given || s.values["commit"].given {
		return
	}
	for _, name := range []string{"service", "function-definition"} {
		if _, flagged := p.flags[name]; flagged {
			p.fail("--"+name+" says what goes back in time, but nothing says when", "give at or commit; or function and alias, for the version before")
		}
	}
}

// crossCheckShift wants to know what to shift, and how far.
func (s *Set) crossCheckShift(fail func(message, hint string)) {
	given := func(name string) bool { return s.values[name].given }
	if s.values["resume"].truth {
		s.crossCheckResume(fail)
		return
	}
	switch {
	case given("rollback-data") && (given("function") || given("alias") || given("to-version")):
		fail("rollback-data names the functions, their aliases and versions already", "give it alone, or function, alias and to-version")
	case !given("rollback-data") && !(given("function") && given("alias")):
		fail("nothing says what to shift", "give function and alias, or the rollback-data of a deploy")
	}
	// GitHub gives an input that is left out its default.
	switch percentage, course := given("percentage"), s.values["traffic"].course.Gradual(); {
	case percentage && course:
		fail("percentage and traffic are two ways to say how far to shift", "give one of them")
	case !percentage && !course:
		fail("nothing says how far to shift", "give percentage, or stages with traffic")
	}
}

// crossCheckResume finds what a journal says already: a shift that goes on with
// something else is another one.
func (s *Set) crossCheckResume(fail func(message, hint string)) {
	var named []string
	for _, name := range []string{
		"alias", "to-version", "percentage", "rollback-data", "guard", "guard-warm-up", "max-error-rate",
		"error-tolerance", "min-invocations", "on-inconclusive", "alarms", "alarm-bake",
	} {
		if v := s.values[name]; v.given && !v.isDefault() {
			named = append(named, name)
		}
	}
	if s.values["traffic"].course.Gradual() {
		named = append(named, "traffic")
	}
	if len(named) > 0 {
		fail("resume continues with what the journal holds, and "+strings.Join(named, ", ")+" would change it", "leave it out, or roll back and begin another shift")
	}
}

// isDefault reports whether a value is that of an input which is left out: GitHub gives
// it as if the user had.
func (v value) isDefault() bool {
	d := decoder{input: v.input, shown: v.input.Name}
	standard := d.decode([]string{v.input.Default})
	return v.input.Default != "" && v.text == standard.text && v.number == standard.number && v.length == standard.length
}
