package awslocal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recordingsVariable names a file of recordings that lies elsewhere.
const recordingsVariable = "AWS_RECORDINGS"

// recorded is what the real service answered in one test, by the name that the
// test gave each answer.
type recorded struct {
	Content map[string]any `json:"content"`
}

// replays play the recorded tests by name, without the parameter in brackets.
var replays = map[string]func(*replay){}

// play registers the replays of one class of tests.
func play(class string, tests map[string]func(*replay)) {
	for name, f := range tests {
		replays[class+"::"+name] = f
	}
}

// notApplying are the recordings that this AWS cannot or should not follow.
var notApplying = map[string]string{
	"TestLambdaFunction::test_invalid_vpc_config_security_group": "needs EC2 to know which security groups exist",
	"TestLambdaFunction::test_invalid_vpc_config_subnet":         "needs EC2 to know which subnets exist",
	"TestLambdaPermissions::test_lambda_permission_revisions":    "of 2022, contradicted by test_lambda_permission_fn_versioning of 2025",
	"TestLambdaPermissions::test_lambda_permission_versioning":   "of 2022, contradicted by test_lambda_permission_fn_versioning of 2025",
}

// slow are the recordings that only -full plays.
var slow = map[string]string{
	"TestLambdaSizeLimits::test_oversized_zipped_create_lambda": "sends 50 MB of code",
}

func recordings(t *testing.T) map[string]recorded {
	t.Helper()
	path := os.Getenv(recordingsVariable)
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "aws-recordings", "lambda.json")
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the recordings of AWS are not here; %s names their file", recordingsVariable)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]recorded
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAnswersAreThoseOfAWS plays what was recorded of the real Lambda and
// compares each answer, key by key.
func TestAnswersAreThoseOfAWS(t *testing.T) {
	all := recordings(t)
	var mu sync.Mutex
	held := 0
	t.Run("recordings", func(t *testing.T) {
		for name, rec := range all {
			if notApplying[name] != "" || slow[name] != "" && !*full {
				continue
			}
			base, param, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := replays[base]
				if f == nil {
					t.Fatal("nothing plays this recording")
				}
				r := newReplay(t, rec.Content, param)
				f(r)
				r.finish()
				if !t.Failed() {
					mu.Lock()
					defer mu.Unlock()
					held++
				}
			})
		}
	})
	fmt.Printf("conformance: %d of %d recordings hold, %d do not apply\n", held, len(all), len(notApplying))
	for _, name := range slices.Sorted(maps.Keys(slow)) {
		fmt.Printf("  with -full: %s: %s\n", name, slow[name])
	}
	for _, name := range slices.Sorted(maps.Keys(notApplying)) {
		fmt.Printf("  not applying: %s: %s\n", name, notApplying[name])
	}
}
