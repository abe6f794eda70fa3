package cli

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/input"
)

// The recording in docs is an asciicast of version 2
// (https://docs.asciinema.org/manual/asciicast/v2/) of commands that this program takes,
// and the picture shows its end.
func TestTheRecordingIsAnAsciicast(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	file, err := os.Open(filepath.Join(docs, "terminal.cast"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	picture, err := os.ReadFile(filepath.Join(docs, "terminal.svg"))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(picture), "")
	lines := bufio.NewScanner(file)
	lines.Scan()
	var header struct{ Version, Width, Height int }
	if err := json.Unmarshal(lines.Bytes(), &header); err != nil || header.Version != 2 || header.Width != 100 || header.Height == 0 {
		t.Fatalf("%s: %v", lines.Bytes(), err)
	}
	last, typed := 0.0, ""
	for lines.Scan() {
		var e []any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || len(e) != 3 || e[1] != "o" {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if at := e[0].(float64); at < last {
			t.Errorf("%v comes after %v", at, last)
		} else {
			last = at
		}
		typed += e[2].(string)
	}
	commands := regexp.MustCompile(`(?m)\$\x1b\[0m (lambda-rollout .*)\r$`).FindAllStringSubmatch(typed, -1)
	if len(commands) < 5 || last < 10 || lines.Err() != nil {
		t.Fatalf("%d commands in %v s: %v", len(commands), last, lines.Err())
	}
	for _, c := range commands {
		if _, err := input.Parse(input.Options{Args: words(c[1])[1:]}); err != nil {
			t.Errorf("%s: %v", c[1], err)
		}
		if row := c[1][:min(len(c[1]), header.Width-2)]; !strings.Contains(shown, "$ "+row) {
			t.Errorf("the picture lacks %q", row)
		}
	}
	for _, want := range []string{"✓", "Outputs", "Stopping: rolling back alias live", "as it was before"} {
		if !strings.Contains(shown, want) || !strings.Contains(typed, want) {
			t.Errorf("%q is missing", want)
		}
	}
}
