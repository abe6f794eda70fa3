package artifact

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

func TestAnObjectIsPinnedAndItsStoredChecksumTaken(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", true)
	content := zipOf(t, 1000)
	old := w.put(t, place{ours, region, "code", "f.zip"}, content, true)
	newer := w.put(t, place{ours, region, "code", "f.zip"}, zipOf(t, 10), true)
	w.made("GET")

	r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip", VersionID: old}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := definition.Code{S3Bucket: "code", S3Key: "f.zip", S3ObjectVersion: old, Sha256: sumOf(content), Size: int64(len(content))}
	if diff := cmp.Diff(want, r.Code); diff != "" {
		t.Errorf("code (-want +got):\n%s", diff)
	}
	if got, want := r.Pinned, "s3://code/f.zip?versionId="+old; got != want {
		t.Errorf("pinned %s, want %s", got, want)
	}
	if code, err := r.Prepare(t.Context()); err != nil || code != want {
		t.Errorf("Prepare gave %+v, %v; want the reference", code, err)
	}
	if gets := w.made("GET"); len(gets) > 0 {
		t.Errorf("the object was read for nothing: %q", gets)
	}
	if r, err = w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, nil); err != nil || r.Code.S3ObjectVersion != newer {
		t.Errorf("without a version: %+v, %v; want the newest, %s", r, err, newer)
	}
}

func TestAnObjectWithoutAChecksumIsHashedAsItStreams(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", false)
	content := zipOf(t, 600<<10)
	w.put(t, place{ours, region, "code", "f.zip"}, content, false)
	r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code.Sha256 != sumOf(content) || r.Code.S3ObjectVersion != "" {
		t.Errorf("code %+v, want the hash and no version", r.Code)
	}
}

func TestABrokenLineIsTakenUpWhereItBroke(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", false)
	content := zipOf(t, 600<<10)
	w.put(t, place{ours, region, "code", "f.zip"}, content, false)
	var ranges []string
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || len(ranges) == 3 {
			return false
		}
		ranges = append(ranges, r.Header.Get("Range"))
		if r.Header.Get("If-Match") == "" {
			t.Errorf("a part was asked for without If-Match")
		}
		if len(ranges) > 1 {
			return false
		}
		rw.Header().Set("Content-Length", strconv.Itoa(len(content)))
		rw.Write(content[:200<<10])
		panic(http.ErrAbortHandler)
	})
	r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Code.Sha256 != sumOf(content) {
		t.Errorf("the parts do not make up the whole")
	}
	if len(ranges) != 2 || !strings.HasPrefix(ranges[1], "bytes=") || ranges[1] == "bytes=0-" {
		t.Errorf("ranges %q, want the rest only", ranges)
	}
}

func TestAnObjectOfAnotherRegionIsFetchedOnceItIsNeeded(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, "us-east-1", "code", true)
	content := zipOf(t, 200<<10)
	w.put(t, place{ours, "us-east-1", "code", "f.zip"}, content, true)
	w.made("GET")
	for name, ref := range map[string]Ref{
		"Region unknown": {Kind: S3, Bucket: "code", Key: "f.zip"},
		"Region named":   {Kind: S3, Bucket: "code", Key: "f.zip", Region: "us-east-1"},
		"Region wrong":   {Kind: S3, Bucket: "code", Key: "f.zip", Region: "eu-central-1"},
	} {
		r, err := w.resolve(t, ref, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Code.Sha256 != sumOf(content) || len(w.made("GET")) > 0 {
			t.Errorf("%s: the hash is in S3; nothing is to be read before it is needed", name)
		}
		code, err := r.Prepare(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := definition.Code{ZipPath: code.ZipPath, Sha256: sumOf(content), Size: int64(len(content))}
		if got, _ := os.ReadFile(code.ZipPath); code != want || string(got) != string(content) {
			t.Errorf("%s: Prepare gave %+v, want the object in a file", name, code)
		}
		if again, err := r.Prepare(t.Context()); err != nil || again != code || len(w.made("GET")) != 1 {
			t.Errorf("%s: a second Prepare fetched again: %+v, %v", name, again, err)
		}
	}
}

func TestAnObjectThatOnlyItsConnectorReadsIsFetched(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, theirs, region, "code", true)
	content := zipOf(t, 1000)
	w.put(t, place{theirs, region, "code", "f.zip"}, content, true)
	ref := Ref{Kind: S3, Bucket: "code", Key: "f.zip"}
	connector := func(o *Options) { o.Source = w.session(t, theirs) }

	r, err := w.resolve(t, ref, connector)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := r.Prepare(t.Context()); err != nil || code.ZipPath == "" {
		t.Errorf("Prepare gave %+v, %v; want a file", code, err)
	}
	if !w.SetReaders("code", []string{ours, theirs}) {
		t.Fatal("no bucket")
	}
	if r, err = w.resolve(t, ref, connector); err != nil {
		t.Fatal(err)
	}
	if code, err := r.Prepare(t.Context()); err != nil || code.S3Bucket != "code" {
		t.Errorf("Prepare gave %+v, %v; want the reference, which the function's own role can read", code, err)
	}
}

