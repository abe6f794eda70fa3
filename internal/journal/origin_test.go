package journal

import (
	"strings"
	"testing"
)

func TestAJournalIsRelatedToTheRunThatFindsIt(t *testing.T) {
	t.Parallel()
	woodpecker := Origin{Host: "woodpecker", Repository: "octo/shop", Workflow: "release", Pipeline: "12", Attempt: "1", Job: "release", Axis: "1", Began: "1721328737"}
	with := func(change func(*Origin)) Origin {
		o := woodpecker
		change(&o)
		return o
	}
	local := with(func(o *Origin) { o.Pipeline = "0" })
	for name, tt := range map[string]struct {
		then, now Origin
		want      Relation
		says      string
	}{
		"the same run":           {woodpecker, woodpecker, Own, ""},
		"another repository":     {woodpecker, with(func(o *Origin) { o.Repository = "octo/other" }), Foreign, "repository octo/shop, not of octo/other"},
		"another run":            {woodpecker, with(func(o *Origin) { o.Pipeline = "13" }), Foreign, "run 12, not of 13"},
		"another attempt":        {woodpecker, with(func(o *Origin) { o.Attempt = "2" }), Foreign, "attempt 1"},
		"another workflow":       {woodpecker, with(func(o *Origin) { o.Workflow = "nightly" }), Foreign, "workflow release"},
		"another job":            {woodpecker, with(func(o *Origin) { o.Job = "nightly" }), Foreign, "job release"},
		"another axis":           {woodpecker, with(func(o *Origin) { o.Axis = "2" }), Foreign, "axis 1, not of 2"},
		"another host":           {woodpecker, with(func(o *Origin) { o.Host = "drone" }), Foreign, "host woodpecker"},
		"a restart of a number":  {woodpecker, with(func(o *Origin) { o.Began = "1" }), Own, ""},
		"what one does not know": {woodpecker, with(func(o *Origin) { o.Axis, o.Job, o.Workflow = "", "", "" }), Own, ""},

		"on a laptop, the same run":     {local, local, Own, ""},
		"on a laptop, a later run":      {local, with(func(o *Origin) { o.Pipeline, o.Began = "0", "1721329999" }), Foreign, "began at 1721328737"},
		"on a laptop, no time":          {local, with(func(o *Origin) { o.Pipeline, o.Began = "0", "" }), Doubtful, `every run the number "0"`},
		"on a laptop, no time then":     {with(func(o *Origin) { o.Pipeline, o.Began = "0", "0" }), local, Doubtful, "does not say when this one began"},
		"on a laptop, another axis":     {local, with(func(o *Origin) { o.Pipeline, o.Axis = "0", "2" }), Foreign, "axis"},
		"on a laptop, no number at all": {with(func(o *Origin) { o.Pipeline = "" }), with(func(o *Origin) { o.Pipeline, o.Began = "", "2" }), Foreign, "began"},
	} {
		got, reason := Header{Repository: tt.then.Repository, Origin: &tt.then}.Relate(tt.now)
		if got != tt.want || !strings.Contains(reason, tt.says) || (reason == "") != (tt.says == "") {
			t.Errorf("%s: %v, %q, want %v, %q", name, got, reason, tt.want, tt.says)
		}
	}
	// The header names the repository for both.
	if got, reason := (Header{Repository: "octo/other", Origin: &Origin{Pipeline: "12"}}).Relate(woodpecker); got != Foreign {
		t.Errorf("a journal of another repository: %v, %s", got, reason)
	}
	// Earlier releases recorded the repository alone.
	if got, reason := (Header{Repository: "octo/other"}).Relate(woodpecker); got != Foreign {
		t.Errorf("an old journal of another repository: %v, %s", got, reason)
	}
	if got, reason := (Header{Repository: "octo/shop"}).Relate(woodpecker); got != Doubtful {
		t.Errorf("an old journal of this repository: %v, %s", got, reason)
	}
}

