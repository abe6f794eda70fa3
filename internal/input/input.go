// Package input holds the one table of inputs and reads their values from
// where a host keeps them: flags, INPUT_* and PLUGIN_* variables.
//
// It promises that a flag wins over the environment and the environment over
// the default, that an empty value counts as none (GitHub sets every input that
// a workflow leaves out to the empty string), that every problem of every
// input is reported at once, and that no message shows the value of a secret.
// It never reads a file, the process's own environment or the clock.
//
// How hosts name and encode settings: GitHub upper-cases a name and keeps its
// hyphens (INPUT_AWS-REGION); Woodpecker turns them into underscores
// (PLUGIN_AWS_REGION); Drone keeps them (PLUGIN_AWS-REGION); all of them flatten
// camelCase (PLUGIN_AWSREGION). So names are compared by their letters and
// digits alone. Lists come as a,b,c or, with secrets inside, as JSON; maps as
// JSON.
package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Options say where values come from.
type Options struct {
	// Args are the words after the program's name.
	Args []string
	// Env is the environment, as os.Environ returns it.
	Env []string
	// Prefixes are those of the host's settings, the first wins: PLUGIN_,
	// INPUT_. Without one only flags count and a command must be named.
	Prefixes []string
	// Command overrides the command of Args and Env: the post step is a
	// rollback although the inputs say deploy.
	Command string
}

// Request is what a user or a workflow asks for.
type Request struct {
	// Command is the command to run; empty where Help is all that is wanted.
	Command string
	// Help is a text to print instead of running the command.
	Help string
	// Set holds the values.
	Set *Set
	// JSON reports whether --output json is asked for, also where other inputs are
	// wrong.
	JSON bool
	// Warnings are settings that no command reads.
	Warnings diag.List
}

// Parse reads the command and its inputs. The error is a diag.List; Command and JSON of
// the request are set with it as far as they are known.
func Parse(o Options) (*Request, error) {
	p := &parser{options: o, flags: map[string][]string{}, env: map[string]setting{}}
	req := &Request{}
	if p.wantsHelp() {
		req.Help = p.help()
		return req, p.problems.Err()
	}
	if req.Help = p.chooseCommand(); req.Help != "" {
		return req, nil
	}
	p.readArgs()
	p.readEnv()
	set := p.values()
	p.problems = append(p.problems, set.crossCheck()...)
	p.filesWithoutInstant(set)
	req.Command, req.JSON = p.command, set.values["output"].text == "json"
	if p.problems.Err() != nil {
		// A warning may be why the rest is wrong: an input that nobody reads.
		return req, p.problems.Sorted()
	}
	req.Set, req.Warnings = set, p.problems.Warnings()
	return req, nil
}

type parser struct {
	options  Options
	command  string
	args     []string
	flags    map[string][]string
	env      map[string]setting
	problems diag.List
}

// setting is a value from the environment under the name of its variable.
type setting struct{ variable, value string }

func (p *parser) fail(message, hint string) {
	p.problems = append(p.problems, diag.Problem{Message: message, Hint: hint})
}

func (p *parser) warn(message, hint string) {
	p.problems = append(p.problems, diag.Problem{Message: message, Hint: hint, Warning: true})
}

func (p *parser) wantsHelp() bool {
	for i, a := range p.options.Args {
		if a == "-h" || a == "--help" || (i == 0 && a == "help") {
			return true
		}
	}
	return false
}

func (p *parser) help() string {
	for _, a := range p.options.Args {
		if a == "help" || strings.HasPrefix(a, "-") {
			continue
		}
		if slices.Contains(commandNames(), a) {
			return CommandHelp(a)
		}
		p.unknownCommand(a)
		return ""
	}
	return Help()
}

// chooseCommand returns a help text where nothing says what to do.
func (p *parser) chooseCommand() string {
	p.args = p.options.Args
	switch {
	case p.options.Command != "":
		p.command = p.options.Command
		p.dropCommandWord()
	case len(p.args) > 0 && p.args[0] == "--version":
		p.command, p.args = "version", p.args[1:]
	case len(p.args) > 0 && !strings.HasPrefix(p.args[0], "-"):
		p.command, p.args = p.args[0], p.args[1:]
	case len(p.options.Prefixes) > 0:
		p.command = p.commandSetting()
	case len(p.args) == 0:
		return Help()
	default:
		p.fail("no command before "+flagName(p.args[0]), "write lambda-rollout deploy "+flagName(p.args[0])+" …; lambda-rollout --help lists the commands")
		return ""
	}
	if !slices.Contains(commandNames(), p.command) {
		p.unknownCommand(p.command)
		p.command = ""
	}
	return ""
}

