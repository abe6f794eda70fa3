package matrix

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
)

const (
	// pending and inProgress are how long AWS takes to create and to update a
	// function.
	pending, inProgress = 3 * time.Second, 2 * time.Second
	// canary stands in an environment and must never be seen outside of AWS.
	canary = "canary-5e12f0a7c3"
	role   = "arn:aws:iam::000000000000:role/matrix"
)

// world is an embedded AWS and a machine with a workspace.
type world struct {
	t *testing.T
	*awstest.AWS
	// virtual is set where the time is a bubble's; otherwise the processes are real.
	virtual bool
	lambda  *lambda.Client
	s3      *s3.Client
	ecr     *ecr.Client
	// disk holds all that a process of this world can write, the workspace dir
	// among it.
	disk, dir string
	// blind is what no rollback can restore, and dump leaves out.
	blind *regexp.Regexp
}

// newWorld is a world in virtual time: the test runs in a bubble.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldPending(t, pending)
}

// newWorldPending is a world where a new function stays Pending for so long.
func newWorldPending(t *testing.T, pending time.Duration) *world {
	t.Helper()
	w := worldOf(t, awstest.StartInProcess(t, awslocal.Options{Pending: pending, InProgress: inProgress}, answers))
	w.virtual = true
	return w
}

// answers invokes no function: no process may start in virtual time. A gate decides
// when it is asked for the second time.
func answers(next http.Handler) http.Handler {
	var asked atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gate" {
			if asked.Add(1)%2 == 1 {
				w.WriteHeader(http.StatusAccepted)
			}
			return
		}
		if !strings.HasSuffix(r.URL.Path, "/invocations") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Amz-Executed-Version", r.URL.Query().Get("Qualifier"))
		_, _ = io.WriteString(w, `{"ok": true}`)
	})
}

// newRealWorld is a world of real processes. Their AWS takes no time, so that
// nothing waits for a clock.
func newRealWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, awstest.Start(t, awslocal.Options{}))
}

func worldOf(t *testing.T, a *awstest.AWS) *world {
	w := &world{t: t, AWS: a, lambda: a.Lambda(), s3: a.S3(), ecr: a.ECR()}
	w.newMachine()
	return w
}

// newMachine gives the world an empty disk.
func (w *world) newMachine() {
	w.t.Helper()
	w.disk = w.t.TempDir()
	w.dir = filepath.Join(w.disk, "workspace")
	w.must(os.Mkdir(w.dir, 0o755))
}

// pass lets AWS get older.
func (w *world) pass(d time.Duration) {
	if w.virtual {
		time.Sleep(d)
		return
	}
	w.Advance(d)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// write puts files into the workspace.
func (w *world) write(files map[string]string) {
	w.t.Helper()
	for name, content := range files {
		path := filepath.Join(w.dir, name)
		w.must(os.MkdirAll(filepath.Dir(path), 0o755))
		w.must(os.WriteFile(path, []byte(content), 0o755))
	}
}

// hashOf is a package's hash as Lambda shows it.
func hashOf(code []byte) string {
	sum := sha256.Sum256(code)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// zipped is a deployment package with a bootstrap that says text.
func zipped(text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("bootstrap")
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// create makes a function that stood before, changed by mod.
func (w *world) create(name string, mod func(*lambda.CreateFunctionInput)) {
	w.t.Helper()
	in := &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &types.FunctionCode{ZipFile: zipped("one")}, Description: aws.String("stood before"),
		Environment: &types.Environment{Variables: map[string]string{"SECRET": canary + "-before", "KEEP": "1"}},
		Tags:        map[string]string{"team": "a", "old": "yes"},
	}
	if mod != nil {
		mod(in)
	}
	_, err := w.lambda.CreateFunction(context.Background(), in)
	w.must(err)
	w.settle()
}

// settle waits until nothing is under way.
func (w *world) settle() { w.pass(10 * time.Second) }

func (w *world) update(name string, mod func(*lambda.UpdateFunctionConfigurationInput)) {
	w.t.Helper()
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &name}
	mod(in)
	_, err := w.lambda.UpdateFunctionConfiguration(context.Background(), in)
	w.must(err)
	w.settle()
}

func (w *world) publish(name string) string {
	w.t.Helper()
	out, err := w.lambda.PublishVersion(context.Background(), &lambda.PublishVersionInput{FunctionName: &name})
	w.must(err)
	w.settle()
	return *out.Version
}

// publishAnother publishes a version that differs.
func (w *world) publishAnother(name string) string {
	w.t.Helper()
	w.update(name, func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(11) })
	return w.publish(name)
}

func (w *world) alias(name, alias, version string, weights map[string]float64) {
	w.t.Helper()
	in := &lambda.CreateAliasInput{FunctionName: &name, Name: &alias, FunctionVersion: &version, Description: aws.String("stood before")}
	if weights != nil {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
	}
	_, err := w.lambda.CreateAlias(context.Background(), in)
	w.must(err)
}

// dump is what a client could see of every function, versions apart.
func (w *world) dump() string {
	w.t.Helper()
	w.settle()
	state, err := rehearse.State(w.Server, "000000000000")
	w.must(err)
	var text bytes.Buffer
	w.must(json.Indent(&text, []byte(state), "", " "))
	if w.blind != nil {
		return string(w.blind.ReplaceAll(text.Bytes(), nil))
	}
	return text.String()
}

// run starts the program in the workspace, as in a terminal, and waits for its
// end.
func (w *world) run(c cut, args ...string) ended {
	w.t.Helper()
	return w.do(w.terminal(c, args...))
}

// terminal is a process that is started in a terminal.
func (w *world) terminal(c cut, args ...string) process {
	return process{name: "lambda-rollout", env: w.base(), args: args, cut: c}
}

// noSecret fails where an environment value is seen outside of AWS.
func (w *world) noSecret(what string, content []byte) {
	w.t.Helper()
	if bytes.Contains(content, []byte(canary)) {
		w.t.Errorf("the %s holds an environment value:\n%s", what, content)
	}
}

// noSecretOnDisk looks through all that a run left in the workspace.
func (w *world) noSecretOnDisk() {
	w.t.Helper()
	err := filepath.WalkDir(filepath.Join(w.dir, ".lambda-rollout"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		w.noSecret(path, content)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
}

func (w *world) journal() string {
	found, err := filepath.Glob(filepath.Join(w.dir, ".lambda-rollout", "*.jsonl"))
	w.must(err)
	var all strings.Builder
	for _, path := range found {
		content, err := os.ReadFile(path)
		w.must(err)
		fmt.Fprintf(&all, "%s\n%s", filepath.Base(path), content)
	}
	return all.String()
}

// object puts a deployment package into a bucket that keeps versions.
func (w *world) object(key, text string) (version string) {
	w.t.Helper()
	ctx := context.Background()
	bucket := aws.String("code")
	if _, err := w.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket}); err != nil {
		_, err := w.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
		w.must(err)
		_, err = w.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
		w.must(err)
	}
	out, err := w.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(zipped(text)), ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256})
	w.must(err)
	return aws.ToString(out.VersionId)
}

const registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app"

// image puts an image and its tag into the repository app.
func (w *world) image(tag string) {
	w.t.Helper()
	ctx := context.Background()
	if _, err := w.ecr.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}}); err != nil {
		_, err := w.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		w.must(err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:%064x"}, "layers": []}`, len(tag)+int(tag[len(tag)-1]))
	_, err := w.ecr.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageTag: &tag, ImageManifest: &manifest, ImageManifestMediaType: aws.String("application/vnd.docker.distribution.manifest.v2+json")})
	w.must(err)
}
