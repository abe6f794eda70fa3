package input

import (
	"fmt"
	"slices"
	"strings"
)

// Completion is the script by which a shell completes commands, their inputs and
// the words that an input takes: for bash, zsh or fish. It is made of the table, so
// it calls nothing while it completes.
func Completion(shell string) string {
	switch shell {
	case "fish":
		return fishCompletion()
	case "zsh":
		return "#compdef lambda-rollout\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion()
	}
	return bashCompletion()
}

// completed are the inputs of a command that completion offers.
func completed(command string) []Input {
	return slices.DeleteFunc(Table(), func(i Input) bool { return i.Name == "command" || !i.Takes(command) })
}

// takesFile reports whether an input's value names files.
func (i Input) takesFile() bool {
	return i.Kind == Paths || slices.Contains([]string{"FILE", "DIR", "WHERE", "FILES|JSON", "PLACE"}, i.Meta)
}

func bashCompletion() string {
	var b strings.Builder
	fmt.Fprintf(&b, `_lambda_rollout() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%s help" -- "$cur"))
    return
  fi
  case "$prev" in
`, strings.Join(commandNames(), " "))
	seen := map[string]bool{}
	var files, free []string
	for _, i := range table {
		switch flag := "--" + i.Name; {
		case i.Name == "command" || i.Kind == Bool || seen[flag]:
		case len(i.Enum) > 0:
			seen[flag] = true
			fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", flag, strings.Join(i.Enum, " "))
		case i.takesFile():
			files = append(files, flag)
		default:
			free = append(free, flag)
		}
	}
	fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", strings.Join(files, "|"))
	fmt.Fprintf(&b, "    %s) return ;;\n  esac\n  case \"${COMP_WORDS[1]}\" in\n", strings.Join(free, "|"))
	for _, command := range commandNames() {
		words := []string{"--help"}
		for _, i := range completed(command) {
			words = append(words, "--"+i.Name)
			if i.Positional && len(i.Enum) > 0 {
				words = append(words, i.Enum...)
			}
		}
		fmt.Fprintf(&b, "    %s) words=\"%s\" ;;\n", command, strings.Join(words, " "))
	}
	b.WriteString("    help) words=\"" + strings.Join(commandNames(), " ") + "\" ;;\n")
	b.WriteString(`  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _lambda_rollout lambda-rollout
`)
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c lambda-rollout -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, single(c.Summary))
	}
	for _, i := range table {
		if i.Name == "command" {
			continue
		}
		when := ""
		if i.Commands != nil {
			when = " -n '__fish_seen_subcommand_from " + strings.Join(i.Commands, " ") + "'"
		}
		if i.Positional && len(i.Enum) > 0 {
			fmt.Fprintf(&b, "complete -c lambda-rollout%s -f -a %s\n", when, single(strings.Join(i.Enum, " ")))
		}
		line := "complete -c lambda-rollout" + when + " -l " + i.Name
		switch {
		case i.Kind == Bool:
		case len(i.Enum) > 0:
			line += " -x -a " + single(strings.Join(i.Enum, " "))
		case i.takesFile():
			line += " -r -F"
		default:
			line += " -x"
		}
		first, _, _ := strings.Cut(i.Help, ". ")
		fmt.Fprintf(&b, "%s -d %s\n", line, single(strings.TrimSuffix(first, ".")))
	}
	return b.String()
}

// single is a text in single quotes of fish, where only \ and ' need an escape.
func single(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
