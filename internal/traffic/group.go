package traffic

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Group is a deployment group of AWS CodeDeploy, which shifts the traffic of one
// alias of one function. Its names may hold {function} and {alias}.
type Group struct {
	Application, Name string
}

// String writes the group as the input traffic names it.
func (g Group) String() string { return g.Application + "/" + g.Name }

// For returns the group of an alias.
func (g Group) For(function, alias string) Group {
	names := strings.NewReplacer("{function}", function, "{alias}", alias)
	return Group{names.Replace(g.Application), names.Replace(g.Name)}
}

const groupPrefix = "codedeploy:"

// groupName is what CodeDeploy takes for a name, but for the comma, which parts items
// of the input; placeholders are what stands for other names
// (https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html).
var (
	groupName    = lazyregexp.New(`^[A-Za-z0-9._+=@-]{1,100}$`)
	placeholders = strings.NewReplacer("{function}", "", "{alias}", "")
)

// ParseGroup reads codedeploy:APPLICATION/GROUP; is reports whether the text means a
// group at all.
func ParseGroup(text string) (g Group, is bool, err error) {
	rest, is := strings.CutPrefix(strings.TrimSpace(text), groupPrefix)
	if !is {
		return Group{}, false, nil
	}
	var cut bool
	if g.Application, g.Name, cut = strings.Cut(rest, "/"); !cut {
		return Group{}, true, fmt.Errorf("%q names no deployment group: write codedeploy:APPLICATION/GROUP", text)
	}
	for _, name := range []string{g.Application, g.Name} {
		if plain := placeholders.Replace(name); name == "" || plain != "" && !groupName.MatchString(plain) {
			return Group{}, true, fmt.Errorf("%q is not a name that CodeDeploy accepts: 1 to 100 letters, digits and . _ + = @ -, and {function} or {alias}", name)
		}
	}
	return g, true, nil
}
