// Package convert turns other tools' files into what deploys the same with this
// program. A Harness pipeline, of both formats, becomes a GitHub workflow: stages become
// jobs, deploy and canary steps the action, scripts run steps, and the rollback steps the
// action's own post step. A folder of lambroll becomes a workflow that deploys it as it
// is. In a workflow, or a pipeline of Drone, the steps of aws-lambda-deploy,
// lambda-action and drone-lambda become ours, each with a definition; all other lines
// stay as they are.
//
// It promises that nothing is dropped in silence: what there is no equivalent for, and
// what the user has to set up (a role, a secret, a variable), comes out as a warning at
// its place and is listed in the result. It goes past no gate: an approval waits for
// reviewers, a verification becomes the guard, and what has no equivalent fails in its
// place. What moves traffic never runs behind a failure. The workflows pass actionlint.
// What a run fills in becomes an environment variable of a script, or a variable of a
// definition: no value can become more than a value.
//
// It reads nothing but its arguments and deploys nothing. The sources of its
// rules are https://developer.harness.io/docs/category/pipelines,
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax,
// and those that flat.go and peers.go name.
package convert

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// File is a document by its name in the repository.
type File struct {
	Name    string
	Content []byte
}

// action is how a workflow names this program, checkout how it gets its files.
const (
	action          = "lambda-rollout/lambda-rollout@v1"
	checkout        = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8"
	checkoutVersion = "v5.0.0"
	runner          = "ubuntu-24.04"
)

// Workflow is what a pipeline was converted to.
type Workflow struct {
	Text []byte
	// Stops is at how many places it fails, because there is no equivalent: it is
	// complete only when somebody has written what belongs there.
	Stops int
	// Files are those that it names and that the pipeline holds itself.
	Files []File
}

// Pipeline converts a pipeline. files are the services, environments,
// infrastructures and overrides that it refers to; a reference without a file
// is a warning. Without an error among the problems the workflow is complete, but
// for what the warnings say.
func Pipeline(pipeline File, files []File) (workflow Workflow, problems diag.List) {
	c := newConverter(files)
	root := c.whole(pipeline)
	problems = c.problems.Sorted()
	if root == nil || problems.Err() != nil {
		return Workflow{}, problems // steps are read while they are converted
	}
	root.HeadComment = head(pipeline.Name, c.pipeline.description.Raw(), problems)
	var out bytes.Buffer
	if err := encode(&out, root); err != nil {
		return Workflow{}, append(problems, diag.Problem{File: pipeline.Name, Message: "cannot be written as a workflow: " + err.Error()})
	}
	return Workflow{out.Bytes(), c.stops, c.inline}, problems
}

func newConverter(files []File) *converter {
	c := &converter{dispatch: newMapping(), asked: map[string]*yaml.Node{}, used: map[string]bool{}, done: map[string][]done{}}
	for _, f := range files {
		c.read(f)
	}
	return c
}

// whole is the workflow of a pipeline; nil where that cannot be read.
func (c *converter) whole(pipeline File) *yaml.Node {
	doc := c.open(pipeline)
	if doc == nil {
		return nil
	}
	p := c.readPipeline(doc)
	if c.problems.Err() != nil && !c.checking || p == nil {
		return nil
	}
	c.pipeline = p
	c.inherit(p)
	root := c.workflow()
	c.escape(root)
	return root
}

// converter holds one conversion.
type converter struct {
	references references
	pipeline   *pipeline
	problems   diag.List
	// dispatch are the inputs that the user sets when starting the workflow.
	dispatch *yaml.Node
	// asked are the places that ask for these inputs, by name in lower case.
	asked map[string]*yaml.Node
	// used are the ids of jobs.
	used map[string]bool
	// stage is the one under conversion, needs the jobs that it needs.
	stage *stage
	needs []string
	// done are the jobs of the stages whose outputs others may ask for, by the
	// stages' identifiers.
	done map[string][]done
	// gates are the jobs of approvals and stops that the job under conversion needs.
	gates []string
	// stops is how often the workflow stops.
	stops int
	// inline are the files of the services that the pipeline holds itself.
	inline []File
	// checking is set where nothing but the pipeline counts: what a workflow would need
	// around it is not reported.
	checking bool
	// moving is set while the condition of what moves traffic is converted: it never runs
	// behind what failed, which may be a gate.
	moving bool
	// unsaid is set where the last condition could not be converted.
	unsaid bool
	// skippable is set where an earlier job may not run at all.
	skippable bool
}

