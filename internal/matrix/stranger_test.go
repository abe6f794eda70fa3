package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// stranger is what somebody else does between a deployment and its rollback.
type stranger struct {
	name string
	// of names the deployment, where that is not the one of its test.
	of   string
	does func(w *world)
	// keeps are the parts that must stay as the stranger left them, by their
	// names or what these begin with; all others must be as before the
	// deployment.
	keeps []string
	// code is the rollback's exit code, says what its output must name.
	code int
	says []string
}

// contested is a function with two versions, and a deployment that changes code,
// configuration, tags and one alias, and makes another.
func contested() scenario {
	return scenario{
		before: func(w *world) {
			w.create("f", nil)
			w.publish("f")
			w.update("f", func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(9) })
			w.alias("f", "live", w.publish("f"), nil)
			w.alias("f", "other", "1", nil)
		},
		definition: define(`, "memorySize": 256, "tags": {"team": "b", "new": "1"}`),
		files:      map[string]string{"code/bootstrap": "two"},
		args:       []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live,beta"},
	}
}

func configuration(mod func(*lambda.UpdateFunctionConfigurationInput)) func(*world) {
	return func(w *world) { w.update("f", mod) }
}

func moved(alias string, mod func(*lambda.UpdateAliasInput)) func(*world) {
	return func(w *world) {
		in := &lambda.UpdateAliasInput{FunctionName: aws.String("f"), Name: &alias}
		mod(in)
		_, err := w.lambda.UpdateAlias(context.Background(), in)
		w.must(err)
	}
}

func (w *world) deleteAlias(name string) {
	w.t.Helper()
	_, err := w.lambda.DeleteAlias(context.Background(), &lambda.DeleteAliasInput{FunctionName: aws.String("f"), Name: &name})
	w.must(err)
}

func (w *world) deleteFunction() {
	w.t.Helper()
	_, err := w.lambda.DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: aws.String("f")})
	w.must(err)
}

func (w *world) tag(tags map[string]string) {
	w.t.Helper()
	_, err := w.lambda.TagResource(context.Background(), &lambda.TagResourceInput{Resource: aws.String(functionARN), Tags: tags})
	w.must(err)
}

func (w *world) untag(keys ...string) {
	w.t.Helper()
	_, err := w.lambda.UntagResource(context.Background(), &lambda.UntagResourceInput{Resource: aws.String(functionARN), TagKeys: keys})
	w.must(err)
}

const functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"

func permit(w *world) {
	_, err := w.lambda.AddPermission(context.Background(), &lambda.AddPermissionInput{
		FunctionName: aws.String("f"), StatementId: aws.String("s"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com"),
	})
	w.must(err)
}

func newCode(w *world) {
	_, err := w.lambda.UpdateFunctionCode(context.Background(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: zipped("three")})
	w.must(err)
	w.settle()
}

// settings are changes of $LATEST's configuration, one of each kind.
func settings() map[string]func(*lambda.UpdateFunctionConfigurationInput) {
	return map[string]func(*lambda.UpdateFunctionConfigurationInput){
		"timeout":     func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(42) },
		"memory":      func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = aws.Int32(512) },
		"handler":     func(in *lambda.UpdateFunctionConfigurationInput) { in.Handler = aws.String("other") },
		"runtime":     func(in *lambda.UpdateFunctionConfigurationInput) { in.Runtime = types.RuntimeProvidedal2 },
		"description": func(in *lambda.UpdateFunctionConfigurationInput) { in.Description = aws.String("mine") },
		"role":        func(in *lambda.UpdateFunctionConfigurationInput) { in.Role = aws.String(role + "-2") },
		"tracing": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		},
		"storage": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(1024)}
		},
		"network": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-0a1b2c3d"}, SecurityGroupIds: []string{"sg-0a1b2c3d"}}
		},
		"layers": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.Layers = []string{"arn:aws:lambda:us-east-1:999999999999:layer:tools:3"}
		},
		"dead letters": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:us-east-1:000000000000:q")}
		},
		"logging": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson}
		},
		"environment": func(in *lambda.UpdateFunctionConfigurationInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"SECRET": canary + "-stranger"}}
		},
	}
}

