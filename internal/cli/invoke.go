package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// invoke calls a function, once for each payload and one after the other, and prints
// its answers on stdout. A function that fails does not end the others.
func (a *app) invoke(ctx context.Context) error {
	if a.in.String("function") == "" {
		return diag.List{{Message: "no function is named", Hint: "lambda-rollout invoke --function NAME"}}
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if qualified, is := errors.AsType[definition.QualifiedName](err); is {
		return diag.List{{Message: "input function: " + err.Error(), Hint: fmt.Sprintf("lambda-rollout invoke --function %s --qualifier %s", qualified.Bare, qualified.Qualifier)}}
	}
	if err != nil {
		return notStarted(err)
	}
	payloads, err := a.payloads(ctx, a.in.String("payload"))
	if err != nil {
		return notStarted(err)
	}
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	docs, failed := []invokeDocument{}, 0
	for i, payload := range payloads {
		answer, err := deploy.Invoke(ctx, c, name, lambdaapi.Invocation{
			Function: name.Name, Qualifier: a.in.String("qualifier"), Payload: payload,
		})
		if err != nil && i > 0 {
			err = fmt.Errorf("payload %d of %d, after %d were sent: %w", i+1, len(payloads), i, &sentError{err})
		}
		if err != nil {
			a.answers = docs
			return err
		}
		if answer.FunctionError != "" {
			failed++
		}
		docs = append(docs, a.invoked(name, answer))
		if err := a.answered(name, answer); err != nil {
			return err
		}
	}
	if err := a.printInvoked(docs); err != nil || failed == 0 {
		return err
	}
	if len(payloads) == 1 {
		return fmt.Errorf("function %s failed: %s", name.Name, docs[0].FunctionError)
	}
	return fmt.Errorf("function %s failed for %d of %d payloads", name.Name, failed, len(payloads))
}

// sentError hides that an invocation was refused: others were made before it.
type sentError struct{ err error }

func (e *sentError) Error() string { return e.err.Error() }

// payloads are the events to send: the text itself, - for stdin, or @FILE, several of
// them and patterns too. Each of them may hold several documents.
func (a *app) payloads(ctx context.Context, text string) ([][]byte, error) {
	if text == "-" {
		content, err := a.host.ReadStdin(ctx)
		if err != nil {
			return nil, err
		}
		return deploy.Payloads(content)
	}
	if !strings.HasPrefix(text, "@") {
		return deploy.Payloads([]byte(text))
	}
	var all [][]byte
	for _, word := range strings.Fields(text) {
		pattern, is := strings.CutPrefix(word, "@")
		if !is {
			return nil, fmt.Errorf("input payload: %s is not a file: write @%s", word, word)
		}
		found, err := a.payloadFiles(ctx, pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// payloadFiles are the documents of the files that a pattern means, by their names.
func (a *app) payloadFiles(ctx context.Context, pattern string) ([][]byte, error) {
	names := []string{pattern}
	if glob.IsPattern(pattern) && (filepath.IsAbs(pattern) || filepath.IsLocal(pattern)) {
		found, err := filepath.Glob(a.absolute(pattern))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("input payload: no file matches %s", pattern)
		}
		names = found
		for i, name := range names {
			if below, err := filepath.Rel(a.host.Workspace(), name); err == nil && !filepath.IsAbs(pattern) {
				names[i] = below
			}
		}
	}
	var all [][]byte
	for _, name := range names {
		content, err := a.host.ReadFile(ctx, name)
		if err != nil {
			return nil, err
		}
		found, err := deploy.Payloads(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// invokeDocument is one invocation as --output json shows it.
type invokeDocument struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Version is the one that ran.
	Version string `json:"version"`
	// Payload is the answer: JSON, or a text where the function answered something else.
	Payload json.RawMessage `json:"payload"`
	// FunctionError is AWS's word where the function failed.
	FunctionError string `json:"functionError,omitempty"`
	// Log is the end of the invocation's log, with verbose or where the function failed.
	Log string `json:"log,omitempty"`
}

func (a *app) invoked(name definition.Name, answer deploy.Invoked) invokeDocument {
	doc := invokeDocument{
		Function: name.Name, Region: answer.Region, Version: answer.Version, FunctionError: answer.FunctionError,
		Payload: []byte(a.host.Redact(string(answer.Payload))),
	}
	if !json.Valid(doc.Payload) {
		doc.Payload, _ = json.Marshal(string(doc.Payload)) // a text always is
	}
	if a.showsLog(answer) {
		doc.Log = a.host.Redact(answer.Log)
	}
	return doc
}

// showsLog reports whether the log of an invocation is asked for, or tells why it failed.
func (a *app) showsLog(answer deploy.Invoked) bool {
	return a.in.Bool("verbose") || answer.FunctionError != ""
}

// printInvoked prints the document of all invocations, where that is asked for.
func (a *app) printInvoked(docs []invokeDocument) error {
	if !a.json() {
		return nil
	}
	return a.printJSON(docs)
}

// answered prints what a function answered.
func (a *app) answered(name definition.Name, answer deploy.Invoked) error {
	if answer.Log != "" && a.showsLog(answer) {
		a.log().Block(answer.Log)
	}
	a.log().Line("Invoked function %s in %s", name.Name, answer.Region)
	if answer.Version != "" {
		a.log().Line("Executed version: %s", answer.Version)
	}
	if a.json() {
		return nil
	}
	return a.print(string(answer.Payload) + "\n")
}
