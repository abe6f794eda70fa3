package convert

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// change replaces lines of a file: count of them from the first, which counts from 0.
type change struct {
	first, count int
	lines        []string
}

// peerFile converts the steps of a file that use a peer. All other lines stay as
// they are.
type peerFile struct {
	*converter
	file    File
	lines   []string
	changes []change
	// found are the places of the steps, checkedOut whether a step before them reads
	// the repository.
	found      []peerUse
	checkedOut bool
	files      []File
}

// peerUse is a step that uses a peer.
type peerUse struct {
	host
	doc                  *expression.Document
	step, uses, settings *yaml.Node
	name, table          string
	checkedOut           bool
}

// peerSteps converts the steps of a workflow, or of a pipeline of Drone or
// Woodpecker, that use aws-lambda-deploy, lambda-action or drone-lambda.
func peerSteps(f File) (result Result, problems diag.List) {
	c := &converter{}
	p := &peerFile{converter: c, file: f, lines: strings.Split(string(bytes.TrimPrefix(f.Content, []byte("\ufeff"))), "\n")}
	for _, doc := range c.parse(f) {
		p.find(doc, doc.Root())
	}
	if len(p.found) == 0 {
		c.report(diag.Problem{File: f.Name, Message: "no step uses aws-lambda-deploy, lambda-action or drone-lambda", Hint: "no other step needs a conversion"})
	}
	for _, use := range p.found {
		p.convert(use)
	}
	changed := File{f.Name, []byte(strings.Join(p.changed(), "\n"))}
	if c.problems.Err() == nil && !isYAML(changed.Content) {
		// A text in quotes may go on anywhere.
		c.report(diag.Problem{File: f.Name, Message: "a step is not written as a block of lines", Hint: "indent the further lines of a string more than its key, and convert again"})
	}
	if problems = c.problems.Sorted(); problems.Err() != nil {
		return Result{}, problems
	}
	return Result{append([]File{changed}, p.files...), c.stops}, problems
}

func isYAML(content []byte) bool {
	documents := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var n yaml.Node
		if err := documents.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// changed are the lines of the file with the changes. What is put before a line comes in
// the order of the changes.
func (p *peerFile) changed() (out []string) {
	for i := 0; i <= len(p.lines); {
		count := 0
		var replaced []string
		for _, ch := range p.changes {
			switch {
			case ch.first != i:
			case ch.count == 0:
				out = append(out, ch.lines...)
			default:
				replaced, count = ch.lines, ch.count
			}
		}
		out = append(out, replaced...)
		if count == 0 && i < len(p.lines) {
			out = append(out, p.lines[i])
		}
		i += max(count, 1)
	}
	return out
}

// find looks for steps in the order of the file.
func (p *peerFile) find(doc *expression.Document, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for _, h := range []host{gitHub, drone} {
			uses := get(n, h.uses)
			if uses == nil || uses.Kind != yaml.ScalarNode {
				continue
			}
			text := doc.Text(uses)
			p.checkedOut = p.checkedOut || strings.HasPrefix(text, "actions/checkout@")
			name, table := peerOf(text)
			if name != "" {
				p.found = append(p.found, peerUse{h, doc, n, uses, get(n, h.settings), name, table, p.checkedOut || h == drone})
				p.checkedOut = true // from here on: where none does, one is put before this step
			}
		}
		if get(n, "steps") != nil {
			p.checkedOut = false // another job
		}
	}
	for _, child := range n.Content {
		p.find(doc, child)
	}
}

// convert makes the lines of one step anew.
func (p *peerFile) convert(use peerUse) {
	if use.step.Style&yaml.FlowStyle != 0 || use.settings != nil && use.settings.Kind != yaml.MappingNode {
		p.notABlock(use)
		return
	}
	s := p.newPeerStep(use.host, use.doc, use.name, use.table)
	if use.settings != nil {
		s.inputs(use.settings)
	}
	s.complete(use)
	name := p.definitionFile(s, use)
	var text bytes.Buffer
	if err := encode(&text, s.definition); err != nil {
		p.report(use.doc.Problem(use.uses, "cannot be written as a definition: "+err.Error(), ""))
		return
	}
	p.files = append(p.files, File{name, text.Bytes()})
	p.replace(s, use, name)
}

// complete adds what the peer does without being told, and what becomes of several
// inputs together.
func (s *peerStep) complete(use peerUse) {
	artifact := get(s.with, "artifact") != nil
	zipped := len(s.sources) > 0 || len(s.object) > 0
	switch {
	case s.object["bucket"] != "" && s.object["key"] != "":
		object := "s3://" + s.object["bucket"] + "/" + s.object["key"]
		if version := s.object["version"]; version != "" {
			object += "?versionId=" + version
		}
		put(s.with, "artifact", scalar(object))
	case len(s.sources) == 1 && !strings.ContainsAny(s.sources[0], "*?["):
		put(s.with, "artifact", scalar(s.sources[0]))
	case zipped:
		s.lack(use, "the input artifact takes one folder, zip or object: have a step before it put these files into a folder")
	case !artifact:
		s.lack(use, "no input names the code, and the input artifact has no default")
	}
	switch {
	case s.name == "aws-lambda-deploy" && get(s.definition, "packageType") == nil:
		s.byDefault(use, "handler", "index.handler")
		s.byDefault(use, "runtime", "nodejs20.x")
	case s.name != "aws-lambda-deploy" && get(s.with, "aws"+s.dash+"region") == nil:
		s.region(use)
	}
	if get(s.definition, "functionName") == nil {
		s.lack(use, "no input names the function")
	}
	if s.dry {
		put(s.with, "command", scalar("plan"))
	}
}

