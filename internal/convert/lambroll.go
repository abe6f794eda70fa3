package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// LambrollFiles are the names of lambroll's files in a folder, the definitions first
// (https://github.com/fujiwara/lambroll#usage).
var LambrollFiles = []string{"function.json", "function.jsonnet", "function_url.json", "function_url.jsonnet"}

// Folder is a folder of lambroll.
type Folder struct {
	// Name is its path in the repository.
	Name string
	// Files are those of LambrollFiles that exist, by their paths.
	Files []File
	// Option is its option file; without a name there is none.
	Option File
	// Env looks up the LAMBROLL_* variables.
	Env func(name string) (string, bool)
	// Functions are those of the option file's templates: env and must_env write what
	// the workflow has. Jsonnet evaluates an option file in Jsonnet with them.
	Functions expression.Functions
	Jsonnet   func(File) ([]byte, *diag.Problem)
}

// Lambroll makes the workflow that deploys a folder of lambroll. The definition is
// taken as it is, its templates included.
func Lambroll(f Folder) (result Result, problems diag.List) {
	c := &converter{}
	l := &lambroll{converter: c, folder: f}
	result = l.convert()
	if problems = c.problems.Sorted(); problems.Err() != nil {
		return Result{}, problems
	}
	return result, problems
}

// lambroll holds the conversion of one folder.
type lambroll struct {
	*converter
	folder Folder
	step   *peerStep
	// definition is the file of the function, src the folder or zip of its code.
	definition File
	src        string
	skip       bool
}

func (l *lambroll) file(name string) (File, bool) {
	i := slices.IndexFunc(l.folder.Files, func(f File) bool { return path.Base(f.Name) == name })
	if i < 0 {
		return File{}, false
	}
	return l.folder.Files[i], true
}

func (l *lambroll) convert() Result {
	l.src = "."
	options := l.options()
	if options == nil {
		return Result{}
	}
	l.step = l.newPeerStep(gitHub, options, "lambroll", lambrollOptions)
	l.step.word = "option"
	l.readVariables()
	l.read(options, options.Root())
	if get(l.step.with, "alias") == nil {
		put(l.step.with, "alias", scalar("current"))
	}
	if l.definition.Name == "" {
		l.definition, _ = l.file("function.json")
	}
	if l.definition.Name == "" {
		l.definition, _ = l.file("function.jsonnet")
	}
	if l.definition.Name == "" {
		l.report(diag.Problem{File: l.folder.Name, Message: "holds neither function.json nor function.jsonnet", Hint: "name the folder of the function"})
		return Result{}
	}
	name := l.code()
	l.url()
	if l.step.dry {
		put(l.step.with, "command", scalar("plan"))
	}
	root := l.workflow(name)
	var text bytes.Buffer
	root.HeadComment = head(l.folder.Name, "", l.problems.Sorted())
	if err := encode(&text, root); err != nil {
		l.report(diag.Problem{File: l.folder.Name, Message: "cannot be written as a workflow: " + err.Error()})
	}
	return Result{[]File{{workflowName("deploy-" + name), text.Bytes()}}, l.stops}
}

// options are the option file's, or an empty document.
func (l *lambroll) options() *expression.Document {
	file := l.folder.Option
	if file.Name == "" {
		return expression.NewScalar(l.folder.Name, "")
	}
	l.asks(file)
	if path.Ext(file.Name) == ".jsonnet" {
		content, problem := l.folder.Jsonnet(file)
		if problem != nil {
			l.report(*problem)
			return nil
		}
		file = File{file.Name + " (as JSON)", content}
	}
	docs, problems := expression.ScanTemplates(file.Name, file.Content).Documents()
	l.report(problems...)
	switch {
	case problems.Err() != nil:
		return nil
	case len(docs) != 1:
		l.report(diag.Problem{File: file.Name, Message: fmt.Sprintf("holds %d documents, but an option file is one", len(docs))})
		return nil
	}
	if f := document.TooLarge(docs[0]); f != nil {
		l.report(*f)
		return nil
	}
	problems = docs[0].Render(docs[0].Root(), expression.NewEvaluator(expression.Env{Functions: l.folder.Functions}))
	l.report(problems...)
	return docs[0]
}

// asks has the user set the variables that a file asks for, and returns them.
func (l *lambroll) asks(file File) (names []string) {
	for _, m := range environmentCall.FindAllSubmatch(file.Content, -1) {
		if name := string(m[1]); !slices.Contains(names, name) {
			names = append(names, name)
			l.report(diag.Problem{File: file.Name, Warning: true, Message: "set the variable " + name + " of the repository: the file asks for it", Hint: "use secrets." + name + " in the workflow if it is secret"})
		}
	}
	return names
}

