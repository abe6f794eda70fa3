package deploy

import (
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// What status says of a rollback is what a rollback by hand would choose, and it names
// no version that is gone.
func TestARollbackThatStatusShowsLeadsToAVersionThatExists(t *testing.T) {
	t.Parallel()
	marked := func(number, was string) lambdaapi.Version {
		return lambdaapi.Version{Number: number, Description: "lambda-rollout run; live was " + was}
	}
	for name, c := range map[string]struct {
		listed  []lambdaapi.Version
		now     string
		to, why string
	}{
		"the version before":     {[]lambdaapi.Version{marked("1", "none"), marked("2", "1")}, "2", "1", ""},
		"a version that is gone": {[]lambdaapi.Version{marked("2", "1")}, "2", "", "version 1 is gone"},
		"the first one":          {[]lambdaapi.Version{marked("1", "none")}, "1", "", "it is the first one that the alias pointed to"},
		"rolled back already":    {[]lambdaapi.Version{marked("1", "none"), marked("2", "1")}, "1", "", "it points to version 1 as before the last deploy already"},
		"published by others":    {[]lambdaapi.Version{{Number: "1"}}, "1", "", "no version's description says what the alias pointed to before"},
	} {
		var versions []history.Version
		for _, v := range c.listed {
			versions = append(versions, versionOf(v))
		}
		alias := definition.ObservedAlias{Alias: definition.Alias{Name: "live", Version: c.now}}
		got := aliasStatus(alias, versions, c.listed, map[string]*definition.Observed{})
		if got.Rollback != c.to || got.Why != c.why {
			t.Errorf("%s: %q %q", name, got.Rollback, got.Why)
		}
	}
}
