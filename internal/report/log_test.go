package report

import (
	"strings"
	"testing"
	"time"
)

func TestEveryLineOfATargetCarriesItsName(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	all := NewLog(&out, time.Now, nil)
	one := all.For("shop")
	for _, log := range []*Log{all, one} {
		log.Line("Content of %s", "it")
		log.Block("{\n   \"name\": \"live\"\n}")
		log.Line("")
		log.Block("")
		log.Line("Done")
	}
	want := `Content of it
{
   "name": "live"
}

Done
[shop] Content of it
[shop] {
[shop]    "name": "live"
[shop] }
[shop] Done
`
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
}

func TestEachWaitSaysItsFirstState(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := NewLog(&out, func() time.Time { return time.Time{} }, nil)
	for range 2 {
		log.Line("Verifying")
		log.Waiting("shop", "InProgress", "")
		log.Waiting("shop", "InProgress", "")
		log.Waiting("shop", "Successful", "")
		log.Waiting("shop", "Successful", "")
	}
	want := strings.Repeat("Verifying\nfunction: [shop], status: [InProgress], reason: []\nfunction: [shop], status: [Successful], reason: []\n", 2)
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
	out.Reset()
	for range 2 {
		log.Line("Verifying")
		log.Waiting("shop", "Successful", "")
	}
	want = strings.Repeat("Verifying\nfunction: [shop], status: [Successful], reason: []\n", 2)
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
}