func (c *converter) report(problems ...diag.Problem) { c.problems = append(c.problems, problems...) }

// note reports what the user has to know or to do.
func (c *converter) note(at document.Text, message, hint string) {
	f := at.Problem(message, hint)
	f.Warning = true
	if c.checking && !at.Set() {
		return // of what could not be read, which is an error
	}
	if !slices.Contains(c.problems, f) {
		c.report(f)
	}
}

func (c *converter) noteNode(doc *expression.Document, n *yaml.Node, message, hint string) {
	c.note(document.Text{Doc: doc, Node: n}, message, hint)
}

// open parses a file of one document.
func (c *converter) open(f File) *expression.Document {
	docs := c.parse(f)
	switch {
	case c.problems.Err() != nil:
		return nil
	case len(docs) != 1:
		c.report(diag.Problem{File: f.Name, Message: fmt.Sprintf("holds %d documents, but a pipeline is one", len(docs))})
		return nil
	}
	return docs[0]
}

// parse returns the documents of a file that are fit to be walked.
func (c *converter) parse(f File) []*expression.Document {
	docs, problems := expression.Scan(f.Name, bytes.ReplaceAll(f.Content, []byte(opening), nil)).Documents()
	c.report(problems...)
	for _, doc := range docs {
		withoutOpening(doc.Root())
	}
	docs = slices.DeleteFunc(docs, func(doc *expression.Document) bool {
		f := document.TooLarge(doc)
		if f != nil {
			c.report(*f)
		}
		return f != nil
	})
	for _, doc := range docs {
		doc.Hide(secretValues(doc.Root())...)
	}
	return docs
}

func (c *converter) reader(doc *expression.Document) document.Reader {
	return document.Reader{Doc: doc, Report: c.report, Unknown: func(key, value *yaml.Node, what string, known []string) {
		hint := diag.DidYouMean(doc.Text(key), known)
		if empty(value) && (hint == "" || !c.checking) {
			return
		}
		c.noteNode(doc, key, "the key "+key.Value+" of "+what+" has no equivalent and is left out", hint)
	}}
}

// empty reports whether a value says nothing, as Harness' editor leaves many.
func empty(n *yaml.Node) bool {
	n = document.Resolved(n)
	return len(n.Content) == 0 && (n.Kind != yaml.ScalarNode || n.Value == "" || document.IsNull(n))
}

// comment keeps a text on one line, and out of it what YAML does not take.
func comment(text string) string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(printable), " ")
}

// head is the comment at the top of the workflow.
func head(name, description string, problems diag.List) string {
	lines := []string{"Converted from " + path.Base(name) + "."}
	if description != "" {
		lines = append(lines, comment(description))
	}
	if warnings := problems.Warnings(); len(warnings) > 0 {
		lines = append(lines, "", "To do, and what has no equivalent here:")
		for _, f := range warnings {
			line := fmt.Sprintf("- line %d: %s", f.Line, f.Message)
			switch {
			case f.Line == 0:
				line = fmt.Sprintf("- %s: %s", f.File, f.Message)
			case path.Base(f.File) != path.Base(name):
				line = fmt.Sprintf("- %s:%d: %s", f.File, f.Line, f.Message)
			}
			if f.Hint != "" {
				line += " (" + f.Hint + ")"
			}
			lines = append(lines, comment(line))
		}
	}
	return strings.Join(lines, "\n")
}
