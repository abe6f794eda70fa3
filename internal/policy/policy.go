// Package policy computes what a deployment and its rollback need to be allowed:
// the least IAM policy, made of the Plan itself, and the trust policy by which
// a repository's jobs may assume the role.
//
// It promises an action for each call that the run makes, forward and back,
// the calls after a lost answer included, and none besides; and the narrowest
// resource that IAM knows for it. It makes no call and guesses no name.
//
// Which call needs which action is listed in AWS' service authorization reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html);
// what Lambda does with the caller's own permission (passing a role, reading
// code, layers, keys and networks) in Lambda's developer guide, named where it
// is used.
package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Need is one action on some resources.
type Need struct {
	// Action is in IAM's words: lambda:GetFunction.
	Action string
	// Resources are as a policy grants them, * included.
	Resources []string
	// Checked are the very resources that the calls name; nil where Resources
	// holds no wildcard, or nothing else.
	Checked []string
	// Condition narrows the grant; nil for none.
	Condition Condition
	// LookUp reports whether a rollback asks this before it deletes what the deployment
	// created. Where it may not, it deletes nothing and says so.
	LookUp bool
	// Without says what the run does where the action is not allowed, of an action
	// that it can do without.
	Without string
}

// Condition is IAM's: an operator, then a key and its values, of which one must
// fit.
type Condition map[string]map[string]Values

// Values are written as IAM's own documents have them: one alone without a list.
type Values []string

// MarshalJSON writes a string or a list.
func (v Values) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

// UnmarshalJSON reads both.
func (v *Values) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*v = Values{one}
		return nil
	}
	var list []string
	err := json.Unmarshal(text, &list)
	*v = list
	return err
}

// Document is an IAM policy
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one of its grants.
type Statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string  `json:",omitempty"`
	Condition Condition `json:",omitempty"`
}

const version = "2012-10-17"

// For grants the needs: one statement for all actions of a service on the same
// resources, and for all resources of the same actions.
func For(needs []Need) Document {
	d := Document{Version: version}
	for i, n := range needs {
		if !coveredBesides(needs, i) {
			d.grant(n)
		}
	}
	for i := range d.Statement {
		slices.Sort(d.Statement[i].Action)
	}
	d.join()
	sids := map[string]int{}
	for i := range d.Statement {
		s := &d.Statement[i]
		s.Sid = sid(service(s.Action[0]), sids)
	}
	return d
}

// coveredBesides reports whether another need grants all that one of them does, and
// more.
func coveredBesides(needs []Need, one int) bool {
	n := needs[one]
	return slices.ContainsFunc(needs, func(m Need) bool {
		return m.Action == n.Action && (len(m.Condition) == 0 || m.Condition.equal(n.Condition)) && len(m.Resources) > len(n.Resources) &&
			!slices.ContainsFunc(n.Resources, func(r string) bool { return !slices.Contains(m.Resources, r) })
	})
}

// grant adds an action to the statement of its service, resources and condition.
func (d *Document) grant(n Need) {
	i := slices.IndexFunc(d.Statement, func(s Statement) bool {
		return service(s.Action[0]) == service(n.Action) && slices.Equal(s.Resource, n.Resources) && s.Condition.equal(n.Condition)
	})
	if i < 0 {
		d.Statement = append(d.Statement, Statement{Effect: "Allow", Action: []string{n.Action}, Resource: n.Resources, Condition: n.Condition})
		return
	}
	if s := &d.Statement[i]; !slices.Contains(s.Action, n.Action) {
		s.Action = append(s.Action, n.Action)
	}
}

// join makes one statement of those that differ in their resources alone, as
// those of several functions do: a managed policy holds 6,144 characters.
func (d *Document) join() {
	var joined []Statement
	for _, s := range d.Statement {
		i := slices.IndexFunc(joined, func(other Statement) bool {
			return slices.Equal(s.Action, other.Action) && s.Condition.equal(other.Condition)
		})
		if i < 0 {
			joined = append(joined, s)
			continue
		}
		joined[i].Resource = slices.Concat(joined[i].Resource, s.Resource)
	}
	d.Statement = joined
}

