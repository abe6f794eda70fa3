package input

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// key is what remains of a name on every host: its letters and digits.
func key(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

func find(name string) (Input, bool) {
	for _, i := range table {
		if i.Name == name {
			return i, true
		}
	}
	return Input{}, false
}

// flagName is a flag without its value, for a message: what follows = may be a
// secret.
func flagName(arg string) string {
	name, _, _ := strings.Cut(arg, "=")
	return name
}

// readArgs reads --name value, --name=value and, for a Bool, --name alone.
func (p *parser) readArgs() {
	args, last := p.args, ""
	for len(args) > 0 {
		arg, before := args[0], last
		args, last = args[1:], ""
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") {
			p.notAFlag(arg, before)
			continue
		}
		in, ok := find(name)
		if !ok || name == "command" {
			p.unknownFlag(name)
			if !hasValue && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				args = args[1:]
			}
			continue
		}
		switch {
		case hasValue:
		case in.Kind == Bool:
			value, last = "true", name
		case len(args) == 0:
			p.fail("--"+name+" has no value", fmt.Sprintf("write --%s %s", name, in.meta()))
			continue
		default:
			value, args = args[0], args[1:]
		}
		if p.command != "" && !in.Takes(p.command) {
			p.fail(fmt.Sprintf("%s does not take --%s", p.command, name), p.takenBy(in))
			continue
		}
		p.flags[name] = append(p.flags[name], value)
	}
}

func (p *parser) takenBy(in Input) string {
	return "it belongs to " + strings.Join(in.Commands, ", ")
}

// notAFlag reports a word that is no flag. before is the flag without a value in front of
// it, "" where there is none.
func (p *parser) notAFlag(arg, before string) {
	name := flagName(strings.TrimLeft(arg, "-"))
	_, isInput := find(name)
	if name := p.positional(); name != "" && !strings.HasPrefix(arg, "-") {
		p.flags[name] = append(p.flags[name], arg)
		return
	}
	switch {
	case strings.HasPrefix(arg, "-") && isInput:
		p.fail(fmt.Sprintf("unknown flag %s", flagName(arg)), fmt.Sprintf("write --%s", name))
	case strings.HasPrefix(arg, "-"):
		p.fail(fmt.Sprintf("unknown flag %s", flagName(arg)), p.helpHint())
	case before != "" && (arg == "true" || arg == "false"):
		p.fail(fmt.Sprintf("unexpected word %q", arg), fmt.Sprintf("write --%s=%s", before, arg))
	case slices.Contains(commandNames(), arg):
		p.fail(fmt.Sprintf("a second command %q", arg), "one run does one command")
	default:
		p.fail(fmt.Sprintf("unexpected word %q", arg), "each value follows its flag; "+p.helpHint())
	}
}

// positional is the input whose values follow the command without a flag.
func (p *parser) positional() string {
	for _, i := range table {
		if i.Positional && i.Takes(p.command) {
			return i.Name
		}
	}
	return ""
}

func (p *parser) unknownFlag(name string) {
	var names []string
	for _, i := range table {
		if i.Name != "command" && (p.command == "" || i.Takes(p.command)) {
			names = append(names, i.Name)
		}
	}
	hint := p.helpHint()
	if n := diag.Nearest(name, names); n != "" {
		hint = "did you mean --" + n + "?"
	} else if foreign := foreignSetting(name); foreign != "" {
		hint = strings.NewReplacer("did you mean `", "did you mean --", "`?", "?").Replace(foreign)
	}
	p.fail(fmt.Sprintf("unknown flag --%s", name), hint)
}

func (p *parser) helpHint() string {
	if p.command == "" {
		return "lambda-rollout --help lists the commands"
	}
	return fmt.Sprintf("lambda-rollout %s --help lists its flags", p.command)
}

// Variables that hosts set beside a step's own settings: GitHub's and act's for
// docker steps, Harness CI's for its agent.
var hostSettings = map[string]bool{
	"ARGS": true, "ENTRYPOINT": true, "POSTENTRYPOINT": true, "PREENTRYPOINT": true,
	"ARTIFACTFILE": true, "METADATAFILE": true, "CACHEMETRICSFILE": true, "BUILDTOOLFILE": true,
	"OIDCTOKENID": true, "DAEMONOFF": true, "PIPELINE": true,
}

