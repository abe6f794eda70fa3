package iam

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const function = "arn:aws:lambda:eu-west-1:111122223333:function:app"

// policies are identity policies by the order given: "0", "1" and so on.
func policies(t testing.TB, statements ...string) map[string]*document {
	t.Helper()
	docs := map[string]*document{}
	for i, s := range statements {
		doc, err := parsePolicy(`{"Version":"2012-10-17","Statement":`+s+`}`, false)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		docs[fmt.Sprint(i)] = doc
	}
	return docs
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	allow := func(action, resource string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Action":%s,"Resource":%s}`, action, resource)
	}
	const star = `"*"`
	tests := map[string]struct {
		statements []string
		action     string
		resource   string
		want       Decision
		matched    string
	}{
		"nothing":                    {[]string{allow(`"s3:*"`, star)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"everything":                 {[]string{allow(star, star)}, "lambda:GetFunction", function, Allowed, "0"},
		"action in any case":         {[]string{allow(`["s3:x","LAMBDA:getfunction"]`, star)}, "lambda:GetFunction", function, Allowed, "0"},
		"wildcard in an action":      {[]string{allow(`"lambda:Get*"`, star)}, "lambda:GetAlias", function, Allowed, "0"},
		"one character":              {[]string{allow(`"lambda:GetAlia?"`, star)}, "lambda:GetAlias", function, Allowed, "0"},
		"the function alone":         {[]string{allow(star, `"`+function+`"`)}, "lambda:GetFunction", function + ":live", ImplicitDeny, ""},
		"its qualifiers":             {[]string{allow(star, `"`+function+`:*"`)}, "lambda:GetFunction", function + ":live", Allowed, "0"},
		"qualifiers without itself":  {[]string{allow(star, `"`+function+`:*"`)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"no wildcard over a colon":   {[]string{allow(star, `"arn:aws:lambda:*:function:app"`)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"any account":                {[]string{allow(star, `"arn:aws:lambda:*:*:function:app"`)}, "lambda:GetFunction", function, Allowed, "0"},
		"resources care for case":    {[]string{allow(star, `"`+strings.ToUpper(function)+`"`)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"a deny wins":                {[]string{allow(star, star), `{"Effect":"Deny","Action":"lambda:Delete*","Resource":"*"}`}, "lambda:DeleteFunction", function, ExplicitDeny, "1"},
		"a deny of something else":   {[]string{allow(star, star), `{"Effect":"Deny","Action":"lambda:Delete*","Resource":"*"}`}, "lambda:GetFunction", function, Allowed, "0"},
		"all but":                    {[]string{`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`}, "lambda:GetFunction", function, Allowed, "0"},
		"all but this":               {[]string{`{"Effect":"Allow","NotAction":"lambda:*","Resource":"*"}`}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"all resources but this":     {[]string{`{"Effect":"Allow","Action":"*","NotResource":"` + function + `"}`}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"a resource that nobody is":  {[]string{allow(star, `"`+function+`"`)}, "lambda:ListFunctions", "*", ImplicitDeny, ""},
		"a variable":                 {[]string{allow(star, `"arn:aws:lambda:*:${aws:PrincipalAccount}:function:app"`)}, "lambda:GetFunction", function, Allowed, "0"},
		"a variable without value":   {[]string{allow(star, `"arn:aws:lambda:*:${aws:username}:function:app"`)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"a variable with a fallback": {[]string{allow(star, `"arn:aws:lambda:*:*:function:${aws:username, 'app'}"`)}, "lambda:GetFunction", function, Allowed, "0"},
		"a star that is only a star": {[]string{allow(star, `"arn:aws:lambda:*:*:function:${*}"`)}, "lambda:GetFunction", function, ImplicitDeny, ""},
		"two policies that allow":    {[]string{allow(star, star), allow(`"lambda:*"`, star)}, "lambda:GetFunction", function, Allowed, "0 1"},
		"statements as a list":       {[]string{`[` + allow(`"s3:*"`, star) + `,` + allow(`"lambda:*"`, star) + `]`}, "lambda:GetFunction", function, Allowed, "0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := evaluate(policies(t, test.statements...), query{test.action, test.resource, keys{"aws:principalaccount": {"111122223333"}}})
			if v.decision != test.want || strings.Join(v.matched, " ") != test.matched {
				t.Errorf("%s by %v, want %s by %s", v.decision, v.matched, test.want, test.matched)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	k := newKeys(map[string][]string{"iam:PassedToService": {"lambda.amazonaws.com"}, "aws:PrincipalArn": {"arn:aws:iam::111122223333:role/team/ci"}, "aws:SecureTransport": {"false"}, "aws:TagKeys": {"a", "b"}})
	for condition, want := range map[string]bool{
		`"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}`:                      true,
		`"StringEquals":{"IAM:passedtoservice":["x","lambda.amazonaws.com"]}`:                true,
		`"StringEquals":{"iam:PassedToService":"*.amazonaws.com"}`:                           false,
		`"StringLike":{"iam:PassedToService":"*.amazonaws.com"}`:                             true,
		`"StringNotEquals":{"iam:PassedToService":["x","lambda.amazonaws.com"]}`:             false,
		`"StringNotLike":{"iam:PassedToService":"ec2*"}`:                                     true,
		`"StringEqualsIgnoreCase":{"iam:PassedToService":"LAMBDA.amazonaws.com"}`:            true,
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}`:                        true,
		`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}`:                true,
		`"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}`:                     false,
		`"Bool":{"aws:SecureTransport":"false"}`:                                             true,
		`"Bool":{"aws:SecureTransport":true}`:                                                false,
		`"StringEquals":{"lost":"x"}`:                                                        false,
		`"StringEqualsIfExists":{"lost":"x"}`:                                                true,
		`"StringNotEquals":{"lost":"x"}`:                                                     true,
		`"Null":{"lost":"true"}`:                                                             true,
		`"Null":{"iam:PassedToService":"true"}`:                                              false,
		`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}`:                          true,
		`"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}`:                                  false,
		`"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}`:                                   true,
		`"ForAnyValue:StringEquals":{"lost":["a"]}`:                                          false,
		`"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com","aws:TagKeys":"none"}`: false,
		`"StringEquals":{"iam:PassedToService":"${iam:PassedToService}"}`:                    true,
	} {
		docs := policies(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+condition+`}}`)
		if got := evaluate(docs, query{"iam:PassRole", "r", k}).decision == Allowed; got != want {
			t.Errorf("%s: %v, want %v", condition, got, want)
		}
	}
}

func TestWhatIsNoPolicyIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                "Syntax errors in policy.",
		`{"Statement":[]}`: "Syntax errors in policy.",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Extra":1}}`:                                            "Syntax errors in policy.",
		`{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}`:                                                      "Invalid effect: Maybe",
		`{"Statement":{"Effect":"Allow","Resource":"*"}}`:                                                                   "Policy statement must contain actions.",
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:                                                                     "Policy statement must contain resources.",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`:                                      "Policy document should not specify a principal.",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"x"}}}}`: "The embedded AWS does not evaluate the condition operator DateLessThan",
		`{"Id":"x","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`:                                             "",
	} {
		got := ""
		if _, err := parsePolicy(text, false); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func FuzzPolicies(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:*?","Resource":"arn:*:${x,'y'}","Condition":{"ForAnyValue:StringLikeIfExists":{"k":["*a*","b"]}}}}`, "a:b", "arn:c:d")
	f.Fuzz(func(_ *testing.T, text, action, resource string) {
		doc, err := parsePolicy(text, false)
		if err != nil {
			return
		}
		evaluate(map[string]*document{"p": doc}, query{action, resource, keys{"k": {resource}}})
	})
}