// lack says what the step as a whole has no equivalent for.
func (s *peerStep) lack(use peerUse, why string) {
	s.left = append(s.left, "the step of "+s.name+": "+why)
	s.noteNode(s.doc, use.uses, "the step of "+s.name+" has no equivalent: the workflow stops there", why)
}

// region names the Region of a step that gives none: the environment's, else
// us-east-1.
func (s *peerStep) region(use peerUse) {
	region := "${{ env.AWS_REGION || 'us-east-1' }}"
	if s.uses == drone.uses {
		region = "us-east-1"
		if env := get(use.step, "environment"); env != nil && get(document.Resolved(env), "AWS_REGION") != nil {
			return
		}
	}
	put(s.with, "aws"+s.dash+"region", scalar(region))
	s.noteNode(s.doc, use.uses, s.name+" uses us-east-1 where no Region is given, so the step names it", "")
}

// byDefault sets a field that aws-lambda-deploy sets without its input, too.
func (s *peerStep) byDefault(use peerUse, field, value string) {
	if get(s.definition, field) == nil {
		put(s.definition, field, scalar(value))
		s.noteNode(s.doc, use.uses, "aws-lambda-deploy sets the "+field+" to "+value+" where its input is not given, so the definition names it", "")
	}
}

// definitionFile is the name of the step's definition.
func (p *peerFile) definitionFile(s *peerStep, use peerUse) string {
	if len(p.found) == 1 {
		return "function.yaml"
	}
	name := ""
	for _, n := range []*yaml.Node{get(s.definition, "functionName"), get(use.step, "id"), get(use.step, "name")} {
		if name == "" && n != nil && !s.filledIn(n.Value) && !strings.Contains(n.Value, "<+") {
			name = strings.Trim(noID.ReplaceAllString(n.Value, "-"), "-_")
		}
	}
	base := strings.TrimSuffix("function-"+name, "-")
	name = base + ".yaml"
	for i := 2; slices.ContainsFunc(p.files, func(f File) bool { return f.Name == name }); i++ {
		name = fmt.Sprintf("%s-%d.yaml", base, i)
	}
	return name
}

// replace makes the lines of the step anew: what it uses, its inputs, and before it
// what stops the file.
func (p *peerFile) replace(s *peerStep, use peerUse, name string) {
	with := newMapping()
	put(with, "function"+s.dash+"definition", scalar(name))
	with.Content = append(with.Content, s.with.Content...)
	put(with, "variables", s.pairsOf(s.variables))
	put(with, "secrets", s.pairsOf(s.secrets))
	outer := newMapping()
	put(outer, s.settings, with)

	line, column := keyLine(use.step, use.host.uses), keyColumn(use.step, use.host.uses)
	if !p.begins(use.step, use.host.uses) || !p.onOneLine(line, column, use.uses) || use.settings != nil && !p.begins(use.step, use.host.settings) {
		p.notABlock(use)
		return
	}
	if !p.leavesNoAlias(use) {
		return
	}
	rest, at, end := p.lines[line], column, ""
	if strings.HasSuffix(rest, "\r") {
		end = "\r"
	}
	p.changes = append(p.changes, change{line, 1, []string{rest[:at] + use.host.uses + ": " + s.program + end}})
	block := change{first: line + 1, lines: indented(outer, column, end)}
	if use.settings != nil {
		block.first = keyLine(use.step, use.host.settings)
		block.count = p.extent(block.first, column)
		if strings.TrimSpace(p.lines[block.first][:min(len(p.lines[block.first]), column)]) == "-" {
			block.lines[0] = p.lines[block.first][:column] + strings.TrimLeft(block.lines[0], " ")
		}
	}
	p.changes = append(p.changes, block)
	p.before(s, use, end)
}

// leavesNoAlias reports an alias of what the step's new lines no longer have.
func (p *peerFile) leavesNoAlias(use peerUse) bool {
	anchors := map[*yaml.Node]bool{}
	var leave, look func(n *yaml.Node)
	leave = func(n *yaml.Node) {
		if n == nil {
			return
		}
		anchors[n] = n.Anchor != ""
		for _, child := range n.Content {
			leave(child)
		}
	}
	leave(use.uses)
	leave(use.settings)
	fine := true
	look = func(n *yaml.Node) {
		if n == use.uses || n == use.settings {
			return
		}
		if n.Kind == yaml.AliasNode && anchors[n.Alias] {
			fine = false
			p.report(document.Text{Doc: use.doc, Node: n}.Problem("*"+n.Value+" stands for a part of a step that is converted, which has it no longer", "write out what it stands for, and convert again"))
		}
		for _, child := range n.Content {
			look(child)
		}
	}
	look(use.doc.Root())
	return fine
}

