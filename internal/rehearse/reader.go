package rehearse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Reader lets questions to AWS through and nothing else, and keeps what Lambda answers, and
// what CodeDeploy says of deployment groups: of that the copy is made.
type Reader struct {
	mu sync.Mutex
	// answers are bodies by Region, function and the rest of the path.
	answers map[question][][]byte
}

// question is a read of a function in Lambda's API: rest is what follows the name in
// the path, with the qualifier behind it.
type question struct{ region, function, rest string }

// NewReader returns a Reader that has read nothing.
func NewReader() *Reader { return &Reader{answers: map[question][][]byte{}} }

// ChangeError reports a call that would have changed something: a rehearsal makes none.
type ChangeError struct{ Call string }

// Error names the call.
func (e *ChangeError) Error() string {
	return "a rehearsal only reads, and this call may change something: " + e.Call
}

// RetryableError keeps the SDK from trying again.
func (*ChangeError) RetryableError() bool { return false }

// Wrap puts the Reader in front of a client.
func (r *Reader) Wrap(next aws.HTTPClient) aws.HTTPClient { return &reading{r, next} }

type reading struct {
	*Reader
	next aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (r *reading) Do(request *http.Request) (*http.Response, error) {
	if name, reads, err := readsOnly(request); err != nil || !reads {
		if err == nil {
			err = &ChangeError{name}
		}
		return nil, err
	}
	q, is := questionOf(request)
	if !is {
		q, is = groupQuestion(request)
	}
	response, err := r.next.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	if !is {
		return response, nil
	}
	body, err := io.ReadAll(response.Body)
	if err = orClose(err, response.Body); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[q] = append(r.answers[q], body)
	return response, nil
}

func orClose(err error, c io.Closer) error {
	if closing := c.Close(); err == nil {
		return closing
	}
	return err
}

// readOperations begin the names of the operations that only read; AssumeRole gives
// credentials and changes nothing.
var readOperations = lazyregexp.New(`^(Get|List|Describe|Head|Lookup|Simulate|Filter|Batch(Get|Check)|AssumeRole)`)

// readsOnly reports whether a request reads; name is its operation, as far as it tells.
func readsOnly(r *http.Request) (name string, reads bool, _ error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return "", true, nil
	}
	name = r.Method + " " + r.URL.Path
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndexByte(target, '.')+1:]
	} else if _, operation, rpc := strings.Cut(r.URL.Path, "/operation/"); rpc {
		name = operation
	} else if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err = orClose(err, r.Body); err != nil {
			return name, false, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return name, false, err
		}
		name = form.Get("Action")
	}
	return name, readOperations.MatchString(name), nil
}

var (
	ofFunction  = lazyregexp.New(`^/[0-9]{4}-[0-9]{2}-[0-9]{2}/functions/([^/]+)(/.*)?$`)
	lambdaScope = lazyregexp.New(`/([a-z0-9-]+)/lambda/aws4_request`)
)

func questionOf(r *http.Request) (question, bool) {
	scope := lambdaScope.FindStringSubmatch(r.Header.Get("Authorization"))
	path := ofFunction.FindStringSubmatch(r.URL.Path)
	if scope == nil || path == nil || r.Method != http.MethodGet {
		return question{}, false
	}
	name := path[1]
	if i := strings.Index(name, ":function:"); i >= 0 {
		name = name[i+len(":function:"):]
	}
	q := question{scope[1], name, path[2]}
	if qualifier := r.URL.Query().Get("Qualifier"); qualifier != "" {
		q.rest += "?" + qualifier
	}
	return q, true
}

var codeDeployScope = lazyregexp.New(`/([a-z0-9-]+)/codedeploy/aws4_request`)

// aboutGroup is a question to CodeDeploy about a deployment group or a configuration.
func aboutGroup(region, operation string, names ...string) question {
	return question{region: region, rest: operation + " " + strings.Join(names, "/")}
}

// groupQuestion is what a request asks CodeDeploy about a group or a configuration.
func groupQuestion(r *http.Request) (question, bool) {
	scope := codeDeployScope.FindStringSubmatch(r.Header.Get("Authorization"))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if scope == nil || r.Body == nil || operation != "GetDeploymentGroup" && operation != "GetDeploymentConfig" {
		return question{}, false
	}
	body, err := io.ReadAll(r.Body)
	err = orClose(err, r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ ApplicationName, DeploymentGroupName, DeploymentConfigName string }
	if err != nil || json.Unmarshal(body, &in) != nil {
		return question{}, false
	}
	if operation == "GetDeploymentConfig" {
		return aboutGroup(scope[1], operation, in.DeploymentConfigName), true
	}
	return aboutGroup(scope[1], operation, in.ApplicationName, in.DeploymentGroupName), true
}

// one is the newest answer to a question; nil where there is none.
func (r *Reader) one(q question) json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.answers[q]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// qualified are the newest answers to a question about the function and about its
// qualifiers, by these.
func (r *Reader) qualified(q question) map[string]json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]json.RawMessage{}
	for asked, all := range r.answers {
		rest, qualifier, _ := strings.Cut(asked.rest, "?")
		if asked.region == q.region && asked.function == q.function && rest == q.rest {
			found[qualifier] = all[len(all)-1]
		}
	}
	return found
}

// list are the members of the pages of a list, by a name that tells them apart: what was
// read twice counts once.
func (r *Reader) list(q question, member string) ([]json.RawMessage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []json.RawMessage
	seen := map[string]bool{}
	for _, body := range r.answers[q] {
		var page map[string]json.RawMessage
		var items []json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		if page[member] == nil {
			continue
		}
		if err := json.Unmarshal(page[member], &items); err != nil {
			return nil, err
		}
		for _, item := range items {
			if !seen[string(item)] {
				seen[string(item)] = true
				all = append(all, item)
			}
		}
	}
	return all, nil
}
