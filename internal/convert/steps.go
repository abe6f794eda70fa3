package convert

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// jobSteps holds the steps of one job while they are made.
type jobSteps struct {
	*converter
	stage *stage
	place place
	after behaviour
	out   *yaml.Node
	// deploy is the id of the last canary deployment, for the shifts that follow.
	deploy string
	// rollbackTimeout is that of the rollback step.
	rollbackTimeout document.Text
	ids             map[string]bool
}

// steps converts the steps of a stage and what of its rollback steps the
// action's post does not do.
func (c *converter) steps(s *stage, p place, after behaviour) *yaml.Node {
	j := &jobSteps{converter: c, stage: s, place: p, after: after, out: newList(), ids: map[string]bool{}}
	for _, back := range s.rollback {
		if isRollback(back) {
			j.rollbackTimeout = back.timeout
		}
	}
	first := newMapping()
	uses := scalar(checkout)
	uses.LineComment = checkoutVersion
	put(first, "uses", uses)
	j.out.Content = append(j.out.Content, first)
	for i := 0; i < len(s.steps); {
		i += j.step(s.steps[i:])
	}
	for _, back := range s.rollback {
		if isRollback(back) {
			continue
		}
		back.conditions = append([]when{{status: document.Of("rollbackSteps", "Failure")}}, back.conditions...)
		c.advise(back.name, "the rollback step "+back.name.Raw()+" runs before the action rolls back the functions", "the action's post step is the last of the job")
		j.step([]*step{back})
	}
	deploys := slices.ContainsFunc(s.steps, func(s *step) bool { return s.typ.Raw() == "AwsLambdaDeploy" || s.typ.Raw() == "AwsLambdaCanaryDeploy" })
	if deploys && !after.ignore && !after.keep && !slices.ContainsFunc(s.rollback, isRollback) {
		c.adviseNode(s.doc, s.node, "the stage has no rollback step for Lambda, but the action rolls back its deployment when the job fails", "rollback-on: never keeps it")
	}
	return j.out
}

// moves reports a step that deploys or shifts traffic.
func (s *step) moves() bool {
	return slices.Contains([]string{"AwsLambdaDeploy", "AwsLambdaCanaryDeploy", "AwsLambdaTrafficShift"}, s.typ.Raw())
}

func isRollback(s *step) bool {
	return s.typ.Raw() == "AwsLambdaRollback" || s.typ.Raw() == "AwsLambdaCanaryRollback"
}

// step converts the first of the steps and says how many it took.
func (j *jobSteps) step(steps []*step) int {
	s := steps[0]
	switch s.typ.Raw() {
	case "AwsLambdaDeploy":
		var c course
		taken := 0
		if j.aliased() {
			taken = j.behind(&c, steps[1:])
		}
		j.add(s, j.deployStep(s, c))
		return 1 + taken
	case "AwsLambdaCanaryDeploy":
		course, taken := j.course(steps[1:])
		j.deploy = j.add(s, j.deployStep(s, course))
		j.aliases(s)
		return 1 + taken
	case "AwsLambdaTrafficShift":
		j.shift(s)
	case "ShellScript":
		j.add(s, j.script(s))
	case "Wait":
		j.wait(s)
	case gitHubAction:
		j.add(s, j.filled(s.spec))
	case "AwsLambdaRollback", "AwsLambdaCanaryRollback":
		j.note(s.typ, "a rollback step among the steps is left out: the action rolls back when the job fails", "")
	default:
		if s.isNews() || s.onFailure() {
			j.note(s.typ, "the step "+s.name.Raw()+" of type "+s.typ.Raw()+" has no equivalent and is left out", hints[s.typ.Raw()])
			break
		}
		j.stop(s)
	}
	return 1
}

// filled is a part of a step as it is written, with its expressions in GitHub's terms.
func (j *jobSteps) filled(n *yaml.Node) *yaml.Node {
	out := copied(document.Resolved(n))
	var write func(n *yaml.Node)
	write = func(n *yaml.Node) {
		if text := j.stage.doc.Text(n); n.Kind == yaml.ScalarNode && strings.Contains(text, "<+") {
			n.Value, n.Tag, n.Style = j.text(document.Text{Doc: j.stage.doc, Node: n}), "!!str", 0
		}
		for _, child := range n.Content {
			write(child)
		}
	}
	write(out)
	return out
}