func (p *peerFile) notABlock(use peerUse) {
	p.report(use.doc.Problem(use.uses, "the step is not written as a block of lines", "write each of its keys on a line of its own, and convert again"))
}

// onOneLine reports whether a line holds a key with all of its value.
func (p *peerFile) onOneLine(line, column int, value *yaml.Node) bool {
	var alone yaml.Node
	err := yaml.Unmarshal([]byte(p.lines[line][column:]), &alone)
	return err == nil && len(alone.Content) == 1 && len(alone.Content[0].Content) == 2 && alone.Content[0].Content[1].Value == value.Value
}

// begins reports whether a key is where the parser says it is: other characters than a
// line feed end lines, too.
func (p *peerFile) begins(m *yaml.Node, key string) bool {
	line, column := keyLine(m, key), keyColumn(m, key)
	return line < len(p.lines) && column <= len(p.lines[line]) && strings.HasPrefix(p.lines[line][column:], key+":")
}

// before puts steps in front of the step: one that reads the repository, where none
// does, and one that fails for what has no equivalent.
func (p *peerFile) before(s *peerStep, use peerUse, end string) {
	first := use.step.Line - 1
	text := p.lines[first]
	dash := strings.IndexByte(text, '-')
	var steps, comments []string
	listed := dash >= 0 && strings.TrimSpace(text[:dash]) == ""
	item := func(n *yaml.Node) { steps = append(steps, indented(newList(n), dash, end)...) }
	if !use.checkedOut && listed {
		step := newMapping()
		uses := scalar(checkout)
		uses.LineComment = checkoutVersion
		put(step, "uses", uses)
		item(step)
	}
	if len(s.left) > 0 {
		p.stops++
		if !listed {
			p.report(use.doc.Problem(use.uses, "the step is not an item of a list, so nothing can stop the file before it", "write the steps as a list, or remove what has no equivalent: "+strings.Join(s.left, "; ")))
			return
		}
		for _, left := range s.left {
			comments = append(comments, strings.Repeat(" ", dash)+"# "+left+end)
		}
		steps = append(steps, comments...)
		item(s.stopStep(use))
	}
	if len(steps) > 0 {
		p.changes = append(p.changes, change{first, 0, steps})
	}
}

// stopStep is a step that fails until somebody has decided what belongs there.
func (s *peerStep) stopStep(use peerUse) *yaml.Node {
	stop := newMapping()
	if s.uses == drone.uses {
		put(stop, "name", scalar("not converted"))
		put(stop, "image", scalar("alpine:3"))
		put(stop, "commands", newList(scalar("echo 'an input was not converted: decide what belongs here, and remove this step'"), scalar("exit 1")))
		return stop
	}
	var names []string
	for _, left := range s.left {
		name, _, _ := strings.Cut(left, ":")
		names = append(names, name)
	}
	env := newMapping()
	put(env, "STOPPED_AT", scalar(strings.Join(names, ", ")))
	put(stop, "env", env)
	put(stop, "run", scalar(stopScript))
	if use.doc != nil && get(use.doc.Root(), "runs") != nil { // an action, not a workflow
		put(stop, "shell", scalar("bash"))
	}
	return stop
}

// extent counts the lines of a block that begins with a key in a column: those that
// are indented more, and the blank ones between them.
func (p *peerFile) extent(first, column int) int {
	count := 1
	for i := first + 1; i < len(p.lines); i++ {
		trimmed := strings.TrimLeft(p.lines[i], " ")
		if strings.TrimSpace(trimmed) == "" {
			continue
		}
		if len(p.lines[i])-len(trimmed) <= column {
			break
		}
		count = i - first + 1
	}
	return count
}

// keyColumn is where a key of a mapping begins, keyLine on which line; both from 0.
func keyColumn(m *yaml.Node, key string) int { return keyNode(m, key).Column - 1 }
func keyLine(m *yaml.Node, key string) int   { return keyNode(m, key).Line - 1 }

func keyNode(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i]
		}
	}
	return m
}

// indented writes a node as lines behind a number of blanks.
func indented(n *yaml.Node, column int, end string) []string {
	var text bytes.Buffer
	_ = encode(&text, n) // what this package made can be written
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", column) + line + end
		}
	}
	return lines
}

func encode(text *bytes.Buffer, n *yaml.Node) error {
	enc := yaml.NewEncoder(text)
	enc.SetIndent(2)
	return enc.Encode(n)
}

// workflowName is where a workflow of its own belongs.
func workflowName(base string) string {
	return path.Join(".github/workflows", strings.TrimSuffix(base, path.Ext(base))+".yml")
}