// dropCommandWord skips the command of the arguments that main and post share.
func (p *parser) dropCommandWord() {
	if len(p.args) > 0 && !strings.HasPrefix(p.args[0], "-") {
		p.args = p.args[1:]
	}
}

func (p *parser) commandSetting() string {
	for _, prefix := range p.options.Prefixes {
		for _, kv := range p.options.Env {
			name, value, _ := strings.Cut(kv, "=")
			if rest, ok := strings.CutPrefix(name, prefix); ok && key(rest) == "COMMAND" && strings.TrimSpace(value) != "" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "deploy"
}

func (p *parser) unknownCommand(name string) {
	hint := diag.DidYouMean(name, commandNames())
	if hint == "" {
		hint = "lambda-rollout --help lists the commands"
	}
	p.fail(fmt.Sprintf("unknown command %q", name), hint)
}

// Set holds the values of one command's inputs. Its methods panic for a name
// that the table does not have, or has with another kind: that is a mistake of
// the program, never of its user.
type Set struct {
	command string
	values  map[string]value
}

type value struct {
	input   Input
	given   bool
	text    string
	list    []string
	pairs   map[string]string
	truth   bool
	length  time.Duration
	number  int
	percent float64
	course  traffic.Schedule
	gates   []gate.Gate
	group   *traffic.Group
}

// Command is the command that the values are for.
func (s *Set) Command() string { return s.command }

// Has reports whether the command takes the input at all.
func (s *Set) Has(name string) bool { _, has := s.values[name]; return has }

// Given reports whether the user gave a value that is not empty.
func (s *Set) Given(name string) bool { return s.get(name).given }

// String is the value of a String or an Enum.
func (s *Set) String(name string) string { return s.get(name, String, Enum).text }

// List is the value of a List or of Paths, without empty items.
func (s *Set) List(name string) []string { return slices.Clone(s.get(name, List, Paths).list) }

// Map is the value of a Map; nil where it was not given.
func (s *Set) Map(name string) map[string]string { return s.get(name, Map).pairs }

// Bool is the value of a Bool; where it was not given, false.
func (s *Set) Bool(name string) bool { return s.get(name, Bool).truth }

// Duration is the value of a Duration.
func (s *Set) Duration(name string) time.Duration { return s.get(name, Duration).length }

// Int is the value of an Int; 0 where it was not given.
func (s *Set) Int(name string) int { return s.get(name, Int).number }

// Percent is the value of a Percent.
func (s *Set) Percent(name string) float64 { return s.get(name, Percent).percent }

// Course is the value of a Course.
func (s *Set) Course(name string) traffic.Schedule { return s.get(name, Course).course }

// Gates is the value of Gates, those of one moment in their order.
func (s *Set) Gates(name string) []gate.Gate { return s.get(name, Gates).gates }

// Group is the deployment group of CodeDeploy that a Course names; nil where it names
// none.
func (s *Set) Group(name string) *traffic.Group { return s.get(name, Course).group }

// Secret is a value to mask, under the name that the user knows it by.
type Secret struct{ Name, Value string }

// Secrets are the values to mask before the first log line. The id of an access
// key is one only in its real form: emulators take any word.
func (s *Set) Secrets() []Secret {
	var out []Secret
	for _, i := range table {
		v, ok := s.values[i.Name]
		switch {
		case !ok || !v.given || !i.Secret && i.Kind != Gates:
		case i.Kind == Map:
			for _, name := range slices.Sorted(maps.Keys(v.pairs)) {
				out = append(out, Secret{name, v.pairs[name]})
			}
		case i.Kind == Gates:
			out = append(out, gateSecrets(v.gates)...)
		case i.Name != "aws-access-key-id" || redact.AccessKeyID(v.text):
			out = append(out, Secret{i.Name, v.text})
		}
	}
	return out
}

func (s *Set) get(name string, kinds ...Kind) value {
	v, ok := s.values[name]
	if !ok {
		panic(fmt.Sprintf("input: the command %s has no input %q", s.command, name))
	}
	if len(kinds) > 0 && !slices.Contains(kinds, v.input.Kind) {
		panic(fmt.Sprintf("input: %q is of another kind", name))
	}
	return v
}