// add puts the parts that every step has around the content.
func (j *jobSteps) add(s *step, content *yaml.Node) string {
	out := newMapping()
	put(out, "name", j.named(s.name, s.description))
	id := identifier(s.identifier.Raw())
	for j.ids[strings.ToLower(id)] {
		id += "_"
	}
	j.ids[strings.ToLower(id)] = true
	put(out, "id", scalar(id))
	j.moving = s.moves()
	put(out, "if", j.condition(s.conditions, ofStep))
	j.moving = false
	if j.unsaid && !s.onFailure() {
		j.out.Content = append(j.out.Content, j.stopStep(j.named(s.name, s.description), stopText("condition of the step", s.name, document.Text{})))
	}
	switch after := j.failure(s.strategies); {
	case after.ignore || j.after.ignore:
		put(out, "continue-on-error", boolean(true))
	case after.keep:
		if with := get(content, "with"); with != nil {
			put(with, "rollback-on", scalar("never"))
		}
	}
	out.Content = append(out.Content, content.Content...)
	j.out.Content = append(j.out.Content, out)
	return id
}

// deployStep is the action with the files that the stage refers to.
func (j *jobSteps) deployStep(s *step, c course) *yaml.Node {
	if s.spec != nil {
		j.reader(s.doc).Mapping(s.spec, "the step's spec", nil, "")
	}
	with := newMapping()
	j.files(with)
	if c.stages.Gradual() {
		put(with, "traffic", scalar(c.stages.String()))
	}
	j.guarded(with, c)
	j.asks(with, c)
	if d, ok := j.timeout(s.timeout); ok {
		put(with, "timeout", scalar(traffic.FormatDuration(d)))
	}
	if d, ok := j.timeout(j.rollbackTimeout); ok {
		put(with, "rollback-timeout", scalar(traffic.FormatDuration(d)))
	}
	if j.after.keep {
		put(with, "rollback-on", scalar("never"))
	}
	return j.uses(with)
}

// files names the documents, the values of runtime inputs, the secrets and the
// credentials.
func (j *jobSteps) files(with *yaml.Node) {
	services, inputs := j.serviceFiles()
	put(with, "service", texts(services))
	if j.place.ref.Set() {
		put(with, "environment", scalar(j.file(j.references.environments, j.place.ref, "environment")))
	}
	infrastructures, more := j.infrastructureFiles()
	put(with, "infrastructure", texts(infrastructures))
	put(with, "overrides", texts(j.overrideFiles()))
	inputs = append(inputs, more...)
	for _, n := range j.place.inputs {
		inputs = append(inputs, j.flatten(n, "env", find(j.references.environments, j.place.ref.Raw()))...)
	}
	put(with, "inputs", texts(inputs))
	put(with, "variables", texts(j.variables()))
	var secrets []string
	for _, id := range j.secretIDs() {
		secrets = append(secrets, id+"="+evaluated("secrets."+j.secretName(id)))
	}
	put(with, "secrets", texts(secrets))
	j.credentials(with)
}

// serviceFiles are the files of the stage's services, and the runtime inputs that the
// pipeline sets in them.
func (j *jobSteps) serviceFiles() (files, inputs []string) {
	if len(j.stage.services) == 0 {
		j.noteNode(j.stage.doc, j.stage.node, "the stage names no service", "name one with the action's input service")
	}
	for _, ref := range j.stage.services {
		files = append(files, j.serviceFile(ref.ref))
		inputs = append(inputs, j.inputs(ref)...)
	}
	return files, inputs
}

// infrastructureFiles are those of the place, or all of its environment, with their
// runtime inputs.
func (j *jobSteps) infrastructureFiles() (files, inputs []string) {
	if !j.place.deployToAll {
		for _, ref := range j.place.infrastructures {
			files = append(files, j.file(j.references.infrastructures, ref.ref, "infrastructure"))
			inputs = append(inputs, j.flatten(ref.inputs, "infra", find(j.references.infrastructures, ref.ref.Raw()))...)
		}
		return files, inputs
	}
	for _, i := range j.infrastructures(j.place) {
		files = append(files, i.file)
	}
	if len(files) == 0 {
		j.note(j.place.ref, "deployToAll: no file of an infrastructure of "+j.place.ref.Raw()+" was given", "name them with the input infrastructure")
	}
	return files, nil
}