func TestWhatIsWrongWithAnObjectHasItsOwnWords(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", true)
	w.bucket(t, theirs, region, "private", true)
	version := w.put(t, place{ours, region, "code", "gone.zip"}, zipOf(t, 10), true)
	w.put(t, place{ours, region, "code", "empty.zip"}, nil, true)
	w.put(t, place{ours, region, "code", "cold.zip"}, zipOf(t, 10), true)
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/cold.zip") {
			rw.Header().Set("x-amz-storage-class", "GLACIER")
		}
		return false
	})
	bucket, key := "code", "gone.zip"
	deleted, err := w.client(t, ours, region).DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		ref  Ref
		want string
	}{
		{Ref{Bucket: "code", Key: "none.zip"}, "the bucket exists, but no such object: check the key"},
		{Ref{Bucket: "code", Key: "gone.zip"}, "the bucket exists, but no such object: check the key"},
		{Ref{Bucket: "code", Key: "gone.zip", VersionID: *deleted.VersionId}, "this version is a delete marker"},
		{Ref{Bucket: "code", Key: "other.zip", VersionID: version}, "no such object or version"},
		{Ref{Bucket: "code", Key: "gone.zip", VersionID: "junk"}, "S3 does not accept this versionId"},
		{Ref{Bucket: "code", Key: "empty.zip"}, "it is empty"},
		{Ref{Bucket: "code", Key: "cold.zip"}, "it is archived (GLACIER): restore it first"},
		{Ref{Bucket: "nowhere", Key: "f.zip"}, "there is no bucket nowhere"},
		{Ref{Bucket: "private", Key: "f.zip"}, `this statement allows it: {"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::private/f.zip"]}`},
		{Ref{Bucket: "code", KeyPattern: "x(*"}, "missing closing )"},
		{Ref{Bucket: "code", KeyPattern: `build-\d+\.zip`}, "no object's key matches"},
	}
	for _, test := range tests {
		test.ref.Kind = S3
		_, err := w.resolve(t, test.ref, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "artifact s3://"+test.ref.Bucket) {
			t.Errorf("%+v: got %v\nwant %q", test.ref, err, test.want)
		}
	}
	if _, err := w.resolve(t, Ref{Kind: S3, Bucket: "private", Key: "f.zip"}, nil); !errors.As(err, new(session.Denied)) {
		t.Errorf("got %v, want session.Denied", err)
	}
}

func TestAPatternTakesTheObjectThatWasWrittenLast(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, "us-east-1", "code", false)
	for i, key := range []string{"app/build-9.zip", "app/build-10.zip", "app/build-x.jar", "other/build-11.zip"} {
		w.put(t, place{ours, "us-east-1", "code", key}, zipOf(t, int64(i)), true)
		w.ahead.Add(int64(time.Second)) // S3 tells times in seconds
	}
	for pattern, want := range map[string]string{
		"app/build-*.zip":      "app/build-10.zip",
		"app/build-?.zip":      "app/build-9.zip",
		"app/*":                "app/build-x.jar",
		"*":                    "other/build-11.zip",
		`app/build-\d+\.zip`:   "app/build-10.zip",
		`.*/build-(9|10)\.zip`: "app/build-10.zip",
	} {
		r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", KeyPattern: pattern}, nil)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if r.Pinned != "s3://code/"+want {
			t.Errorf("%s took %s, want %s", pattern, r.Pinned, want)
		}
	}
}