func TestAJournalIsBelievedWhereEnvironmentAndInputsAgree(t *testing.T) {
	t.Parallel()
	const role, connector = "arn:aws:iam::111122223333:role/ci", "arn:aws:iam::111122223333:role/eu"
	target := Target{Function: "f", Region: "eu-central-1", Account: "111122223333", Role: role, Connector: connector}
	with := func(change func(*Target)) []Target {
		t := target
		change(&t)
		return []Target{target, t}
	}
	aws := []Target{target}
	elsewhere := with(func(t *Target) { t.Endpoint = "http://127.0.0.1:4999" })
	embedded := []Target{{Function: "f", Account: "000000000000", Endpoint: LocalEndpoint + "/w/.lambda-rollout/local"}}
	services := map[string]string{"AWS_ENDPOINT_URL_LAMBDA": "http://evil"}
	for name, tt := range map[string]struct {
		header Header
		belief Belief
		says   string
	}{
		"nothing is said":                {Header{Targets: aws}, Belief{}, ""},
		"all is said":                    {Header{Targets: aws}, Belief{Role: role, Connectors: []string{"other", connector}, Accounts: []string{"111122223333"}}, ""},
		"an endpoint that nobody names":  {Header{Targets: elsewhere}, Belief{}, "its calls went to http://127.0.0.1:4999, and the environment names AWS itself"},
		"another endpoint":               {Header{Targets: aws}, Belief{Endpoint: "http://localhost:4566"}, "went to AWS itself, and the environment names http://localhost:4566"},
		"the same endpoint":              {Header{Targets: elsewhere[1:]}, Belief{Endpoint: "http://127.0.0.1:4999"}, ""},
		"a service's own endpoint":       {Header{Targets: aws, Endpoints: services}, Belief{}, "its AWS_ENDPOINT_URL_LAMBDA was http://evil, and the environment names AWS itself"},
		"the same of a service":          {Header{Targets: aws, Endpoints: services}, Belief{Endpoints: services}, ""},
		"a service's endpoint now":       {Header{Targets: aws}, Belief{Endpoints: services}, "it had no AWS_ENDPOINT_URL_LAMBDA, and the environment names http://evil"},
		"another service's now":          {Header{Targets: aws}, Belief{Endpoints: map[string]string{"AWS_ENDPOINT_URL_STS": "http://x"}}, ""},
		"it, and a service's endpoint":   {Header{Targets: embedded}, Belief{Endpoints: services, LocalDir: "/w/.lambda-rollout/local"}, ""},
		"another role":                   {Header{Targets: aws}, Belief{Role: "arn:aws:iam::111122223333:role/other"}, "the role " + role + ", and role-to-assume names"},
		"no role then":                   {Header{Targets: with(func(t *Target) { t.Role = "" })}, Belief{Role: role}, "the role none"},
		"a connector that is not named":  {Header{Targets: aws}, Belief{Connectors: []string{"other"}}, "connectors does not name"},
		"no connector then":              {Header{Targets: with(func(t *Target) { t.Connector = "" })[1:]}, Belief{Connectors: []string{"other"}}, ""},
		"an account that is not allowed": {Header{Targets: aws}, Belief{Accounts: []string{"999900001111"}}, "allowed-account-ids does not name"},
		"one of several accounts":        {Header{Targets: with(func(t *Target) { t.Account = "999900001111" })}, Belief{Accounts: []string{"111122223333"}}, "account 999900001111"},
		"the embedded AWS":               {Header{Targets: embedded}, Belief{LocalDir: "/w/.lambda-rollout/local"}, ""},
		"it, asked for":                  {Header{Targets: embedded}, Belief{Local: true, LocalDir: "/w/.lambda-rollout/local"}, ""},
		"another folder of it":           {Header{Targets: embedded}, Belief{LocalDir: "/w/elsewhere"}, "set local-dir to that folder"},
		"it, where AWS is asked for":     {Header{Targets: aws}, Belief{Local: true, LocalDir: "/w"}, "local asks for the embedded AWS"},
		"it, at an endpoint":             {Header{Targets: embedded}, Belief{Endpoint: "http://x", LocalDir: "/w/.lambda-rollout/local"}, ""},
	} {
		err := tt.header.Check(tt.belief)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	// All that differs comes out together, each once.
	err := Header{Targets: elsewhere, Endpoints: services}.Check(Belief{Role: "x", Accounts: []string{"1"}, Connectors: []string{"y"}})
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}
