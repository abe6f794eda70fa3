package expression

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsMadeOfASecretIsOneToo(t *testing.T) {
	t.Parallel()
	e := NewEvaluator(Env{Secrets: map[string]string{
		"json": `{"user": "admin", "pin": 998877, "rate": 12.75, "retries": 3, "on": true}`,
		"list": "first,second,3",
	}})
	for _, text := range []string{
		`<+json.object(secrets.getValue("json")).user>`,
		`<+json.select("pin", secrets.getValue("json"))>`,
		`<+json.select("retries", secrets.getValue("json"))>`,
		`<+secrets.getValue("list").split(",")[0].toUpperCase()>`,
	} {
		v, err := e.Evaluate(text)
		if err != nil || !v.IsSecret() {
			t.Errorf("%s: %v, %v", text, v.IsSecret(), err)
		}
	}
	want := []string{
		`{"user": "admin", "pin": 998877, "rate": 12.75, "retries": 3, "on": true}`,
		"first,second,3", "998877", "second", "12.75", "FIRST", "admin", "first",
	}
	if diff := cmp.Diff(want, e.Secrets()); diff != "" {
		t.Error(diff)
	}
}
