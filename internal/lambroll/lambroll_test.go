package lambroll

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// fake has three variables, and values that say what they were asked for.
func fake() Functions {
	env := map[string]string{"SET": "value", "EMPTY": "", "JSON": `{"a":"b"}`}
	return New(Options{
		Env:   func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		State: "file://t.tfstate", Prefixed: map[string]string{"my_": "s3://b/k"},
		Read: func(s values.Source) values.Result {
			if strings.Contains(s.String(), "lost") {
				return values.Result{Err: errors.New("it is lost")}
			}
			return values.Result{Text: "a," + s.String(), Secret: strings.Contains(s.String(), "secret")}
		},
		Identity: func() (Identity, error) { return Identity{"1", "arn", "id"}, nil },
		Layer:    func(name, version string) (string, error) { return name + ":" + version, nil },
	})
}

func call(f Functions, name string, args ...string) (expression.Value, error) {
	list := make([]expression.Value, len(args))
	for i, a := range args {
		list[i] = expression.NewString(a)
	}
	return f.Call(name, list)
}

func TestFunctionsReturnWhatLambrollsReturn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"env SET": "value", "env UNSET": "UNSET", "env UNSET default": "default", "env EMPTY default": "default",
		"env UNSET SET default": "value", "env EMPTY ": "", "must_env SET": "value", "must_env EMPTY": "", "env": "",
		"json_escape a\"b": "a\"b", "print a": "a", "or  b": "b", "or a b": "a",
		"printf %s-%d%% a 3": "a-3%", "printf %q a": `"a"`,
		"ssm /p": "a,ssm:/p", "ssm /p 1": "ssm:/p", "ssm /p 0": "a",
		"secretsmanager s": "a,secretsmanager:s", "secretsmanager s k": "a,secretsmanager:s#k",
		"tfstate output.a": "a,tfstate:t.tfstate#output.a", "tfstatef output.%s a": "a,tfstate:t.tfstate#output.a",
		"my_tfstate output.a": "a,tfstate:s3://b/k#output.a", "my_tfstatef output.%s a": "a,tfstate:s3://b/k#output.a",
		"layer_arn l latest": "l:latest", "layer_arn l ": "l:latest", "layer_arn l": "l:latest", "layer_arn l 3": "l:3",
		"caller_identity": `{"Account":"1","Arn":"arn","UserId":"id"}`,
	} {
		words := strings.Split(text, " ")
		got, err := call(fake(), words[0], words[1:]...)
		if err != nil || got.Text() != want {
			t.Errorf("%s: %q, %v, want %q", text, got.Text(), err, want)
		}
	}
}

func TestACallThatIsWrongSaysWhy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"must_env UNSET": "the environment variable UNSET is not set", "must_env": "it takes 1 argument(s), not 0", "ssm": "it takes 1 to 2 arguments, not 0",
		"ssm /p x": "none with the number x", "ssm /p 2": "has 2 items", "ssm /lost": "it is lost",
		"printf": "it takes a format", "printf %s": "needs more arguments", "printf a b": "takes fewer arguments", "printf %x a": "the verb %x", "printf %": "the format ends in %",
		"your_tfstate a": "give the input prefixed-tfstate, your_=FILE", "tfstate": "it takes 1 argument(s), not 0", "caller_identity a": "it takes 0 argument(s), not 1",
	} {
		words := strings.Split(text, " ")
		if got, err := call(fake(), words[0], words[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v, want %s", text, got.Text(), err, want)
		}
	}
	_, err := call(fake(), "cfn_output", "a")
	if unknown, is := errors.AsType[expression.UnknownFunction](err); !is || unknown.Name != "cfn_output" {
		t.Errorf("%v", err)
	}
	if _, err := call(New(Options{State: "gs://b/k"}), "tfstate", "output.a"); err == nil || !strings.Contains(err.Error(), "a state is read from a file or from s3://") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsMadeOfASecretIsOne(t *testing.T) {
	t.Parallel()
	for _, item := range [][]string{{"ssm", "/secret"}, {"ssm", "/secret", "1"}} {
		v, err := call(fake(), item[0], item[1:]...)
		if err != nil || !v.IsSecret() {
			t.Errorf("%v: %v, %v", item, v.IsSecret(), err)
		}
		if v, _ = fake().Call("printf", []expression.Value{expression.NewString("x%s"), v}); !v.IsSecret() {
			t.Errorf("printf of %v is not a secret", item)
		}
	}
}

func TestEnvfilesAreReadAsShellsWriteThem(t *testing.T) {
	t.Parallel()
	got, err := ParseEnvfile([]byte("\ufeff# a comment\n\nA=1\nexport B=\"two\\nlines\"\r\nC='$x \\n' # why\nD=a#b\nE=a # b\nF=\nG=a\"b c\"d\n H = x y \nexportI=1\n"))
	want := map[string]string{"A": "1", "B": "two\nlines", "C": "$x \\n", "D": "a#b", "E": "a", "F": "", "G": "ab cd", "H": "x y", "exportI": "1"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for text, want := range map[string]string{
		"A": "line 1 is not NAME=VALUE", "\n1A=x": "line 2 is not NAME=VALUE", "=x": "line 1 is not NAME=VALUE",
		"A='hush": "line 1: the value of A has a ' that is never closed", "A=\"hush": `line 1: the value of A has a "`,
	} {
		if _, err := ParseEnvfile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzEnvfile(f *testing.F) {
	f.Add([]byte("A=1\nexport B=\"x\\n\" # y\nC='d'"))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := ParseEnvfile(content)
		for name := range all {
			if err != nil || !isName(name) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