// variables are lambroll's environment variables by the options that they set.
var lambrollVariables = [][2]string{
	{"LAMBROLL_FUNCTION", "function"}, {"LAMBROLL_TFSTATE", "tfstate"}, {"LAMBROLL_PREFIXED_TFSTATE", "prefixed-tfstate"},
	{"LAMBROLL_ENVFILE", "envfile"}, {"LAMBROLL_EXTSTR", "ext-str"}, {"LAMBROLL_EXTCODE", "ext-code"}, {"LAMBROLL_FUNCTION_URL", "function-url"},
}

// readVariables takes the variables in, which come before the option file.
func (l *lambroll) readVariables() {
	doc := l.step.doc
	for _, v := range lambrollVariables {
		if value, set := l.folder.Env(v[0]); set && value != "" {
			text := document.Of(v[0], value)
			l.step.doc = text.Doc
			r, _ := ruleOf(lambrollOptions, v[1])
			l.option(l.step, text.Node, text.Node, r)
		}
	}
	l.step.doc = doc
}

// read takes the options of the file in.
func (l *lambroll) read(doc *expression.Document, n *yaml.Node) {
	pairs := document.Pairs(document.Resolved(n))
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], document.Resolved(pairs[i+1])
		r, known := ruleOf(lambrollOptions, doc.Text(key))
		switch {
		case key.Value == "deploy" && value.Kind == yaml.MappingNode:
			l.read(doc, value)
		case value.Kind == yaml.MappingNode && !known: // of another command
		case !known:
			l.step.leave(key, "it is not among the options of lambroll")
		case r.kind == "ignored" || empty(value) || value.Value == "false" && r.kind != "is":
		default:
			l.option(l.step, key, value, r)
		}
	}
}

// option converts one option.
func (l *lambroll) option(s *peerStep, key, value *yaml.Node, r rule) {
	text := s.doc.Text(value)
	if r.target != "" && get(s.with, r.target) != nil {
		return // a variable has set it
	}
	switch r.kind {
	case "left":
		s.leave(key, r.target)
	case "note":
		s.noteNode(s.doc, key, "the "+s.word+" "+comment(s.doc.Text(key))+" of lambroll is left out", r.target)
	case "input":
		s.input(r.target, value)
	case "path":
		put(s.with, r.target, scalar(l.inFolder(text)))
	case "src":
		l.src = text
	case "skip":
		l.skip = true
	case "function":
		l.definition, _ = l.file(path.Base(text))
		if l.definition.Name == "" {
			s.leave(key, "the file is not in the folder: name it with the input function-definition")
		}
	case "files":
		items, _ := s.items(value)
		for i, item := range items {
			items[i] = l.inFolder(item)
		}
		put(s.with, r.target, texts(items))
	case "map", "paths":
		put(s.with, r.target, texts(l.pairs(s, value, r.kind == "paths")))
	default:
		if why := s.decision(text, r); why != "" {
			s.leave(key, why)
		}
	}
}

// pairs are those of a mapping, or of a variable: NAME=VALUE;NAME=VALUE.
func (l *lambroll) pairs(s *peerStep, n *yaml.Node, paths bool) []string {
	var out []string
	add := func(name, value string) {
		if paths {
			value = l.inFolder(value)
		}
		out = append(out, strings.TrimSpace(name)+"="+strings.TrimSpace(value))
	}
	if n.Kind == yaml.ScalarNode {
		for pair := range strings.SplitSeq(s.doc.Text(n), ";") {
			name, value, _ := strings.Cut(pair, "=")
			add(name, value)
		}
		return out
	}
	content := document.Pairs(n)
	for i := 0; i+1 < len(content); i += 2 {
		add(s.doc.Text(content[i]), s.doc.Text(document.Resolved(content[i+1])))
	}
	return out
}

// inFolder is a path that lambroll takes from the folder in which it runs.
func (l *lambroll) inFolder(name string) string {
	name = strings.TrimPrefix(name, "file://")
	if strings.Contains(name, "://") || path.IsAbs(name) || strings.HasPrefix(name, "${{") {
		return name
	}
	return path.Join(l.folder.Name, name)
}

