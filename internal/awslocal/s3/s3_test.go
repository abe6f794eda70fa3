package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

// served is a service behind HTTP, as the server of the embedded AWS puts it.
type served struct {
	*Service
	url string
	dir string
}

var scope = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/s3/`)

// serve lets the access key name the account: "AKIA111122223333" and the like.
func serve(t testing.TB, dir string) *served {
	t.Helper()
	s, err := New(servicetest.OpenStore(t, dir), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	url := servicetest.Serve(t, s, func(r *http.Request) api.Caller {
		m := scope.FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			return api.Caller{Account: api.DefaultAccount}
		}
		account := strings.TrimPrefix(m[1], "AKIA")
		return api.Caller{Account: account, Region: m[2], AccessKeyID: m[1], PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/ci/run"}
	})
	return &served{Service: s, url: url, dir: dir}
}

func (w *served) client(region, account string) *s3.Client {
	return s3.New(s3.Options{Region: region, BaseEndpoint: &w.url, UsePathStyle: true, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIA"+account, "secret", "")})
}

const owner = "111122223333"

// bucket makes a bucket with content.
func bucket(t testing.TB, c *s3.Client, name string, objects ...string) {
	t.Helper()
	in := &s3.CreateBucketInput{Bucket: &name}
	if region := c.Options().Region; region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for _, key := range objects {
		put(t, c, name, key, "content of "+key)
	}
}

func put(t testing.TB, c *s3.Client, bucket, key, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t testing.TB, c *s3.Client, in *s3.GetObjectInput) string {
	t.Helper()
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// code is the error code and status of an SDK error, "" for none.
func code(err error) string {
	var api smithy.APIError
	if err == nil {
		return ""
	}
	if !errors.As(err, &api) {
		return err.Error()
	}
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		return fmt.Sprintf("%d %s", response.HTTPStatusCode(), api.ErrorCode())
	}
	return api.ErrorCode()
}

func TestObjectsAreReadBackAsTheSDKSendsThem(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("eu-west-1", owner)
	bucket(t, c, "artifacts")
	body := strings.Repeat("0123456789", 300_000)
	sum := sha256.Sum256([]byte(body))
	want := base64.StdEncoding.EncodeToString(sum[:])
	tests := map[string]*s3.PutObjectInput{
		"CRC32 trailer by default": {},
		"SHA256 trailer":           {ChecksumAlgorithm: types.ChecksumAlgorithmSha256},
		"SHA256 given":             {ChecksumSHA256: &want},
		"CRC64NVME":                {ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme},
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in.Bucket, in.Key, in.Body = aws.String("artifacts"), aws.String("a folder/"+name+"+ä.zip"), strings.NewReader(body)
			in.Metadata = map[string]string{"commit": "abc"}
			in.ContentType = aws.String("application/zip")
			if _, err := c.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(name, "SHA256") != (aws.ToString(head.ChecksumSHA256) == want) {
				t.Errorf("ChecksumSHA256 = %q", aws.ToString(head.ChecksumSHA256))
			}
			if head.ChecksumType != types.ChecksumTypeFullObject || *head.ContentLength != int64(len(body)) || head.Metadata["commit"] != "abc" || *head.ContentType != "application/zip" {
				t.Errorf("head: %+v", head)
			}
			if got := read(t, c, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled}); got != body {
				t.Errorf("read %d bytes that differ", len(got))
			}
		})
	}
}

func TestAWrongDigestStoresNothing(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	c := w.client("us-east-1", owner)
	bucket(t, c, "artifacts")
	other := sha256.Sum256([]byte("other"))
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("k"), Body: strings.NewReader("body"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(other[:]))})
	if got := code(err); got != "400 BadDigest" {
		t.Errorf("put: %s", got)
	}
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("k")})
	if got := code(err); got != "404 NotFound" {
		t.Errorf("head: %s", got)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("us-east-1", owner)
	bucket(t, c, "b-1")
	put(t, c, "b-1", "k", "0123456789")
	for header, want := range map[string]string{
		"bytes=0-3": "0123", "bytes=7-": "789", "bytes=-2": "89", "bytes=8-99": "89", "bytes=-99": "0123456789", "bytes=5-2": "0123456789", "lines=1-2": "0123456789",
	} {
		if got := read(t, c, &s3.GetObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k"), Range: &header}); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k"), Range: aws.String("bytes=10-")})
	if got := code(err); got != "416 InvalidRange" {
		t.Errorf("past the end: %s", got)
	}
}

func TestVersionsAndDeleteMarkers(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("eu-west-1", owner)
	bucket(t, c, "b-1", "k")
	name, key := aws.String("b-1"), aws.String("k")
	if _, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	v1 := put(t, c, "b-1", "k", "one").VersionId
	v2 := put(t, c, "b-1", "k", "two").VersionId
	if aws.ToString(v1) == aws.ToString(v2) || v1 == nil {
		t.Fatalf("version ids %v and %v", v1, v2)
	}
	deleted, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: name, Key: key})
	if err != nil || !aws.ToBool(deleted.DeleteMarker) {
		t.Fatalf("delete: %+v, %v", deleted, err)
	}
	for id, want := range map[*string]string{v1: "one", v2: "two", aws.String("null"): "content of k"} {
		if got := read(t, c, &s3.GetObjectInput{Bucket: name, Key: key, VersionId: id}); got != want {
			t.Errorf("version %s: %q, want %q", *id, got, want)
		}
	}
	for id, want := range map[string]string{"": "404 NoSuchKey", *deleted.VersionId: "405 MethodNotAllowed", strings.Repeat("x", 32): "404 NoSuchVersion", "x": "400 InvalidArgument"} {
		in := &s3.GetObjectInput{Bucket: name, Key: key}
		if id != "" {
			in.VersionId = &id
		}
		_, err := c.GetObject(t.Context(), in)
		if got := code(err); got != want {
			t.Errorf("read of %q: %s, want %s", id, got, want)
		}
	}
	list, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: name})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest {
		t.Errorf("versions: %+v, %v", list, err)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: name, Key: key, VersionId: deleted.VersionId}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, &s3.GetObjectInput{Bucket: name, Key: key}); got != "two" {
		t.Errorf("after the marker went: %q", got)
	}
}

func TestABucketOfAnotherRegionSaysWhere(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	bucket(t, w.client("eu-west-1", owner), "artifacts", "k")
	c := w.client("us-east-1", owner)
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("k")})
	if got := code(err); got != "301 PermanentRedirect" {
		t.Errorf("get: %s", got)
	}
	_, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("artifacts")})
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) || response.HTTPStatusCode() != 301 {
		t.Errorf("head: %v", err)
	}
	answer, err := http.Head(w.url + "/artifacts")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("x-amz-bucket-region"); answer.StatusCode != 403 || got != "eu-west-1" {
		t.Errorf("anonymous head: %s, Region %q", answer.Status, got)
	}
	where, err := c.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String("artifacts")})
	if err != nil || where.LocationConstraint != "eu-west-1" {
		t.Errorf("location: %+v, %v", where, err)
	}
}

func TestAccessFollowsAccountAndReaders(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	mine, theirs := w.client("us-east-1", owner), w.client("us-east-1", "444455556666")
	bucket(t, mine, "artifacts", "k")
	get := func(c *s3.Client) string {
		_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("k")})
		return code(err)
	}
	denied := "403 AccessDenied"
	tests := []struct {
		name         string
		readers      []string
		mine, theirs string
	}{
		{"nobody named", nil, "", denied},
		{"other account", []string{"444455556666"}, denied, ""},
		{"role", []string{"arn:aws:iam::444455556666:role/path/ci"}, denied, ""},
		{"session", []string{"arn:aws:sts::111122223333:assumed-role/ci/run"}, "", denied},
		{"roots", []string{"arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"}, "", ""},
		{"all", []string{"*"}, "", ""},
		{"none", []string{}, denied, denied},
	}
	for _, test := range tests {
		if !w.SetReaders("artifacts", test.readers) {
			t.Fatal("no such bucket")
		}
		if diff := cmp.Diff([]string{test.mine, test.theirs}, []string{get(mine), get(theirs)}); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("us-east-1", owner)
	bucket(t, c, "b-1", "a", "dir/1", "dir/2", "dir/sub/3", "z")
	var keys []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("b-1"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			keys = append(keys, *p.Prefix)
		}
	}
	if diff := cmp.Diff([]string{"a", "dir/", "z"}, keys); diff != "" {
		t.Error(diff)
	}
	page, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b-1"), Prefix: aws.String("dir/"), StartAfter: aws.String("dir/1")})
	if err != nil || *page.KeyCount != 2 || *page.Contents[0].Key != "dir/2" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestStateSurvivesAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) {
		bucket(t, serve(t, dir).client("eu-west-1", owner), "artifacts", "a/k", strings.Repeat("long", 250))
	})
	w := serve(t, dir)
	c := w.client("eu-west-1", owner)
	if got := read(t, c, &s3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("a/k")}); got != "content of a/k" {
		t.Errorf("read %q", got)
	}
	n := 0
	for range w.Blobs {
		n++
	}
	if n != 2 {
		t.Errorf("%d blobs are live, want 2", n)
	}
}

func TestPresignedURLsEnd(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	c := w.client("eu-west-1", owner)
	bucket(t, c, "b-1", "k")
	w.SetReaders("b-1", []string{"*"})
	signed, err := s3.NewPresignClient(c).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b-1"), Key: aws.String("k")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	status := func() int {
		answer, err := http.Get(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if got := status(); got != 200 {
		t.Errorf("in time: %d", got)
	}
	w.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	if got := status(); got != 403 {
		t.Errorf("late: %d", got)
	}
	answer, err := http.Get(w.url + "/b-1/k")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("a public object without signature: %s", answer.Status)
	}
}

func TestErrorsOfBuckets(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client("eu-west-1", owner)
	bucket(t, c, "b-1", "k")
	ctx := t.Context()
	checks := map[string]func() error{
		"404 NoSuchBucket": func() error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("none"), Key: aws.String("k")})
			return err
		},
		"409 BucketNotEmpty": func() error {
			_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("b-1")})
			return err
		},
		"400 IllegalLocationConstraintException": func() error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("b-2")})
			return err
		},
		"409 BucketAlreadyOwnedByYou": func() error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("b-1"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
			return err
		},
		"501 NotImplemented": func() error {
			_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("b-1")})
			return err
		},
	}
	for want, try := range checks {
		if got := code(try()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzChunkedBodies(f *testing.F) {
	f.Add([]byte("5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"))
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("-1\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newChunkedReader(bytes.NewReader(body))
		n, err := io.Copy(io.Discard, r)
		if n > int64(len(body)) || err == nil && !r.done {
			t.Errorf("%d bytes out of %d, error %v", n, len(body), err)
		}
	})
}
