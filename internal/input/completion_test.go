package input

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

// What fish and zsh offer, asked as a user's shell asks: completion that only parses
// completes nothing.
func TestOtherShellsComplete(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		want []string
	}{
		{"lambda-rollout stat", []string{"status"}},
		{"lambda-rollout init --file-format ", []string{"json", "yaml"}},
		{"lambda-rollout deploy --function-def", []string{"--function-definition"}},
	} {
		for shell, ask := range map[string]func(*testing.T, string) string{"fish": fishOffers, "zsh": zshOffers} {
			if _, err := exec.LookPath(shell); err != nil {
				continue
			}
			t.Run(shell+" "+tc.line, func(t *testing.T) {
				t.Parallel()
				offered := ask(t, tc.line)
				for _, want := range tc.want {
					if !strings.Contains(offered, want) {
						t.Errorf("offers %q, without %s", offered, want)
					}
				}
			})
		}
	}
}

// script writes a shell's completion to a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(file, []byte(Completion(shell)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func fishOffers(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", "source "+script(t, "fish")+"; complete -C '"+line+"'")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// zshOffers types the line and a tabulator in an interactive zsh, on a terminal that zsh
// itself provides.
func zshOffers(t *testing.T, line string) string {
	t.Helper()
	const talk = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "unsetopt zle_bracketed_paste prompt_sp; autoload -Uz compinit; compinit -D -u; source $1; PS1=rea''dy"
zpty -r shell said '*ready*'
zpty -w -n shell "$2"$'\t'
zpty -w -n shell $'\C-uprint ov\\er\n'
zpty -r shell said '*over*'
print -r -- "$said"`
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "zsh", "-f", "-c", talk, "zsh", script(t, "zsh"), line)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
