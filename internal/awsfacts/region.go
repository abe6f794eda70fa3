package awsfacts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// regionForm is the form of every Region's name: an area, one or two words and
// a number. New Regions need no new release.
var regionForm = lazyregexp.New(`^[a-z]{2,4}(-[a-z]{2,10}){1,2}-\d{1,2}$`)

// CheckRegion reports a value that cannot be the name of a Region, as an
// InvalidRegion. It knows the form, not which Regions exist.
func CheckRegion(value string) error {
	if regionForm.MatchString(value) {
		return nil
	}
	return InvalidRegion{Value: value, Nearest: NearestRegion(value)}
}

// InvalidRegion is a value that is not the name of a Region.
type InvalidRegion struct {
	Value string
	// Nearest is the Region that was most likely meant; empty where nothing is
	// near.
	Nearest string
}

// Error shows the form of a Region's name and the nearest one.
func (e InvalidRegion) Error() string {
	text := fmt.Sprintf("%q is not the name of an AWS Region, such as eu-central-1", e.Value)
	switch {
	case e.Nearest != "":
		text += fmt.Sprintf("; did you mean %s?", e.Nearest)
	case variableName.MatchString(e.Value):
		text += fmt.Sprintf("; is it the name of a variable, where its value was meant (${{ vars.%s }} on GitHub, $%s in a shell)?", e.Value, e.Value)
	}
	return text
}

var variableName = lazyregexp.New(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// NearestRegion is the known Region that a value most likely means: by its own
// name with other separators or letter case, by an availability zone, by the place
// that AWS names it after, by the beginning of a name, or by one slip of the
// keyboard. It is empty where nothing fits.
func NearestRegion(value string) string {
	plain := letters(value)
	if plain == "" || variableName.MatchString(value) && !strings.ContainsAny(value, "0123456789") {
		return ""
	}
	for _, r := range regions {
		zone, isZone := strings.CutPrefix(plain, letters(r.name))
		if isZone && len(zone) <= 1 {
			return r.name
		}
	}
	for _, r := range regions {
		if slices.ContainsFunc(r.places, func(place string) bool { return strings.Contains(plain, letters(place)) }) {
			return r.name
		}
	}
	if len(plain) >= 5 {
		for _, r := range regions {
			if strings.HasPrefix(letters(r.name), plain) {
				return r.name
			}
		}
	}
	for _, r := range regions {
		if oneSlip(plain, letters(r.name)) || slices.ContainsFunc(r.places, func(place string) bool { return oneSlip(plain, letters(place)) }) {
			return r.name
		}
	}
	return ""
}

// oneSlip reports whether two names differ by one letter that was added, left out
// or replaced.
func oneSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	same := 0
	for same < len(b) && a[same] == b[same] {
		same++
	}
	switch len(a) - len(b) {
	case 0:
		return same < len(b) && a[same+1:] == b[same+1:]
	case 1:
		return a[same+1:] == b[same:]
	}
	return false
}

// KnownRegion reports whether a Region existed when the program was built.
func KnownRegion(name string) bool {
	return slices.ContainsFunc(regions, func(r region) bool { return r.name == name })
}

// letters are the letters and digits of a name, in lower case.
func letters(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return -1
	}, s)
}

type region struct {
	name   string
	places []string
}

// regions are those of
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
// with the places that their long names hold.
var regions = []region{
	{"us-east-1", []string{"Virginia"}},
	{"us-east-2", []string{"Ohio"}},
	{"us-west-1", []string{"Northern California", "N. California"}},
	{"us-west-2", []string{"Oregon"}},
	{"af-south-1", []string{"Cape Town"}},
	{"ap-east-1", []string{"Hong Kong"}},
	{"ap-east-2", []string{"Taipei"}},
	{"ap-northeast-1", []string{"Tokyo"}},
	{"ap-northeast-2", []string{"Seoul"}},
	{"ap-northeast-3", []string{"Osaka"}},
	{"ap-south-1", []string{"Mumbai"}},
	{"ap-south-2", []string{"Hyderabad"}},
	{"ap-southeast-1", []string{"Singapore"}},
	{"ap-southeast-2", []string{"Sydney"}},
	{"ap-southeast-3", []string{"Jakarta"}},
	{"ap-southeast-4", []string{"Melbourne"}},
	{"ap-southeast-5", []string{"Malaysia"}},
	{"ap-southeast-6", []string{"New Zealand"}},
	{"ap-southeast-7", []string{"Thailand"}},
	{"ca-central-1", []string{"Canada", "Montreal"}},
	{"ca-west-1", []string{"Calgary"}},
	{"eu-central-1", []string{"Frankfurt"}},
	{"eu-central-2", []string{"Zurich"}},
	{"eu-north-1", []string{"Stockholm"}},
	{"eu-south-1", []string{"Milan"}},
	{"eu-south-2", []string{"Spain"}},
	{"eu-west-1", []string{"Ireland", "Dublin"}},
	{"eu-west-2", []string{"London"}},
	{"eu-west-3", []string{"Paris"}},
	{"il-central-1", []string{"Tel Aviv"}},
	{"me-central-1", []string{"UAE"}},
	{"me-south-1", []string{"Bahrain"}},
	{"mx-central-1", []string{"Mexico"}},
	{"sa-east-1", []string{"Sao Paulo", "São Paulo"}},
	{"cn-north-1", []string{"Beijing"}},
	{"cn-northwest-1", []string{"Ningxia"}},
	{"us-gov-east-1", nil},
	{"us-gov-west-1", nil},
	{"eusc-de-east-1", []string{"Brandenburg"}},
	{"us-iso-east-1", nil},
	{"us-iso-west-1", nil},
	{"us-isob-east-1", nil},
	{"us-isob-west-1", nil},
	{"eu-isoe-west-1", nil},
	{"us-isof-east-1", nil},
	{"us-isof-south-1", nil},
}
