package definition

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Name is a FunctionName taken apart. Only Name is always set; a partial ARN
// has an Account and perhaps a Region, an ARN has everything.
type Name struct {
	Partition, Region, Account, Name string
}

// String is the name as ParseFunctionName reads it.
func (n Name) String() string {
	switch {
	case n.Partition != "":
		return "arn:" + n.Partition + ":lambda:" + n.Region + ":" + n.Account + ":function:" + n.Name
	case n.Region != "":
		return n.Region + ":" + n.Account + ":function:" + n.Name
	case n.Account != "":
		return n.Account + ":function:" + n.Name
	}
	return n.Name
}

var (
	bareName = lazyregexp.New(`^[a-zA-Z0-9-_]+$`)
	fullArn  = lazyregexp.New(`^arn:(aws[a-zA-Z-]*):lambda:([a-z]{2,}(?:-[a-z]+)+-\d+):(\d{12}):function:(.*)$`)
	partial  = lazyregexp.New(`^(?:([a-z]{2,}(?:-[a-z]+)+-\d+):)?(\d{12}):(?:function:)?(.*)$`)
)

// QualifiedName is a name of a function that ends in a version or an alias.
type QualifiedName struct {
	// Given is the whole text, Bare the text without Qualifier.
	Given, Bare, Qualifier string
}

// Error says what to leave out.
func (e QualifiedName) Error() string {
	return fmt.Sprintf("function name %q ends in the version or alias %q; name the function alone", e.Given, e.Qualifier)
}

// ParseFunctionName reads CreateFunction's FunctionName: a name of up to 64
// characters, account:function:name, or an ARN. A version or alias at its end
// is an error: a definition names the function.
func ParseFunctionName(s string) (Name, error) {
	var n Name
	if m := fullArn.FindStringSubmatch(s); m != nil {
		n = Name{m[1], m[2], m[3], m[4]}
	} else if m := partial.FindStringSubmatch(s); m != nil {
		n = Name{Region: m[1], Account: m[2], Name: m[3]}
	} else if rest, is := strings.CutPrefix(s, "function:"); is {
		n.Name = rest
	} else if strings.HasPrefix(s, "arn:") {
		return Name{}, fmt.Errorf("%q is not the ARN of a function: arn:aws:lambda:us-east-1:123456789012:function:name", s)
	} else {
		n.Name = s
	}
	name, qualifier, qualified := strings.Cut(n.Name, ":")
	switch {
	case qualified && bareName.MatchString(name):
		return Name{}, QualifiedName{Given: s, Bare: strings.TrimSuffix(s, ":"+qualifier), Qualifier: qualifier}
	case n.Name == "":
		return Name{}, fmt.Errorf("function name %q is empty", s)
	case !bareName.MatchString(n.Name):
		return Name{}, fmt.Errorf("function name %q may hold letters, digits, - and _ only", n.Name)
	case len(n.Name) > 64:
		return Name{}, fmt.Errorf("function name %s has %d characters, but at most 64 are allowed", shown(n.Name), len(n.Name))
	}
	return n, nil
}