func strangers() []stranger {
	all := []stranger{
		{name: "code", does: newCode, keeps: []string{"Latest"}, code: 4, says: []string{"$LATEST was not rolled back", "Code"}},
		{name: "alias moved", does: moved("live", func(in *lambda.UpdateAliasInput) { in.FunctionVersion = aws.String("1") }),
			keeps: []string{"Aliases.live"}, code: 4, says: []string{"alias live was not rolled back: it points to 1"}},
		{name: "alias weights", does: moved("live", func(in *lambda.UpdateAliasInput) {
			in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.1}}
		}), keeps: []string{"Aliases.live"}, code: 4, says: []string{"alias live was not rolled back: it points to 3, 10% to 1"}},
		{name: "alias description", does: moved("live", func(in *lambda.UpdateAliasInput) { in.Description = aws.String("mine") }),
			keeps: []string{"Aliases.live"}, code: 4, says: []string{"alias live was not rolled back", `"mine"`}},
		{name: "alias deleted", does: func(w *world) { w.deleteAlias("live") },
			keeps: []string{"Aliases.live"}, code: 4, says: []string{"alias live was not rolled back: it is gone"}},
		{name: "new alias moved", does: moved("beta", func(in *lambda.UpdateAliasInput) { in.FunctionVersion = aws.String("1") }),
			keeps: []string{"Aliases.beta"}, code: 4, says: []string{"alias beta was not rolled back: it points to 1"}},
		{name: "new alias deleted", does: func(w *world) { w.deleteAlias("beta") }},
		{name: "alias of another name moved", does: moved("other", func(in *lambda.UpdateAliasInput) { in.FunctionVersion = aws.String("2") }),
			keeps: []string{"Aliases.other"}},
		{name: "alias added", does: func(w *world) { w.alias("f", "gamma", "1", nil) }, keeps: []string{"Aliases.gamma"}},
		{name: "tag changed", does: func(w *world) { w.tag(map[string]string{"team": "c"}) },
			keeps: []string{"Tags.team"}, code: 4, says: []string{"tag team was not rolled back: c"}},
		{name: "tag removed", does: func(w *world) { w.untag("team") },
			keeps: []string{"Tags.team"}, code: 4, says: []string{"tag team was not rolled back: it is gone"}},
		{name: "removed tag set anew", does: func(w *world) { w.tag(map[string]string{"old": "mine"}) },
			keeps: []string{"Tags.old"}, code: 4, says: []string{"tag old was not rolled back: mine"}},
		{name: "removed tag put back", does: func(w *world) { w.tag(map[string]string{"old": "yes"}) }},
		{name: "tag added", does: func(w *world) { w.tag(map[string]string{"cost": "7"}) }, keeps: []string{"Tags.cost"}},
		{name: "permission added", does: permit, keeps: []string{"Policies"}},
		{name: "only the RevisionId moved", does: configuration(func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = aws.Int32(256) })},
		{name: "only an alias' RevisionId moved", does: moved("live", func(*lambda.UpdateAliasInput) {})},
		{name: "reserved concurrency", keeps: []string{"Reserved"}, does: func(w *world) {
			_, err := w.lambda.PutFunctionConcurrency(context.Background(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(3)})
			w.must(err)
		}},
		{name: "everything", code: 4, keeps: []string{"Latest", "Aliases.live", "Tags.team"}, says: []string{"$LATEST was not rolled back", "alias live was not rolled back", "tag team was not rolled back"},
			does: func(w *world) {
				newCode(w)
				moved("live", func(in *lambda.UpdateAliasInput) { in.FunctionVersion = aws.String("1") })(w)
				w.tag(map[string]string{"team": "c"})
			}},
		{name: "function deleted", does: (*world).deleteFunction, keeps: []string{""}, code: 4, says: []string{"function f was not rolled back: it is gone"}},
		{name: "function made again", keeps: []string{""}, code: 4, says: []string{"function f was not rolled back: changed", "created the function again"},
			does: func(w *world) {
				w.deleteFunction()
				w.create("f", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile, in.Tags = zipped("theirs"), nil })
			}},
	}
	changes := settings()
	for _, kind := range slices.Sorted(maps.Keys(changes)) {
		all = append(all, stranger{name: "configuration: " + kind, does: configuration(changes[kind]), keeps: []string{"Latest"}, code: 4, says: []string{"$LATEST was not rolled back"}})
	}
	return all
}

func TestWhatAStrangerChangedIsLeftAloneAndTheRestPutBack(t *testing.T) {
	for _, s := range every(5, strangers(), 0) {
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s.prove(t, contested())
			})
		})
	}
}

