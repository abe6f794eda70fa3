package plan

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Marker is what the description of a published version says of the run that
// published it, so that a manual rollback knows where an alias was.
type Marker struct {
	Run string
	// Repository and Commit are empty outside CI.
	Repository, Commit, URL string
	// Was is what each alias pointed to before, "none" for a new alias; in the
	// order of the deployment.
	Was []AliasWas
	// Text is the user's own.
	Text string
}

// AliasWas is what an alias pointed to before a deployment.
type AliasWas struct {
	Alias, Version string
}

// descriptionLimit is the length of a description, as definition.Length counts
// it (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
const descriptionLimit = awsfacts.DescriptionUnits

// String returns the description. What rollback needs comes first: where the whole
// is too long, the URL goes, then the user's text is cut. Of aliases that do
// not fit none is named by half, because half a number is another version.
func (m Marker) String() string {
	head := "lambda-rollout " + m.Run
	if m.Repository != "" {
		head += " " + m.Repository
		if m.Commit != "" {
			head += "@" + m.Commit[:min(len(m.Commit), 12)]
		}
	}
	var was []string
	for _, a := range m.Was {
		was = append(was, a.Alias+" was "+a.Version)
	}
	for len(was) > 0 && definition.Length(join(head, strings.Join(was, ", "))) > descriptionLimit {
		was = was[:len(was)-1]
	}
	required := join(head, strings.Join(was, ", "))
	if full := join(required, m.URL, m.Text); definition.Length(full) <= descriptionLimit {
		return full
	}
	if definition.Length(required+"; ") >= descriptionLimit {
		return definition.Cut(required, descriptionLimit)
	}
	return definition.Cut(join(required, m.Text), descriptionLimit)
}

// RestorePoint returns the description of the version that keeps the state from before the deployment.
func (m Marker) RestorePoint() string {
	m.Was, m.Text = nil, "restore point"
	return m.String()
}

func join(parts ...string) string {
	var set []string
	for _, p := range parts {
		if p != "" {
			set = append(set, p)
		}
	}
	return strings.Join(set, "; ")
}

// PublishedBy reports whether a version's description is the marker of a run.
func PublishedBy(description, run string) bool {
	rest, is := strings.CutPrefix(description, "lambda-rollout "+run)
	return is && (rest == "" || rest[0] == ' ' || rest[0] == ';')
}

// PublishedIn reports whether a version's description is the marker of a run whose
// id begins with a scope.
func PublishedIn(description, scope string) bool {
	return scope != "" && strings.HasPrefix(description, "lambda-rollout "+scope+"-")
}

var wasPattern = lazyregexp.New(`(?:^|[;,] )([A-Za-z0-9_-]{1,128}) was (\d+|\$LATEST|none)(?:[;,]|$)`)

// ParseWas reads from a version's description what an alias pointed to before
// that version; "" where the description does not say.
func ParseWas(description, alias string) string {
	if !strings.HasPrefix(description, "lambda-rollout ") {
		return ""
	}
	rest := description
	for {
		at := wasPattern.FindStringSubmatchIndex(rest)
		if at == nil {
			return ""
		}
		if rest[at[2]:at[3]] == alias {
			return rest[at[4]:at[5]]
		}
		rest = rest[at[5]:]
	}
}

// markerHead is how Marker.String begins.
var markerHead = lazyregexp.New(`^lambda-rollout ([^\s;]+)(?: ([^\s;@]+)(?:@([0-9a-fA-F]+))?)?(?:; |$)`)

// Publication is what a version's description says of the run that published it.
type Publication struct {
	Marker
	// RestorePoint is set where the version keeps the state from before a deployment.
	RestorePoint bool
}

// ParseMarker reads a version's description; false where no run of this program
// wrote it. The text may end early: see Marker.String.
func ParseMarker(description string) (Publication, bool) {
	at := markerHead.FindStringSubmatch(description)
	if at == nil {
		return Publication{}, false
	}
	p := Publication{Marker: Marker{Run: at[1], Repository: at[2], Commit: at[3]}}
	_, rest, _ := strings.Cut(description, "; ")
	first, _, _ := strings.Cut(rest, "; ")
	for _, part := range strings.Split(first, ", ") {
		if was := wasEach.FindStringSubmatch(part); was != nil {
			p.Was = append(p.Was, AliasWas{was[1], was[2]})
		}
	}
	for _, part := range strings.Split(rest, "; ") {
		switch {
		case part == "restore point":
			p.RestorePoint = true
		case p.URL == "" && strings.HasPrefix(part, "https://"):
			p.URL = part
		}
	}
	return p, true
}

var wasEach = lazyregexp.New(`^([A-Za-z0-9_-]{1,128}) was (\d+|\$LATEST|none)$`)