// code finds out where the code is, and returns what the function is called in names
// of files.
func (l *lambroll) code() string {
	base := cmp.Or(path.Base(path.Clean(l.folder.Name)), "function")
	if base == "." || base == "/" {
		base = "function"
	}
	var bucket, key, version document.Text
	image := false
	if path.Ext(l.definition.Name) == ".json" {
		docs, problems := expression.ScanTemplates(l.definition.Name, l.definition.Content).Documents()
		l.report(problems...)
		for _, doc := range docs {
			if name := at(doc, "FunctionName"); name.Set() && !strings.ContainsAny(name.Raw(), "{:") {
				base = name.Raw()
			}
			bucket, key, version = at(doc, "Code", "S3Bucket"), at(doc, "Code", "S3Key"), at(doc, "Code", "S3ObjectVersion")
			image = at(doc, "PackageType").Raw() == "Image" || at(doc, "Code", "ImageUri").Set()
		}
	}
	switch {
	case image: // the definition names it
	case !bucket.Set() || bucket.Raw() == "":
		put(l.step.with, "artifact", scalar(l.inFolder(l.src)))
	case strings.Contains(bucket.Raw()+key.Raw()+version.Raw(), "{{"):
		l.step.left = append(l.step.left, "Code.S3Bucket and Code.S3Key of "+l.definition.Name+": a template there is not evaluated")
		l.note(bucket, "Code.S3Bucket and Code.S3Key hold a template: the workflow stops there", "name the object with the input artifact: s3://BUCKET/KEY")
	case l.skip:
		object := "s3://" + bucket.Raw() + "/" + key.Raw()
		if version.Raw() != "" {
			object += "?versionId=" + version.Raw()
		}
		put(l.step.with, "artifact", scalar(object))
	default:
		put(l.step.with, "artifact", scalar(l.inFolder(l.src)))
		put(l.step.with, "staging-bucket", scalar(bucket.Raw()))
		l.note(bucket, "without --skip-archive lambroll uploads the zip to this bucket: here it is the one for zips above 50 MB", "if the code is in the bucket already: artifact: s3://"+bucket.Raw()+"/"+key.Raw())
	}
	return strings.Trim(noID.ReplaceAllString(base, "-"), "-_")
}

// at is a field of a definition by its path; the zero Text where it is not there.
func at(doc *expression.Document, keys ...string) document.Text {
	n := doc.Root()
	for _, key := range keys {
		if n = document.Resolved(n); n.Kind != yaml.MappingNode || get(n, key) == nil {
			return document.Text{}
		}
		n = get(n, key)
	}
	return document.Text{Doc: doc, Node: document.Resolved(n)}
}

// url adds the function's URL.
func (l *lambroll) url() {
	given := get(l.step.with, "settings")
	f, ok := l.file("function_url.json")
	if !ok {
		f, ok = l.file("function_url.jsonnet")
	}
	if ok && given == nil {
		put(l.step.with, "settings", scalar(f.Name))
		l.report(diag.Problem{File: f.Name, Warning: true, Message: "lambroll deploys it only with --function-url; the workflow does", Hint: "remove its input settings if the URL is not to be changed"})
	}
}

// environmentCall finds the variables that a definition asks for, in templates and in
// Jsonnet.
var environmentCall = lazyregexp.New("\\b(?:must_)?env\\b['\"]?\\)?\\(?\\s*\\\\?[`'\"]([A-Za-z_]\\w*)")

// workflow is one job, which deploys the function.
func (l *lambroll) workflow(name string) *yaml.Node {
	steps := newList()
	first := newMapping()
	uses := scalar(checkout)
	uses.LineComment = checkoutVersion
	put(first, "uses", uses)
	steps.Content = append(steps.Content, first)
	if len(l.step.left) > 0 {
		l.stops++
		stop := l.step.stopStep(peerUse{})
		stop.HeadComment = strings.Join(l.step.left, "\n")
		steps.Content = append(steps.Content, stop)
	}
	steps.Content = append(steps.Content, l.deploy(name))
	job, concurrency := newMapping(), newMapping()
	put(job, "runs-on", scalar(runner))
	put(concurrency, "group", scalar("deploy-"+name))
	put(concurrency, "cancel-in-progress", boolean(false))
	put(job, "concurrency", concurrency)
	put(job, "steps", steps)
	jobs := newMapping()
	put(jobs, "deploy", job)
	return rootOf("Deploy "+name, scalar("workflow_dispatch"), jobs)
}

// deploy is the action with the inputs that say what the folder and its options say, and
// the variables that the files ask for.
func (l *lambroll) deploy(name string) *yaml.Node {
	with := newMapping()
	put(with, "function-definition", scalar(l.definition.Name))
	with.Content = append(with.Content, l.step.with.Content...)
	ask := func(input, variable, what string) {
		if get(with, input) == nil {
			put(with, input, scalar("${{ vars."+variable+" }}"))
			l.report(diag.Problem{File: l.definition.Name, Warning: true, Message: "set the variable " + variable + " of the repository to " + what})
		}
	}
	region, _ := l.folder.Env("AWS_REGION")
	put(with, "aws-region", cmp.Or(get(with, "aws-region"), scalar(region)))
	ask("aws-region", "AWS_REGION", "the Region of the function")
	ask("role-to-assume", "DEPLOY_ROLE", "the ARN of the role to deploy with")
	env := newMapping()
	asking := []File{l.definition}
	if n := get(with, "settings"); n != nil {
		settings, _ := l.file(path.Base(n.Value))
		asking = append(asking, settings)
	}
	for _, file := range asking {
		for _, variable := range l.asks(file) {
			put(env, variable, scalar("${{ vars."+variable+" }}"))
		}
	}
	step := newMapping()
	put(step, "name", scalar("Deploy "+name))
	put(step, "uses", scalar(action))
	put(step, "env", env)
	put(step, "with", with)
	return step
}