func service(action string) string {
	name, _, _ := strings.Cut(action, ":")
	return name
}

// sid names a statement by its service, counted from the second on.
func sid(service string, seen map[string]int) string {
	name := strings.ToUpper(service[:1]) + strings.ReplaceAll(service[1:], "-", "")
	seen[name]++
	if n := seen[name]; n > 1 {
		name += strconv.Itoa(n)
	}
	return name
}

func (c Condition) equal(other Condition) bool {
	return maps.EqualFunc(c, other, func(a, b map[string]Values) bool {
		return maps.EqualFunc(a, b, slices.Equal[Values])
	})
}

// Actions are all actions that the document grants, each once, sorted.
func (d Document) Actions() []string {
	var all []string
	for _, s := range d.Statement {
		all = append(all, s.Action...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Set is what the user attaches to one role of a deployment.
type Set struct {
	Account string `json:"account"`
	// Role is the connector's, where an infrastructure names one.
	Role string `json:"role,omitempty"`
	// Permissions is the role's policy.
	Permissions Document `json:"permissions"`
	// Trust says who may assume the role.
	Trust Document `json:"trust"`
}

// JSON prints one set as an object, several as a list.
func JSON(sets []Set) ([]byte, error) {
	if len(sets) == 1 {
		return json.MarshalIndent(sets[0], "", "  ")
	}
	return json.MarshalIndent(sets, "", "  ")
}

// Journal is what it takes to keep journals below a place in S3: prefix is the
// part of the key, "" for the whole bucket.
func Journal(partition, bucket, prefix string) []Need {
	root := "arn:" + partition + ":s3:::" + bucket
	below := literal.Replace(strings.Trim(prefix, "/"))
	if below != "" {
		below += "/"
	}
	return []Need{
		{Action: "s3:GetObject", Resources: []string{root + "/" + below + "*"}},
		{Action: "s3:PutObject", Resources: []string{root + "/" + below + "*"}},
		// Who may not list gets no clear answer about an object that is not there.
		{Action: "s3:ListBucket", Resources: []string{root}},
	}
}

// Parameter is what it takes to read a parameter of Systems Manager. A key of the
// user's own is not in it: only the parameter's owner knows it.
func Parameter(arn string) Need { return Need{Action: "ssm:GetParameters", Resources: []string{arn}} }

// Secret is what it takes to read a secret of Secrets Manager.
func Secret(arn string) Need {
	return Need{Action: "secretsmanager:GetSecretValue", Resources: []string{arn}}
}

// Layer is what it takes to find a layer's newest version.
func Layer(arn string) Need {
	return Need{Action: "lambda:ListLayerVersions", Resources: []string{arn}}
}

// Object is what it takes to read an object of S3, or one version of it.
func Object(partition, bucket, key, version string) Need {
	need := Need{Action: "s3:GetObject", Resources: []string{"arn:" + partition + ":s3:::" + bucket + "/" + literal.Replace(key)}}
	if version != "" {
		need.Action = "s3:GetObjectVersion"
	}
	return need
}

// AssumeRole is what it takes to work as a connector's role.
func AssumeRole(role string) Need { return Need{Action: "sts:AssumeRole", Resources: []string{role}} }

// InvokeGate is what it takes to ask a function that is a gate.
func InvokeGate(arn string) Need {
	return Need{Action: "lambda:InvokeFunction", Resources: []string{literal.Replace(arn)}, Checked: []string{arn}}
}

// TrustCaller lets a role or user assume the role of a connector.
func TrustCaller(arn string) Document {
	return Document{Version: version, Statement: []Statement{{
		Effect: "Allow", Principal: map[string]string{"AWS": arn}, Action: []string{"sts:AssumeRole"},
	}}}
}
