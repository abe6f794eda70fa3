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
