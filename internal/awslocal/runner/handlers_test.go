package runner

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

var full = flag.Bool("full", false, "start an interpreter for each handler, not for a sample of them")

// handlerCase is one of testdata/handlers.json: what Lambda's runtimes load and
// what they do not. The client's check of a zip reads the same file.
type handlerCase struct {
	Name    string `json:"name"`
	Runtime string `json:"runtime"`
	Handler string `json:"handler"`
	Files   []struct {
		Name    string `json:"name"`
		Mode    string `json:"mode"`
		Content string `json:"content"`
		Link    string `json:"link"`
	} `json:"files"`
	Runs  bool   `json:"runs"`
	Error string `json:"error"` // a part of the function's error
}

func handlerCases(t *testing.T) []handlerCase {
	t.Helper()
	b, err := os.ReadFile("testdata/handlers.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []handlerCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestHandlersLoadAsInLambda(t *testing.T) {
	t.Parallel()
	// The sample is one of what runs and one of what does not, and what is cheap.
	type kind struct {
		runtime string
		runs    bool
	}
	sampled := map[kind]bool{}
	for _, c := range handlerCases(t) {
		k := kind{c.Runtime, c.Runs}
		if !*full && sampled[k] && !strings.HasPrefix(c.Runtime, "provided") {
			continue
		}
		sampled[k] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var files []file
			for _, f := range c.Files {
				if f.Link != "" {
					files = append(files, file{f.Name, f.Link, fs.ModeSymlink | 0o777})
					continue
				}
				mode, err := strconv.ParseUint(f.Mode, 8, 32)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, file{f.Name, f.Content, fs.FileMode(mode)})
			}
			switch {
			case strings.HasPrefix(c.Runtime, "nodejs"):
				needs(t, "node")
			case strings.HasPrefix(c.Runtime, "python"):
				needs(t, "python3")
			}
			r := invoke(t, pool(t, Options{}), function(t, c.Runtime, c.Handler, files...), "{}")
			got := string(r.Payload)
			ran := r.FunctionError == "" && got == `"ran"`
			if strings.HasPrefix(c.Runtime, "provided") {
				ran = strings.Contains(got, "exit status 3")
			}
			if ran != c.Runs || !strings.Contains(got, c.Error) {
				t.Errorf("ran: %v, want %v (%s)\n%s\n%s", ran, c.Runs, c.Error, got, r.Log)
			}
		})
	}
}
