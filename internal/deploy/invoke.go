package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Invoked is what a function answered.
type Invoked struct {
	lambdaapi.Answer
	// Region is where the function is.
	Region string
}

// Invoke calls a function once. In the embedded AWS, where nobody names a Region,
// it finds the function in another one, too. Its error is a *NotStartedError where
// the function did not run.
func Invoke(ctx context.Context, c *Connection, name definition.Name, i lambdaapi.Invocation) (Invoked, error) {
	if _, err := Payloads(i.Payload); err != nil {
		return Invoked{}, notStarted(err)
	}
	if i.Qualifier != "" && !qualifier.MatchString(i.Qualifier) {
		return Invoked{}, notStarted(fmt.Errorf("qualifier %q is neither an alias nor a version", i.Qualifier))
	}
	region, err := c.regionOf(name.Region, "")
	if err != nil {
		return Invoked{}, notStarted(err)
	}
	if err := c.owns(ctx, name); err != nil {
		return Invoked{}, notStarted(err)
	}
	answer, err := c.invoke(ctx, region, i)
	if err == nil || lambdaapi.Classify(err) != lambdaapi.NotFound {
		return Invoked{answer, region}, err
	}
	found, err := c.whereIs(ctx, region, name)
	if err != nil {
		return Invoked{}, notStarted(err)
	}
	if found != region {
		answer, err = c.invoke(ctx, found, i)
		if err == nil || lambdaapi.Classify(err) != lambdaapi.NotFound {
			return Invoked{answer, found}, err
		}
	}
	return Invoked{}, notStarted(fmt.Errorf("function %s in %s has no alias or version %s", name.Name, found, i.Qualifier))
}

// qualifier is Invoke's parameter of that name
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
var qualifier = lazyregexp.New(`^(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]+)$`)

// owns refuses a function of another account: the credentials' own account may
// have one of the same name.
func (c *Connection) owns(ctx context.Context, name definition.Name) error {
	if name.Account == "" {
		return nil
	}
	identity, err := c.base.Identity(ctx)
	if err == nil && identity.Account != name.Account {
		err = fmt.Errorf("function %s is in account %s, but the credentials belong to account %s", name, name.Account, identity.Account)
	}
	return err
}

// invoke marks the errors of calls that did not reach the function.
func (c *Connection) invoke(ctx context.Context, region string, i lambdaapi.Invocation) (lambdaapi.Answer, error) {
	answer, err := lambdaapi.New(c.base, region, c.timing).Invoke(ctx, i)
	if err == nil {
		return answer, nil
	}
	switch lambdaapi.Classify(err) {
	case lambdaapi.Unknown:
		return answer, err
	case lambdaapi.Refused, lambdaapi.Denied, lambdaapi.NotFound, lambdaapi.Throttled, lambdaapi.Propagating,
		lambdaapi.Conflict, lambdaapi.Stale, lambdaapi.Stopped:
	}
	return answer, notStarted(err)
}

// Payloads returns the JSON documents of a text, which follow one another as in JSON
// Lines; one without content where there is none. What is not JSON is refused with its
// place: Lambda would do so in the words of its own parser.
func Payloads(text []byte) ([][]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return [][]byte{nil}, nil
	}
	var all [][]byte
	for begin := 0; len(bytes.TrimSpace(text[begin:])) > 0; {
		var document json.RawMessage
		decoder := json.NewDecoder(bytes.NewReader(text[begin:]))
		if err := decoder.Decode(&document); err != nil {
			why := "this character cannot be there"
			if errors.Is(err, io.ErrUnexpectedEOF) {
				why = "it ends too early"
			}
			return nil, notJSON(text, begin, why)
		}
		all, begin = append(all, document), begin+int(decoder.InputOffset())
	}
	return all, nil
}

// notJSON says where the document that begins there is broken, and shows none of it.
func notJSON(text []byte, begin int, why string) error {
	var document json.RawMessage
	err := json.Unmarshal(text[begin:], &document)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := string(text[:min(begin+int(syntax.Offset), len(text))])
		line := strings.Count(before, "\n") + 1
		return fmt.Errorf("the payload is not JSON: line %d, column %d: %s", line, len(before)-strings.LastIndexByte(before, '\n')-1, why)
	}
	return err
}

// whereIs is the Region in which a function is: the one that was asked, or one of
// the embedded AWS.
func (c *Connection) whereIs(ctx context.Context, region string, name definition.Name) (string, error) {
	here, err := lambdaapi.New(c.base, region, c.timing).Find(ctx, name.Name, "")
	if err != nil || here != nil {
		return region, err
	}
	regions := c.elsewhere(name.Name)
	if len(regions) == 1 && !c.named(name) {
		return regions[0], nil
	}
	return "", c.missing(name.Name, region)
}

// elsewhere are the Regions in which the embedded AWS has a function.
func (c *Connection) elsewhere(function string) []string {
	if c.access.Local == "" {
		return nil
	}
	return c.access.Embedded.FunctionRegions(c.access.Local, function)
}

// missing is the error of a function that a Region does not have. It names the Region
// in which the embedded AWS has it.
func (c *Connection) missing(function, region string) error {
	err := fmt.Errorf("there is no function %s in %s", function, region)
	if regions := c.elsewhere(function); len(regions) > 0 {
		return fmt.Errorf("%w; the embedded AWS has it in %s: add --aws-region %s", err, strings.Join(regions, ", "), regions[0])
	}
	return err
}

// named reports whether somebody named the Region of a function.
func (c *Connection) named(name definition.Name) bool {
	environment, _ := c.access.Session.LookupEnv("AWS_REGION")
	return name.Region != "" || c.access.Session.Region != "" || environment != ""
}
