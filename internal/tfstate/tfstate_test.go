package tfstate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// state holds every shape of a resource: plain, of data, counted, for each key, in a
// module, in a module of a module, with a deposed instance and sensitive values, without
// an instance, with typed outputs of another state, and with the flat attributes of
// Terraform 0.11.
const state = `{"version": 4, "terraform_version": "1.9.8", "serial": 7, "lineage": "x", "outputs": {
  "url": {"value": "https://a.example", "type": "string"},
  "count": {"value": 3, "type": "number"},
  "large": {"value": 12345678901, "type": "number"},
  "hosts": {"value": ["a", "b"], "type": ["list", "string"]},
  "map": {"value": {"k-1": {"deep": [{"x": "found"}]}}, "type": "dynamic"},
  "password": {"value": "hunter22", "type": "string", "sensitive": true},
  "nothing": {"value": null, "type": "string"}
}, "resources": [
  {"mode": "managed", "type": "aws_iam_role", "name": "plain", "instances": [{"schema_version": 0, "attributes": {"arn": "arn:plain", "tags": {"a.b": "dotted"}, "max_session_duration": 3600, "force": false, "path": null}, "sensitive_attributes": []}]},
  {"mode": "data", "type": "aws_iam_role", "name": "looked_up", "instances": [{"attributes": {"arn": "arn:data"}}]},
  {"mode": "managed", "type": "aws_subnet", "name": "counted", "each": "list", "instances": [{"index_key": 0, "attributes": {"id": "subnet-0"}}, {"index_key": 1, "attributes": {"id": "subnet-1"}}]},
  {"mode": "managed", "type": "aws_subnet", "name": "keyed", "each": "map", "instances": [{"index_key": "az-a", "attributes": {"id": "subnet-a"}}, {"index_key": "b.c]", "attributes": {"id": "subnet-b"}}]},
  {"module": "module.network", "mode": "managed", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-module"}}]},
  {"module": "module.net[\"eu\"].module.inner[1]", "mode": "data", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-inner"}}]},
  {"mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [
    {"deposed": "00aa", "attributes": {"address": "old.example", "password": "older"}},
    {"attributes": {"address": "db.example", "password": "hunter33", "users": [{"name": "u", "key": "k"}]}, "sensitive_attributes": [[{"type": "get_attr", "value": "password"}], [{"type": "get_attr", "value": "users"}, {"type": "index", "value": {"value": 0, "type": "number"}}, {"type": "get_attr", "value": "key"}]]}]},
  {"mode": "data", "type": "terraform_remote_state", "name": "net", "instances": [{"attributes": {"backend": "s3", "outputs": {"value": {"vpc": "vpc-remote", "subnets": ["a", "b"]}, "type": ["object", {"vpc": "string", "subnets": ["list", "string"]}]}}}]},
  {"mode": "managed", "type": "aws_instance", "name": "old", "instances": [{"schema_version": 1, "attributes_flat": {"id": "i-1", "tags.%": "1", "tags.Name": "flat", "ids.#": "1", "ids.0": "x"}}]},
  {"mode": "managed", "type": "aws_sqs_queue", "name": "empty", "instances": []}
]}`

func TestAnAddressNamesOneValue(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(state))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]struct {
		Text      string
		Sensitive bool
	}{
		"output.url":                                            {"https://a.example", false},
		"output.count":                                          {"3", false},
		"output.large":                                          {"12345678901", false},
		"output.hosts":                                          {`["a","b"]`, false},
		"output.hosts[1]":                                       {"b", false},
		"output.hosts.0":                                        {"a", false},
		`output.map["k-1"].deep[0].x`:                           {"found", false},
		"output.map.k-1.deep[0].x":                              {"found", false},
		"output.password":                                       {"hunter22", true},
		"aws_iam_role.plain.arn":                                {"arn:plain", false},
		`aws_iam_role.plain.tags["a.b"]`:                        {"dotted", false},
		"aws_iam_role.plain.max_session_duration":               {"3600", false},
		"aws_iam_role.plain.force":                              {"false", false},
		"data.aws_iam_role.looked_up.arn":                       {"arn:data", false},
		"data.aws_iam_role.looked_up":                           {`{"arn":"arn:data"}`, false},
		"aws_subnet.counted[1].id":                              {"subnet-1", false},
		`aws_subnet.keyed["az-a"].id`:                           {"subnet-a", false},
		"aws_subnet.keyed['az-a'].id":                           {"subnet-a", false},
		"aws_subnet.keyed['b.c]'].id":                           {"subnet-b", false},
		"module.network.aws_vpc.main.id":                        {"vpc-module", false},
		"module.net['eu'].module.inner[1].data.aws_vpc.main.id": {"vpc-inner", false},
		"data.terraform_remote_state.net.outputs.vpc":           {"vpc-remote", false},
		"data.terraform_remote_state.net.outputs.subnets[1]":    {"b", false},
		"data.terraform_remote_state.net.outputs.value.vpc":     {"vpc-remote", false},
		"aws_instance.old.id":                                   {"i-1", false},
		`aws_instance.old.tags["Name"]`:                         {"flat", false},
		"aws_instance.old.ids[0]":                               {"x", false},
		"aws_db_instance.db.address":                            {"db.example", false},
		"aws_db_instance.db.password":                           {"hunter33", true},
		"aws_db_instance.db.users[0].key":                       {"k", true},
		"aws_db_instance.db.users":                              {`[{"name": "u", "key": "k"}]`, true},
	} {
		got, err := s.Lookup(address)
		if want.Text = strings.ReplaceAll(strings.ReplaceAll(want.Text, ": ", ":"), ", ", ","); err != nil || got.Text != want.Text || got.Sensitive != want.Sensitive || got.JSON != (strings.Trim(want.Text, "0123456789") == "" || want.Text == "false" || strings.ContainsAny(want.Text[:1], "[{")) {
			t.Errorf("%s: %v, %v, want %v", address, got, err, want)
		}
	}
}

