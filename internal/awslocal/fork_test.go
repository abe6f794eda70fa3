package awslocal_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// A function that another AWS shows exists here with its numbers, and what a fork does to
// it the server never sees.
func TestAForkChangesNothingOfTheServerItBeganFrom(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	configuration := func(version string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"FunctionName": "f", "Version": %q, "Role": %q, "Handler": "h", "Runtime": "nodejs22.x", "CodeSha256": "abc", "RevisionId": "r%s", "PackageType": "Zip"}`, version, awstest.Role, version))
	}
	err := a.Plant(awslocal.Planted{
		Account: awstest.Account, Region: awstest.Region, Name: "f",
		Latest:   json.RawMessage(`{"Configuration": ` + string(configuration("$LATEST")) + `, "Tags": {"team": "a"}}`),
		Versions: []json.RawMessage{configuration("41")},
		Aliases:  []json.RawMessage{json.RawMessage(`{"Name": "live", "FunctionVersion": "41", "RevisionId": "ra"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := awstest.GetFunction(t, a.Lambda(), "f", "live")
	if *got.Configuration.Version != "41" || *got.Configuration.RevisionId != "r41" || *got.Configuration.CodeSha256 != awstest.CodeSha256(awslocal.StandIn("abc")) {
		t.Errorf("planted: version %s, revision %s, code %s", *got.Configuration.Version, *got.Configuration.RevisionId, *got.Configuration.CodeSha256)
	}
	fork, err := a.Fork(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fork.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := fork.Plant(awslocal.Planted{Account: awstest.Account, Region: awstest.Region, Name: "g", Latest: json.RawMessage(`{"Configuration": ` + string(configuration("$LATEST")) + `}`)}); err != nil {
		t.Fatal(err)
	}
	for name, server := range map[string]*awslocal.Server{"server": a.Server, "fork": fork} {
		state, err := server.Dump(awstest.Account)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(state.Functions); n != map[string]int{"server": 1, "fork": 2}[name] {
			t.Errorf("the %s has %d functions", name, n)
		}
	}
}
