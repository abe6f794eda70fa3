package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/ecr"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/s3"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/sts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// TestMain keeps the machine's own AWS settings out of the tests.
func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Exit(m.Run())
}

const (
	ours   = "111122223333"
	theirs = "444455556666"
	region = "eu-west-1"
)

// world is S3, ECR and STS of the embedded AWS behind HTTP; the access key names the
// account.
type world struct {
	*s3.Service
	url string
	// ahead is how far S3's clock is moved.
	ahead atomic.Int64

	mu sync.Mutex
	// calls are the S3 operations and keys, in their order.
	calls []string
	// before sees a request first, and answers it where it returns true.
	before func(http.ResponseWriter, *http.Request) bool
}

var scope = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/([^/]+)/`)

func serve(t testing.TB) *world {
	t.Helper()
	st, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	objects, err := s3.New(st, func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) })
	if err != nil {
		t.Fatal(err)
	}
	identities, err := sts.New(st, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Service = objects
	images, err := ecr.New(st, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		caller, service := api.Caller{Account: api.DefaultAccount}, "s3"
		if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			account := strings.TrimPrefix(m[1], "AKIA")
			caller = api.Caller{Account: account, Region: m[2], AccessKeyID: m[1], PrincipalARN: "arn:aws:iam::" + account + ":user/ci"}
			service = m[3]
		}
		ctx := api.With(r.Context(), caller, &api.Record{})
		switch service {
		case "sts":
			identities.ServeHTTP(rw, r.WithContext(ctx))
			return
		case "ecr":
			images.ServeHTTP(rw, r.WithContext(ctx))
			return
		}
		w.mu.Lock()
		w.calls = append(w.calls, r.Method+" "+r.URL.Path)
		before := w.before
		w.mu.Unlock()
		if before == nil || !before(rw, r) {
			objects.ServeHTTP(rw, r.WithContext(ctx))
		}
	}))
	t.Cleanup(func() {
		server.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w.url = server.URL
	return w
}

// session calls as an account.
func (w *world) session(t testing.TB, account string) *session.Session {
	t.Helper()
	s, err := session.Open(t.Context(), session.Options{
		Region: region, Endpoint: w.url, AccessKeyID: "AKIA" + account, SecretAccessKey: "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) client(t testing.TB, account, region string) *awss3.Client {
	t.Helper()
	return NewS3(w.session(t, account), region)
}

// bucket creates a bucket, with versioning if asked.
func (w *world) bucket(t testing.TB, account, region, name string, versions bool) {
	t.Helper()
	c := w.client(t, account, region)
	in := &awss3.CreateBucketInput{Bucket: &name}
	if region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if !versions {
		return
	}
	_, err := c.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{Bucket: &name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
}

// place is where an object is.
type place struct{ account, region, bucket, key string }

// put uploads a content and returns its version.
func (w *world) put(t testing.TB, at place, content []byte, stored bool) string {
	t.Helper()
	in := &awss3.PutObjectInput{Bucket: &at.bucket, Key: &at.key, Body: bytes.NewReader(content)}
	if stored {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	out, err := w.client(t, at.account, at.region).PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return objectVersion(out.VersionId)
}

// made returns the calls of one method so far, and forgets all.
func (w *world) made(method string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return !strings.HasPrefix(c, method+" ") })
	w.calls = nil
	return calls
}

func (w *world) intercept(before func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = before
}

// zipOf is a zip with one file of a size, not compressed.
func zipOf(t testing.TB, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	f, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// resolve resolves for a function of our account in the Region of the tests.
func (w *world) resolve(t testing.TB, ref Ref, change func(*Options)) (*Result, error) {
	t.Helper()
	opts := Options{Session: w.session(t, ours), Region: region, TempDir: t.TempDir()}
	if change != nil {
		change(&opts)
	}
	return Resolve(context.WithoutCancel(t.Context()), ref, opts)
}
