package service

import (
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// settingsManifest is a type of manifest of our own: Harness has none for what
// hangs on a function.
const settingsManifest = "AwsLambdaFunctionSettings"

// settingsInputs begins the paths of runtime inputs in a settings document.
const settingsInputs = "settings"

// settings adds a settings document to what a target sets; what several of them
// set is an error.
func (l *loader) settings(t *Target, doc rendered) {
	s, problems := definition.DecodeSettings(doc)
	l.report(doc.Apart(problems)...)
	if s == nil {
		return
	}
	for _, kind := range s.Kinds {
		if t.Settings.Names(kind) {
			l.report(doc.Problem(doc.Root(), "another settings document names "+string(kind)+" already", "put both into one document"))
			continue
		}
		t.Settings.Kinds = append(t.Settings.Kinds, kind)
	}
	t.Settings.Named = slices.Concat(t.Settings.Named, s.Named)
}

// inputSettings reads the files of the input settings.
func (l *loader) inputSettings(t *Target, folder string, e *expression.Evaluator) {
	patterns := make([]string, len(l.opts.Settings))
	for i, pattern := range l.opts.Settings {
		patterns[i] = inFolder(folder, pattern)
	}
	names, problems := l.opts.Files.expand(patterns)
	l.report(problems...)
	l.expectTemplates(names, settingsInputs)
	for _, name := range names {
		if doc := l.renderFile(name, settingsInputs, e); doc != nil {
			l.settings(t, doc)
		}
	}
}
