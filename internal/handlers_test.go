package internal_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// handlerCase is one of internal/awslocal/runner/testdata/handlers.json.
type handlerCase struct {
	Name    string       `json:"name"`
	Runtime string       `json:"runtime"`
	Handler string       `json:"handler"`
	Files   handlerFiles `json:"files"`
	Runs    bool         `json:"runs"`
	// Doubtful is what the check only warns of.
	Doubtful bool `json:"doubtful"`
}

// handlerFiles are a definition.CodeListing.
type handlerFiles []struct {
	Name    string `json:"name"`
	Mode    string `json:"mode"`
	Content string `json:"content"`
	Link    string `json:"link"`
}

func (f handlerFiles) Names() []string {
	var names []string
	for _, one := range f {
		names = append(names, one.Name)
	}
	return names
}

func (f handlerFiles) Stat(name string) (mode fs.FileMode, size int64, ok bool) {
	for _, one := range f {
		if one.Name != name {
			continue
		}
		if one.Link != "" {
			return fs.ModeSymlink | 0o777, int64(len(one.Link)), true
		}
		bits, err := strconv.ParseUint(one.Mode, 8, 32)
		return fs.FileMode(bits), int64(len(one.Content)), err == nil
	}
	return 0, 0, false
}

func (f handlerFiles) Open(name string) (io.ReadCloser, error) {
	for _, one := range f {
		if one.Name == name {
			return io.NopCloser(strings.NewReader(one.Content + one.Link)), nil
		}
	}
	return nil, fs.ErrNotExist
}

// What the embedded AWS runs is what the check of a zip lets through, and what it
// cannot run is an error there. Both follow Lambda's runtimes.
func TestTheCheckOfAZipAgreesWithWhatRuns(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("awslocal/runner/testdata/handlers.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []handlerCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range cases {
		f := definition.Function{Runtime: &c.Runtime, Handler: &c.Handler}
		problems := definition.CheckCode(f, c.Files, nil)
		found := problems.Errors()
		if c.Doubtful {
			found = problems.Warnings()
		}
		if (len(found) == 0) != c.Runs {
			t.Errorf("%s: the function runs: %v, the check finds %v", c.Name, c.Runs, found)
		}
	}
}
