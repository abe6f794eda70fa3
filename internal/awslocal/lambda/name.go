package lambda

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// The patterns and their order are those of the messages recorded in
// TestLambdaFunction::test_function_name_and_qualifier_validation. CreateFunction
// keeps an older one.
const arnStart = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?`

var (
	namePattern   = newPattern(arnStart + `([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`)
	createPattern = newPattern(arnStart + `([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`)
	qualPattern   = newPattern(`\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`)
)

// violations collects the constraints that a request breaks, in AWS's words.
type violations []string

func (f *violations) add(field, value, constraint string) {
	*f = append(*f, "Value '"+value+"' at '"+field+"' failed to satisfy constraint: "+constraint)
}

// characters counts a string as its length constraints do: in UTF-16 code units,
// as the String.length of the service's Java does. Smithy's own definition of the
// length trait counts Unicode scalar values, which are never more
// (https://smithy.io/2.0/spec/constraint-traits.html#length-trait), so what fits
// by this count fits by either. The client counts alike.
func characters(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

func (f *violations) length(field, value string, limit int) {
	if characters(value) > limit {
		f.add(field, value, "Member must have length less than or equal to "+strconv.Itoa(limit))
	}
}

func (f *violations) pattern(field, value string, p pattern) {
	if !p.matches(value) {
		f.add(field, value, "Member must satisfy regular expression pattern: "+p.shown)
	}
}

func (f violations) err() error {
	if len(f) == 0 {
		return nil
	}
	errs := "errors"
	if len(f) == 1 {
		errs = "error"
	}
	return api.NewError(http.StatusBadRequest, "ValidationException",
		strconv.Itoa(len(f))+" validation "+errs+" detected: "+strings.Join(f, "; "))
}

// target is a function as a request names it.
type target struct {
	account, region, name string
	qualifier             string // "" where none was given
}

func (t target) arn(qualifier string) string {
	return functionARN(t.account, t.region, t.name, qualifier)
}

// target reads the function's name, ARN or partial ARN, and the qualifier.
func (r *request) target() (target, error) {
	given, qualifier := r.vars["FunctionName"], r.query("Qualifier")
	var f violations
	if qualifier != "" {
		f.length("qualifier", qualifier, 128)
		f.pattern("qualifier", qualifier, qualPattern)
	}
	f.length("functionName", given, 256)
	f.pattern("functionName", given, namePattern)
	if err := f.err(); err != nil {
		return target{}, err
	}
	t, err := r.locate(namePattern.find(given))
	if err != nil {
		return target{}, err
	}
	if t.qualifier != "" && qualifier != "" && t.qualifier != qualifier {
		return target{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if qualifier != "" {
		t.qualifier = qualifier
	}
	return t, nil
}

// locate turns the parts of a name into a target, and refuses other accounts
// and Regions (TestLambdaFunction::test_function_arns,
// test_get_function_wrong_region).
func (r *request) locate(parts []string) (target, error) {
	t := target{account: r.caller.Account, region: r.caller.Region}
	region, account := strings.TrimSuffix(parts[3], ":"), strings.TrimSuffix(parts[9], ":")
	t.name, t.qualifier = parts[11], parts[13]
	if region != "" && region != t.region {
		return t, notFound("Functions from '" + region + "' are not reachable in this region ('" + t.region + "')")
	}
	if account != "" && account != t.account {
		return t, api.NewError(http.StatusForbidden, "AccessDeniedException",
			"User: "+r.caller.PrincipalARN+" is not authorized to perform: lambda:"+actionOf(api.RecordOf(r.ctx).Operation)+
				" on resource: "+functionARN(account, t.region, t.name, ""))
	}
	return t, nil
}

// newName reads the name of a function to create.
func (r *request) newName(given string) (target, error) {
	var f violations
	f.length("functionName", given, 140)
	f.pattern("functionName", given, createPattern)
	if err := f.err(); err != nil {
		return target{}, err
	}
	t, err := r.locate(createPattern.find(given))
	var refusal *api.Error
	if errors.As(err, &refusal) && refusal.Status == http.StatusForbidden {
		refusal.Message = "" // as recorded in TestLambdaFunction::test_function_arns
	}
	if err != nil {
		return t, err
	}
	var long violations
	long.length("functionName", t.name, 64)
	if len(long) > 0 {
		return t, invalid("1 validation error detected: " + long[0])
	}
	if t.qualifier != "" && t.qualifier != latest {
		return t, invalid("Could not create function with qualifier: " + t.qualifier)
	}
	return t, nil
}

// actionOf is an operation's name in IAM's words: those of Invoke differ.
func actionOf(operation string) string {
	if operation == "Invoke" {
		return "InvokeFunction"
	}
	return operation
}
