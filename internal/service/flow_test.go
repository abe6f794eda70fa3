package service

import "testing"

// A value that is given as JSON may have all of its escapes.
func TestAListOrMapIsReadWhereAValueIsWrittenAsOne(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`["a\/b"]`:             "a/b",
		` ["\ud83d\ude00"]`:    "😀",
		`[a]`:                  "a",
		`["`:                   "",
		`text`:                 "",
		`"["`:                  "",
		`{"a": "https:\/\/x"}`: "a",
	} {
		got := ""
		if n := flow(value); n != nil {
			got = n.Content[0].Value
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

func TestAFileInJSONIsRecognizedWithAllEscapes(t *testing.T) {
	t.Parallel()
	plain, _ := Describe([]byte(`{"functionName": "a", "runtime": "r", "role": "arn:aws:iam::1:role/x"}`))
	if what, _ := Describe([]byte(`{"functionName": "a", "runtime": "r", "role": "arn:aws:iam::1:role\/x"}`)); what == "" || what != plain {
		t.Errorf("%q, and without the escape %q", what, plain)
	}
	if environment, _ := Belonging([]byte(`{"environment": {"identifier": "prod", "name": "a\/b"}}`)); environment != "prod" {
		t.Errorf("environment %q", environment)
	}
}