func TestAnObjectWithoutAChecksumIsFetchedOnce(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, "us-east-1", "code", false)
	content := zipOf(t, 1000)
	w.put(t, place{ours, "us-east-1", "code", "f.zip"}, content, false)
	r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	code, err := r.Prepare(t.Context())
	if n := len(w.made("GET")); err != nil || n != 1 || code.Sha256 != sumOf(content) || code.ZipPath == "" {
		t.Errorf("%d reads gave %+v, %v; want one", n, code, err)
	}
}

func TestAnObjectAboveTheLimitNeedsAStagingBucket(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, "us-east-1", "code", true)
	w.bucket(t, ours, region, "staging", true)
	content := zipOf(t, 1<<10)
	w.put(t, place{ours, "us-east-1", "code", "f.zip"}, content, true)
	ref := Ref{Kind: S3, Bucket: "code", Key: "f.zip"}
	limited := func(o *Options) { o.inlineLimit = 1 << 10 }

	if _, err := w.resolve(t, ref, limited); err == nil || !strings.Contains(err.Error(), "set staging-bucket") {
		t.Errorf("got %v, want the input to set", err)
	}
	r, err := w.resolve(t, ref, func(o *Options) { limited(o); o.StagingBucket = "staging" })
	if err != nil {
		t.Fatal(err)
	}
	if r.Direct() {
		t.Error("what is above the limit can be sent as it is")
	}
	code, err := r.Prepare(t.Context())
	if err != nil || code.S3Bucket != "staging" || code.S3ObjectVersion == "" {
		t.Errorf("Prepare gave %+v, %v; want a version in the staging bucket", code, err)
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", false)
	w.put(t, place{ours, region, "code", "f.zip"}, zipOf(t, 200<<10), false)
	ctx, cancel := context.WithCancel(t.Context())
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			cancel()
		}
		return false
	})
	_, err := Resolve(ctx, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, Options{Session: w.session(t, ours), Region: region})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// stalling is S3 on a line that hangs after the first bytes, once.
type stalling struct {
	content []byte
	reads   int
}

func (s *stalling) Do(r *http.Request) (*http.Response, error) {
	header := http.Header{"Etag": {`"e"`}, "Content-Length": {strconv.Itoa(len(s.content))}}
	resp := &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody}
	if r.Method == http.MethodHead {
		return resp, nil
	}
	s.reads++
	if s.reads == 1 {
		resp.Body = &hanging{ctx: r.Context(), first: bytes.NewReader(s.content[:10])}
		return resp, nil
	}
	resp.StatusCode, resp.Body = http.StatusPartialContent, io.NopCloser(bytes.NewReader(s.content[10:]))
	return resp, nil
}

type hanging struct {
	ctx   context.Context
	first *bytes.Reader
}

func (h *hanging) Read(p []byte) (int, error) {
	if h.first.Len() > 0 {
		return h.first.Read(p)
	}
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func (h *hanging) Close() error { return nil }

func TestALineThatHangsIsGivenUpAndTakenUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		line := &stalling{content: zipOf(t, 1000)}
		s, err := session.Open(t.Context(), session.Options{Region: region, AccessKeyID: "AKIA" + ours, SecretAccessKey: "s", HTTPClient: line})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r, err := Resolve(t.Context(), Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, Options{Session: s, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		if r.Code.Sha256 != sumOf(line.content) || line.reads != 2 || time.Since(start) != stallAfter {
			t.Errorf("%d reads in %s gave %+v", line.reads, time.Since(start), r.Code)
		}
	})
}
