package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestOnlyYesIsAYes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, " yes \r\n": true, "y": true, "n\n": false, "\n": false, "": false, "yep\n": false} {
		var out bytes.Buffer
		h := Detect(Options{Stdin: strings.NewReader(answer), Stdout: io.Discard, Stderr: &out, Interactive: true})
		got, err := h.Confirm(t.Context(), "Delete \x1b[2J the function?")
		if err != nil || got != want {
			t.Errorf("%q: %t, %v", answer, got, err)
		}
		if question := `Delete \x1b[2J the function? [y/N] `; out.String() != question {
			t.Errorf("asks %q", out.String())
		}
	}
}

func TestAQuestionFitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := Detect(Options{Stdin: strings.NewReader("y"), Stdout: io.Discard, Stderr: &out, Interactive: true, StderrWindow: func() (int, int) { return 30, 10 }})
	if yes, err := h.Confirm(t.Context(), "Delete 3 versions of the function?"); err != nil || !yes || out.String() != "Delete 3 versions of the\n  function? [y/N] " {
		t.Errorf("%t, %v, asks %q", yes, err, &out)
	}
}

func TestASignalEndsTheQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stopped")
		h := Detect(Options{Stdin: reader, Stdout: io.Discard, Stderr: io.Discard, Interactive: true})
		go func() {
			synctest.Wait()
			cancel(stop)
		}()
		if _, err := h.Confirm(ctx, "Delete?"); !errors.Is(err, stop) {
			t.Errorf("error %v", err)
		}
		_ = writer.Close()
	})
}

func TestAQuestionNeedsATerminalAndAUser(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		env         []string
		interactive bool
		want        bool
	}{
		{nil, true, true},
		{nil, false, false},
		{[]string{"GITHUB_ACTIONS=true", "ACT=true"}, true, false},
		{[]string{"CI=woodpecker"}, true, false},
	} {
		if got := Detect(Options{Env: tc.env, Interactive: tc.interactive}).CanAsk(); got != tc.want {
			t.Errorf("%v, interactive %t: %t", tc.env, tc.interactive, got)
		}
	}
}

// Settings in plugin form make a plugin, whatever the server is called.
func TestSettingsMakeAPlugin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		env, args []string
		want      Kind
	}{
		{[]string{"PLUGIN_FUNCTION_DEFINITION=f.yaml"}, nil, Plugin},
		{[]string{"PLUGIN_SERVICE=f.yaml", "CI=true"}, []string{"deploy"}, Plugin},
		{[]string{"PLUGIN_SERVICE=f.yaml"}, []string{"deploy"}, Terminal},
		{[]string{"PLUGIN_SERVICE="}, nil, Terminal},
		{[]string{"INPUT_SERVICE=f.yaml"}, nil, Terminal},
		{[]string{"PLUGIN_SERVICE=f.yaml", "CI=woodpecker"}, nil, Woodpecker},
		// What Woodpecker calls a step that has environment beside its settings.
		{[]string{"PLUGIN_SERVICE=f.yaml", "CI=woodpecker", "CI_STEP_TYPE=commands", "DB=x"}, nil, Woodpecker},
	} {
		h := Detect(Options{Env: tc.env, Args: tc.args})
		if got := h.Kind(); got != tc.want {
			t.Errorf("%v %v: %s", tc.env, tc.args, got)
		}
		if plugin := len(h.Prefixes()) == 2; plugin != (tc.want != Terminal) {
			t.Errorf("%v %v: prefixes %v", tc.env, tc.args, h.Prefixes())
		}
	}
}