// firstStrangers come to a function that the run created, whose every part goes
// with it.
func firstStrangers() []stranger {
	untouched := []string{""}
	return []stranger{
		{name: "nobody", does: func(*world) {}},
		{name: "alias added", does: func(w *world) { w.alias("f", "theirs", "1", nil) },
			keeps: untouched, code: 4, says: []string{"function f was not rolled back", "alias theirs"}},
		{name: "alias moved", keeps: untouched, code: 4, says: []string{"function f was not rolled back", "alias live"},
			does: moved("live", func(in *lambda.UpdateAliasInput) { in.Description = aws.String("mine") })},
		{name: "permission added", does: permit, keeps: untouched, code: 4, says: []string{"function f was not rolled back", "permission"}},
		{name: "code", does: newCode, keeps: untouched, code: 4, says: []string{"function f was not rolled back", "Code"}},
		{name: "configuration", does: configuration(func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(42) }),
			keeps: untouched, code: 4, says: []string{"function f was not rolled back", "Timeout"}},
		{name: "our tag removed", does: func(w *world) { w.untag("lambda-rollout:run") }, keeps: untouched, code: 4, says: []string{"it does not carry the tag"}},
		{name: "made again", keeps: untouched, code: 4, says: []string{"it does not carry the tag"}, does: func(w *world) {
			w.deleteFunction()
			w.create("f", nil)
		}},
		{name: "deleted", does: (*world).deleteFunction},
		{name: "our alias deleted", does: func(w *world) { w.deleteAlias("live") }},
		// A tag alone is what an account's own bookkeeping adds to everything new.
		{name: "tag added", does: func(w *world) { w.tag(map[string]string{"cost": "7"}) }},
		{name: "only the RevisionId moved", does: configuration(func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = aws.Int32(256) })},
	}
}

func TestAFunctionThatTheRunCreatedIsDeletedOnlyWhileItIsTheRunsOwn(t *testing.T) {
	first := contested()
	first.before = func(*world) {}
	for _, s := range every(2, firstStrangers(), 1) {
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s.prove(t, first)
			})
		})
	}
}

func (s stranger) prove(t *testing.T, deployed scenario) {
	w := newWorld(t)
	deployed.prepare(w)
	before := w.parts()
	if done := deployed.deploy(w, cut{}); done.code != 0 {
		t.Fatalf("the deployment failed: exit %d\n%s", done.code, done.output)
	}
	s.does(w)
	theirs := w.parts()
	back := w.run(cut{}, "rollback")
	if back.code != s.code {
		t.Errorf("rollback: exit %d, want %d\n%s", back.code, s.code, back.output)
	}
	want := map[string]string{}
	for name, part := range before {
		if !s.kept(name) {
			want[name] = part
		}
	}
	for name, part := range theirs {
		if s.kept(name) {
			want[name] = part
		}
	}
	if diff := cmp.Diff(want, w.parts()); diff != "" {
		t.Errorf("the state after (-want +got):\n%s\n%s", diff, back.output)
	}
	says := s.says
	if s.code == 4 {
		says = append(slices.Clone(says), "lambda-rollout rollback --journal ")
	}
	for _, text := range says {
		if !strings.Contains(back.output, text) {
			t.Errorf("the output does not say %q:\n%s", text, back.output)
		}
	}
	w.noSecretOnDisk()
	again := w.run(cut{}, "rollback")
	if again.code != s.code {
		t.Errorf("a second rollback: exit %d, want %d\n%s", again.code, s.code, again.output)
	}
	if diff := cmp.Diff(want, w.parts()); diff != "" {
		t.Errorf("the state after a second rollback (-want +got):\n%s\n%s", diff, again.output)
	}
}

func (s stranger) kept(part string) bool {
	return slices.ContainsFunc(s.keeps, func(prefix string) bool { return part == prefix || prefix == "" || strings.HasPrefix(part, prefix+".") })
}

// parts are the state of function f: $LATEST, each alias, each tag, and the
// other things that hang on a function; no part where it is not there.
func (w *world) parts() map[string]string {
	w.t.Helper()
	w.settle()
	state, err := w.Dump("000000000000")
	w.must(err)
	f, ok := state.Functions["us-east-1/f"].(map[string]any)
	if !ok {
		return map[string]string{}
	}
	all := map[string]string{}
	for name, part := range f {
		members, several := part.(map[string]any)
		if !several || name == "Latest" {
			members, name = map[string]any{name: part}, ""
		}
		for key, member := range members {
			text, err := json.MarshalIndent(member, "", " ")
			w.must(err)
			all[strings.TrimPrefix(fmt.Sprintf("%s.%s", name, key), ".")] = string(text)
		}
	}
	return all
}
