package awsquery

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t testing.TB, form string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestListsEndAtTheFirstGap(t *testing.T) {
	t.Parallel()
	form := parsed(t, "A.member.1=x&A.member.2=&A.member.4=y&B.member.1.Key=k&B.member.1.Values.member.1=v&B.member.2.Key=l")
	if diff := cmp.Diff([]string{"x", ""}, List(form, "A")); diff != "" {
		t.Error(diff)
	}
	want := []url.Values{{"Key": {"k"}, "Values.member.1": {"v"}}, {"Key": {"l"}}}
	if diff := cmp.Diff(want, Structs(form, "B")); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersKeepToTheirBounds(t *testing.T) {
	t.Parallel()
	form := parsed(t, "Low=1&High=9&Text=x&Fine=5")
	for name, want := range map[string]string{
		"Low":  "1 validation error detected: Value '1' at 'low' failed to satisfy constraint: Member must have value greater than or equal to 2",
		"High": "1 validation error detected: Value '9' at 'high' failed to satisfy constraint: Member must have value less than or equal to 8",
		"Text": "1 validation error detected: Value 'x' at 'text' failed to satisfy constraint: Member must have value greater than or equal to 2",
		"Fine": "", "Absent": "",
	} {
		got := ""
		n, err := Int(form, name, 7, 2, 8)
		if err != nil {
			got = err.Message
		}
		if diff := cmp.Diff(want, got); diff != "" || name == "Fine" && n != 5 || name == "Absent" && n != 7 {
			t.Errorf("%s: %d %s", name, n, diff)
		}
	}
}
