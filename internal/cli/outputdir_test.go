package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// The error of an output folder outside of the repository names the link that leads
// there.
func TestFilesAreWrittenThroughNoLinkOut(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.must(append([]string{"deploy"}, b.minimal()...)...)
	b.write("ci/deploy.yml", "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: aws-actions/aws-lambda-deploy@v1\n        with: {function-name: hello, code-artifacts-dir: code}\n")
	outside := t.TempDir()
	for name, prepare := range map[string]func(at string) error{
		"leads out":     func(at string) error { return os.Symlink(outside, at) },
		"leads nowhere": func(at string) error { return os.Symlink("nothing", at) },
		"is a file":     func(at string) error { return os.WriteFile(at, nil, 0o600) },
	} {
		link := strings.ReplaceAll(name, " ", "-")
		if err := prepare(filepath.Join(b.dir, link)); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{link, link + "/below"} {
			for _, command := range [][]string{{"init", "--function", "hello"}, {"convert", "ci/deploy.yml"}} {
				code, out, errs := b.run(append(command, "--output-dir", folder, "--force")...)
				if code != exitInput || !strings.Contains(errs, "error: input output-dir: "+link+" is a ") {
					t.Errorf("%s into %s: exit code %d\n%s%s", command[0], folder, code, out, errs)
				}
			}
		}
	}
	if left, err := os.ReadDir(outside); len(left) > 0 || err != nil {
		t.Errorf("outside: %v, %v", left, err)
	}
}