// readEnv collects the settings of the first prefix that has them.
func (p *parser) readEnv() {
	byKey := map[string]string{}
	for _, i := range table {
		byKey[key(i.Name)] = i.Name
	}
	for _, prefix := range p.options.Prefixes {
		found := map[string]setting{}
		for _, kv := range slices.Sorted(slices.Values(p.options.Env)) {
			variable, value, _ := strings.Cut(kv, "=")
			rest, ok := strings.CutPrefix(variable, prefix)
			if !ok || strings.TrimSpace(value) == "" || hostSettings[key(rest)] {
				continue
			}
			name, known := byKey[key(rest)]
			if !known {
				p.unknownSetting(rest)
				continue
			}
			if first, twice := found[name]; twice && first.value != value {
				p.warn(fmt.Sprintf("%s and %s name the same input; the first counts", first.variable, variable), "")
				continue
			}
			found[name] = setting{variable, value}
		}
		for name, s := range found {
			if _, set := p.env[name]; !set {
				p.env[name] = s
			}
		}
	}
	p.checkUnread()
}

// unknownSetting stops a deploy where a setting is a misspelt input, or asks in
// other words for something that the deploy would not do: it would go on without
// what was asked for. A name that says nothing may be meant for somebody else, and
// gets a warning.
func (p *parser) unknownSetting(rest string) {
	var names []string
	for _, i := range table {
		names = append(names, i.Name)
	}
	name := strings.ToLower(rest)
	near := diag.Nearest(strings.NewReplacer("_", "-", " ", "-", ".", "-").Replace(name), names)
	hint := ""
	if near != "" {
		hint = "did you mean `" + near + "`?"
	} else {
		hint = foreignSetting(rest)
	}
	message := fmt.Sprintf("unknown input `%s`", name)
	if hint != "" && p.strict() {
		p.fail(message, hint)
		return
	}
	p.warn(message, hint)
}

// strict reports whether a setting that the command does not read stops it. Post
// and rollback share the settings of the deploy. Where the command line says what
// to do, INPUT_ variables may be those of an action that wraps this program.
func (p *parser) strict() bool {
	return p.options.Command == "" && p.command != "rollback" && len(p.options.Args) == 0
}

// checkUnread names settings that the command does not take. What belongs to a
// deploy is skipped: plugins share one block of settings between the steps that
// deploy and roll back, and post gets the inputs of main on GitHub. What asks for
// something other than a deploy stops one.
func (p *parser) checkUnread() {
	if p.options.Command != "" || p.command == "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		in, _ := find(name)
		if in.Takes(p.command) || in.Takes("deploy") || p.env[name].value == in.Default || in.ActionDefault != "" {
			continue
		}
		if in.Kind == Bool && slices.Contains(noes, strings.ToLower(strings.TrimSpace(p.env[name].value))) {
			continue
		}
		if in.Instead != "" && p.command == "deploy" && p.strict() {
			p.fail(fmt.Sprintf("deploy does not read the input %s, which asks for something else", name), in.Instead)
			continue
		}
		p.warn(fmt.Sprintf("%s does not read the input %s", p.command, name), p.takenBy(in))
	}
}

// chooses reports whether a flag says what a rollback or shift is of. An empty one
// is a variable of a script that is not set: the newest deployment is not what its
// author meant.
func (p *parser) chooses(in Input) bool {
	choosers := []string{"function", "alias", "rollback-data", "journal", "to-version", "at", "commit", "service", "function-definition"}
	return (p.command == "rollback" || p.command == "shift") && slices.Contains(choosers, in.Name)
}

// values decodes what was found, for the inputs that the command takes.
func (p *parser) values() *Set {
	set := &Set{command: p.command, values: map[string]value{}}
	for _, in := range table {
		if p.command != "" && !in.Takes(p.command) {
			continue
		}
		if in.Name == "command" {
			continue
		}
		d := decoder{input: in, shown: in.Name}
		v := value{input: in}
		switch texts, flagged := p.flags[in.Name]; {
		case flagged:
			d.shown = "--" + in.Name
			v = d.decode(texts)
			if !v.given && p.chooses(in) {
				d.fail("give it a value, or leave it out", "it is empty, and %s would choose something else without it", p.command)
			}
		case p.env[in.Name].value != "":
			v = d.decode([]string{p.env[in.Name].value})
		}
		if !v.given && len(d.problems) == 0 && in.Default != "" {
			v = d.decode([]string{in.Default})
			v.given = false
		}
		p.problems = append(p.problems, d.problems...)
		set.values[in.Name] = v
	}
	return set
}