func TestAnAddressThatNamesNoValueSaysWhy(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(state))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"":                                             `"" is not an address of Terraform's state: it is empty`,
		"output":                                       `"output" is not an address of Terraform's state: write output.NAME`,
		"aws_iam_role":                                 "write output.NAME, TYPE.NAME.ATTRIBUTE",
		"data.aws_iam_role":                            "write output.NAME, TYPE.NAME.ATTRIBUTE",
		"module.network":                               "write output.NAME, TYPE.NAME.ATTRIBUTE",
		"aws_iam_role..arn":                            "a name is missing",
		"aws_subnet.keyed[az-a].id":                    "neither a number nor a key in quotes",
		"aws_subnet.keyed['az-a.id":                    "a quote is not closed",
		"aws_subnet.keyed['az-a'x].id":                 "a ] is missing after \"az-a\"",
		"aws_subnet.keyed[0":                           "a ] is missing",
		"aws_subnet.keyed['az-a']id":                   `a . is missing before "id"`,
		"output.ulr":                                   `the state has no output "ulr" (did you mean "url"?)`,
		"output.nothing":                               "the value is null in the state",
		"aws_iam_role.plane.arn":                       `the state has no resource aws_iam_role.plane (did you mean "aws_iam_role.plain"?)`,
		"aws_iam_role.plain.arm":                       "the state has no arm there",
		"aws_iam_role.plain.tags.x":                    "the state has no x in tags there",
		"aws_iam_role.plain.arn.x":                     "the state has no x in arn there",
		"output.hosts[2]":                              "the state has no [2] there",
		"aws_iam_role.plain[0].arn":                    "has neither count nor for_each: write it without [0]",
		"aws_subnet.counted.id":                        "has several instances: write aws_subnet.counted[0] or [1]",
		"aws_subnet.counted[2].id":                     "has no instance [2], only [0], [1]",
		"aws_subnet.keyed[0].id":                       `has no instance [0], only ["az-a"], ["b.c]"]`,
		"aws_sqs_queue.empty.id":                       "the resource aws_sqs_queue.empty has no instance",
		"aws_vpc.main.id":                              "the state has no resource aws_vpc.main",
		"aws_instance.old.arn":                         "the state has no arn there",
		"data.terraform_remote_state.net.outputs.vpcs": "the state has no vpcs in outputs there",
	} {
		if got, err := s.Lookup(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", address, got, err, want)
		}
	}
}

func TestWhatIsNoStateSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                    "it is not Terraform's state: it cannot be read as JSON",
		"[]":                                  "it is not Terraform's state: it cannot be read as JSON",
		"{}":                                  "it has no version",
		`{"version": 3, "modules": []}`:       "it is a state of format 3",
		`{"format_version":"1","values":{}}`:  "`terraform show -json`",
		`{"serial":1,"encrypted_data":"abc"}`: "encrypted by OpenTofu",
		`{"version":3,"backend":{"type":"s3","config":{"bucket":"b","key":"k/t.tfstate"}}}`: "name s3://b/k/t.tfstate",
		`{"version":3,"backend":{"type":"gcs","config":{}}}`:                                `a backend of type "gcs"`,
	} {
		if _, err := Parse([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", content, err, want)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, address := range []string{"output.map['k-1'].deep[0].x", "module.net[\"eu\"].module.inner[1].data.aws_vpc.main.id", "aws_subnet.counted[1].id", "a[\"\\"} {
		f.Add(state, address)
	}
	f.Fuzz(func(t *testing.T, content, address string) {
		s, err := Parse([]byte(content))
		if err != nil {
			return
		}
		first, err := s.Lookup(address)
		second, again := s.Lookup(address)
		if first != second || (err == nil) != (again == nil) {
			t.Errorf("%q: %v, %v and then %v, %v", address, first, err, second, again)
		}
		if err != nil && first != (Value{}) {
			t.Errorf("%q: an error and the value %v", address, first)
		}
	})
}

func TestTheValueOfAnEmptyStateIsAnError(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(`{"version": 4}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup("output.x"); err == nil {
		t.Error("found")
	}
	if diff := cmp.Diff("", s.suggestOutput("x")); diff != "" {
		t.Error(diff)
	}
}
