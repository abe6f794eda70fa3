package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/convert"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lambroll"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// pipelineFile is what a pipeline's file holds.
const pipelineFile = "a Harness pipeline"

// inputOf is the input that takes a file, by what the file holds.
var inputOf = map[string]string{
	"a Harness Service": "service", "a Harness Environment": "environment", "a Harness Infrastructure": "infrastructure",
	"Harness overrides": "overrides", "a Harness input set": "inputs", pipelineFile: "inputs",
	"a function definition": "function-definition", "an alias definition": "alias-definition", "a settings document": "settings",
}

// validateFiles checks files that are named without an input, each for what it holds.
func (a *app) validateFiles(ctx context.Context) (found validation, err error) {
	contents, err := a.filesToValidate(ctx, &found)
	if err != nil {
		return found, err
	}
	a.sorted = map[string][]string{}
	var pipelines, others []convert.File
	for _, c := range contents {
		what, hint := service.Describe(c.Content)
		if lambroll.IsDefinition(c.Name) {
			what = "a function definition"
		}
		input, known := inputOf[what]
		if !known {
			found.problems = append(found.problems, notValidated(c, what, hint)...)
			continue
		}
		a.sorted[input] = append(a.sorted[input], c.Name)
		if f := (convert.File{Name: c.Name, Content: c.Content}); what == pipelineFile {
			pipelines = append(pipelines, f)
		} else {
			others = append(others, f)
		}
	}
	for _, p := range pipelines {
		checked, problems := convert.Check(p, others)
		found.pipelines = append(found.pipelines, validPipeline{p.Name, checked.Stages})
		found.problems = append(found.problems, problems...)
		a.sorted["variables"] = append(a.sorted["variables"], checked.Variables...)
	}
	definitions := a.usedByServices()
	err = a.validateSorted(ctx, &found, others)
	found.problems = once(found.problems)
	for _, name := range definitions {
		if found.problems.Err() == nil && !slices.Contains(found.sources, name) {
			found.problems = append(found.problems, diag.Problem{File: name, Warning: true, Message: "no service among the files uses it, so it was not checked", Hint: "lambda-rollout validate --function-definition " + name})
		}
	}
	return found, err
}

// notValidated says why a file is not checked: it is something else, or nothing tells
// what it is.
func notValidated(c service.File, what, hint string) diag.List {
	const refused = "is not a file that can be validated"
	if what != "" {
		return diag.List{{File: c.Name, Message: refused + ", but " + what, Hint: hint}}
	}
	docs, problems := expression.Scan(c.Name, c.Content).Documents()
	switch {
	case len(problems) > 0:
		return problems
	case len(docs) == 0:
		return diag.List{{File: c.Name, Message: "is empty"}}
	}
	return diag.List{{File: c.Name, Message: refused + ": its keys do not say what it is", Hint: "name it by its input, as in --function-definition " + c.Name}}
}

// usedByServices takes definitions out where there are services: these say which of
// them they use, and with which variables. It returns those of functions.
func (a *app) usedByServices() []string {
	if len(a.named("service")) == 0 {
		return nil
	}
	definitions := a.sorted["function-definition"]
	delete(a.sorted, "function-definition")
	delete(a.sorted, "alias-definition")
	delete(a.sorted, "settings")
	return definitions
}

func (a *app) filesToValidate(ctx context.Context, found *validation) (contents []service.File, err error) {
	files, closeFiles, err := service.OpenFiles(ctx, a.host.Workspace())
	if err != nil {
		return nil, notStarted(err)
	}
	defer func() { err = errors.Join(err, closeFiles()) }()
	contents, problems := files.Read(a.in.List("files"))
	found.problems = append(found.problems, problems...)
	return contents, nil
}

// validateSorted checks the documents. A deployment goes to one environment, so the
// services are checked with each of several; a warning about them counts where all of
// these give it.
func (a *app) validateSorted(ctx context.Context, found *validation, documents []convert.File) error {
	var shared diag.List
	for i, to := range a.destinations(documents) {
		a.sorted["environment"], a.sorted["infrastructure"] = one(to.environment), to.infrastructures
		if to.environment == "" && i > 0 {
			delete(a.sorted, "service")
		}
		var part validation
		if err := a.validateSet(ctx, &part); err != nil {
			return err
		}
		others := found.take(part, to)
		switch {
		case i == 0:
			shared = others
		case to.environment != "":
			shared = slices.DeleteFunc(shared, func(p diag.Problem) bool { return !slices.Contains(others, p) })
		}
	}
	found.problems = append(found.problems, shared...)
	return nil
}

// take adds what was found for one destination, but for warnings about files that other
// destinations use, too: it returns these.
func (v *validation) take(part validation, to destination) (others diag.List) {
	v.sources = append(v.sources, part.sources...)
	for _, f := range part.functions {
		if !slices.ContainsFunc(v.functions, func(other validFunction) bool { return other.Function == f.Function }) {
			v.functions = append(v.functions, f)
		}
	}
	for _, p := range part.problems {
		if p.Warning && p.File != to.environment && !slices.Contains(to.infrastructures, p.File) {
			others = append(others, p)
		} else {
			v.problems = append(v.problems, p)
		}
	}
	return others
}

// destination is an environment with its infrastructures.
type destination struct {
	environment     string
	infrastructures []string
}

// destinations are the environments, each with its infrastructures, and behind them the
// infrastructures of environments that are not among the files.
func (a *app) destinations(documents []convert.File) (out []destination) {
	owner := map[string]string{}
	refs := map[string]string{}
	for _, d := range documents {
		environment, of := service.Belonging(d.Content)
		if environment != "" {
			owner[environment] = d.Name
		}
		refs[d.Name] = of
	}
	for _, environment := range a.sorted["environment"] {
		to := destination{environment: environment}
		for _, name := range a.sorted["infrastructure"] {
			if owner[refs[name]] == environment {
				to.infrastructures = append(to.infrastructures, name)
			}
		}
		out = append(out, to)
	}
	var rest destination
	for _, name := range a.sorted["infrastructure"] {
		if owner[refs[name]] == "" {
			rest.infrastructures = append(rest.infrastructures, name)
		}
	}
	if len(rest.infrastructures) > 0 || len(out) == 0 {
		out = append(out, rest)
	}
	return out
}

func once(problems diag.List) (out diag.List) {
	for _, p := range problems {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