// overrideFiles are those for the place's environment, and for every one.
func (j *jobSteps) overrideFiles() (files []string) {
	for _, o := range j.references.overrides {
		if ref := o.environmentRef.Raw(); ref == "" || ref == j.place.ref.Raw() {
			files = append(files, o.file)
		}
	}
	return slices.Compact(files)
}

func (j *jobSteps) serviceFile(ref document.Text) string {
	e := j.service(ref.Raw())
	if e == nil || j.checking || find(j.references.services, ref.Raw()) != nil || strings.Contains(ref.Raw(), "<+") {
		return j.file(j.references.services, ref, "service")
	}
	j.note(ref, "the pipeline's service is called "+ref.Raw()+"; the service that was given, "+e.id()+", is used for it", "")
	return e.file
}

// file is the document that a reference means.
func (j *jobSteps) file(list []*entity, ref document.Text, kind string) string {
	raw := ref.Raw()
	if input, ok := expression.ParseInput(raw); ok {
		name := j.askPlain(kind, input)
		j.advise(ref, "the "+kind+" is chosen at each run: the workflow's input "+name+" is the name of its file in .harness", "")
		return j.written(ref, ".harness/<+pipeline.variables."+name+">.yaml")
	}
	if e := find(list, raw); e != nil {
		return e.file
	}
	name := ".harness/" + strings.NewReplacer("account.", "", "org.", "").Replace(raw) + ".yaml"
	hint := "put its YAML at " + name + ", or change the path"
	if j.checking {
		var known []string
		for _, e := range list {
			known = append(known, e.id())
		}
		hint = cmp.Or(diag.DidYouMean(raw, known), "name its file, too")
	}
	j.note(ref, "no file of the "+kind+" "+raw+" was given", hint)
	return j.written(ref, name)
}

// variables are the pipeline's and the stage's that the documents ask for.
func (j *jobSteps) variables() []string {
	names := slices.Clone(j.references.variables)
	slices.Sort(names)
	var out []string
	for _, name := range slices.Compact(names) {
		for _, list := range [][]variable{j.stage.variables, j.pipeline.variables} {
			if value, ok := j.variableName(list, name, "inputs"); ok {
				if literal, fixed := unquote(value); fixed {
					out = append(out, name+"="+literal)
				} else {
					out = append(out, name+"="+evaluated(value))
				}
				break
			}
		}
	}
	return out
}

// credentials maps the connectors to roles that the repository's variables
// hold: the infrastructure's first connector is the one to begin with.
func (j *jobSteps) credentials(with *yaml.Node) {
	var connectors []string
	add := func(t document.Text) {
		if ref := t.Raw(); ref != "" && !strings.Contains(ref, "<+") && !slices.Contains(connectors, ref) {
			connectors = append(connectors, ref)
			j.advise(t, "set the variable "+constant(ref)+"_ROLE of the repository to the ARN of the role that the connector "+ref+" stands for", "")
		}
	}
	for _, i := range j.infrastructures(j.place) {
		add(i.connectorRef)
	}
	for _, ref := range j.stage.services {
		if e := j.service(ref.ref.Raw()); e != nil {
			for _, connector := range e.connectors {
				add(connector)
			}
		}
	}
	if len(connectors) == 0 {
		j.adviseNode(j.stage.doc, j.stage.node, "set the variable DEPLOY_ROLE of the repository to the ARN of the role to deploy with", "")
		put(with, "role-to-assume", scalar(evaluated("vars.DEPLOY_ROLE")))
		return
	}
	put(with, "role-to-assume", scalar(evaluated("vars."+constant(connectors[0])+"_ROLE")))
	var roles []string
	for _, ref := range connectors[1:] {
		roles = append(roles, ref+"="+evaluated("vars."+constant(ref)+"_ROLE"))
	}
	put(with, "connectors", texts(roles))
}
