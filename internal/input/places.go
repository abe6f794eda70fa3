package input

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// urlOrARN is the beginning of a text that is meant to be an address or ARN. One letter is a
// drive of Windows.
var urlOrARN = lazyregexp.New(`^([A-Za-z][A-Za-z0-9+.-]+):(/|aws)`)

// crossCheckPlaces refuses places to write to that would become the names of odd
// folders: a journal that is believed to be in S3 would be on a disk that is gone.
func (s *Set) crossCheckPlaces(fail func(message, hint string)) {
	for _, name := range []string{"journal", "report", "output-dir", "local-dir"} {
		place := s.values[name].text
		hint := "give the path of a file or folder"
		if name == "journal" {
			hint = "give the path of a file, or s3://bucket/prefix"
			if strings.HasPrefix(place, "s3://") {
				continue
			}
		}
		switch {
		case urlOrARN.MatchString(place):
			fail(fmt.Sprintf("%s: %q is not a path", name, place), hint)
		case place == "~" || strings.HasPrefix(place, "~/"):
			fail(fmt.Sprintf("%s: the ~ of %q is not expanded", name, place), "give the whole path")
		}
	}
}
