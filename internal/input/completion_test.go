package input

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// complete asks bash what it offers for the words of a line, of which the last one
// is being typed.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	script := Completion("bash") + `
complete -p lambda-rollout >/dev/null || exit 9
COMP_WORDS=(lambda-rollout "$@")
COMP_CWORD=$#
_lambda_rollout
printf '%s\n' "${COMPREPLY[@]}"
`
	out, err := exec.Command(bash, append([]string{"--norc", "-c", script, "bash"}, words...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// A shell offers the commands, the inputs of a command, and the words of an input.
func TestBashCompletesCommandsInputsAndWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words, offered, not []string
	}{
		{[]string{""}, commandNames(), nil},
		{[]string{"ro"}, []string{"rollback"}, []string{"deploy"}},
		{[]string{"plan", "--ex"}, []string{"--exit-code"}, []string{"--function-definition"}},
		{[]string{"version", "--"}, []string{"--output", "--help"}, []string{"--aws-region"}},
		{[]string{"deploy", "--first-deploy", "k"}, []string{"keep"}, []string{"delete"}},
		{[]string{"completion", "z"}, []string{"zsh"}, []string{"bash"}},
	} {
		got := complete(t, c.words...)
		for _, word := range c.offered {
			if !slices.Contains(got, word) {
				t.Errorf("%q: %s is not offered: %q", c.words, word, got)
			}
		}
		for _, word := range c.not {
			if slices.Contains(got, word) {
				t.Errorf("%q: %s is offered", c.words, word)
			}
		}
	}
}

// The scripts of the other shells name every command and every input.
func TestEveryShellKnowsTheTable(t *testing.T) {
	t.Parallel()
	for shell, prefix := range map[string]string{"zsh": "--", "fish": " -l "} {
		script := Completion(shell)
		for _, i := range table {
			if i.Name != "command" && !strings.Contains(script, prefix+i.Name) {
				t.Errorf("%s does not know %s", shell, i.Name)
			}
		}
		for _, name := range commandNames() {
			if !strings.Contains(script, name) {
				t.Errorf("%s does not know the command %s", shell, name)
			}
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		check := exec.Command(path, "-n", "/dev/stdin")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not parse its script: %v\n%s", shell, err, out)
		}
	}
}
