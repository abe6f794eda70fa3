package expression

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRuntimeInputsReadTheirMethodChain(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	tests := map[string]*Input{
		`<+input>`:                    {},
		`<+ input >`:                  {},
		`<+input>.default(bengaluru)`: {Default: text("bengaluru")},
		`<+input>.default(new york).executionInput()`:                {Default: text("new york")},
		`<+input>.default(it's)`:                                     {Default: text("it's")},
		`<+input>.default(\'london,uk\')`:                            {Default: text("london,uk")},
		`<+input>.default("")`:                                       {Default: text("")},
		`<+input>.default(<+service.name>)`:                          {Default: text("<+service.name>")},
		`<+input>.allowedValues(128,256).default(128)`:               {Default: text("128"), Allowed: []string{"128", "256"}},
		`<+input>.allowedValues(\'a,b\', c ,\'d,e\')`:                {Allowed: []string{"a,b", "c", "d,e"}},
		`<+input>.selectOneFrom(a,b)`:                                {Allowed: []string{"a", "b"}},
		`<+input>.selectManyFrom(a,b).default(a)`:                    {Default: text("a"), Allowed: []string{"a", "b"}, Many: true},
		`<+input>.regex(^[a-z)(]+(-[0-9]{2,})*\)$)`:                  {Pattern: `^[a-z)(]+(-[0-9]{2,})*\)$`},
		`<+input>.executionInput()`:                                  {},
		`<+input>.default({"risk": 100, "kind": "a"}).regex(\{.*\})`: {Default: text(`{"risk": 100, "kind": "a"}`), Pattern: `\{.*\}`},
		`<+input>.unknown(x)`:                                        nil,
		`<+input>.default(x`:                                         nil,
		`<+inputs>`:                                                  nil,
		`x<+input>`:                                                  nil,
		`<+input> y`:                                                 nil,
		``:                                                           nil,
	}
	for in, want := range tests {
		got, ok := ParseInput(in)
		if ok != (want != nil) {
			t.Errorf("%s: %t", in, ok)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", in, diff)
		}
	}
}

func TestRuntimeInputsCheckTheirValue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, value, want string }{
		{`<+input>`, "anything", ""},
		{`<+input>.allowedValues(a,b)`, "b", ""},
		{`<+input>.allowedValues(a,b)`, "c", "is none of the allowed values a, b"},
		{`<+input>.allowedValues(a,<+env.name>)`, "c", ""},
		{`<+input>.selectManyFrom(a,b,c)`, "a, c", ""},
		{`<+input>.selectManyFrom(a,b,c)`, "a,d", "is none of the allowed values a, b, c"},
		{`<+input>.selectOneFrom(a,b,c)`, "a,b", "is none of the allowed values a, b, c"},
		{`<+input>.regex(v[0-9]+)`, "v12", ""},
		{`<+input>.regex(v[0-9]+)`, "xv12", "does not match v[0-9]+"},
		{`<+input>.regex((?=a)b)`, "b", "cannot be checked: (?=a)b is not a regular expression: invalid or unsupported Perl syntax (?= (lookaround and backreferences are not supported)"},
	} {
		in, ok := ParseInput(tc.in)
		if !ok {
			t.Fatalf("%s is no runtime input", tc.in)
		}
		if got := in.Check(tc.value); got != tc.want {
			t.Errorf("%s with %q: got %q, want %q", tc.in, tc.value, got, tc.want)
		}
	}
}
