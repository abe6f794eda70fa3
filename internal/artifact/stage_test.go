package artifact

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// upload writes a zip to stage.
func upload(t testing.TB, bucket string, content []byte) Upload {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.zip")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return Upload{Bucket: bucket, Region: region, Path: path, Sha256: sumOf(content), Size: int64(len(content))}
}

func TestAZipIsStagedOnceUnderItsHash(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "staging-"+region+"-"+ours, true)
	content := zipOf(t, 1000)
	up := upload(t, "staging-{region}-{account}", content)
	s := w.session(t, ours)

	code, err := Stage(t.Context(), s, up)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := hexSum(up.Sha256)
	if err != nil {
		t.Fatal(err)
	}
	want := definition.Code{
		S3Bucket: "staging-" + region + "-" + ours, S3Key: "lambda-rollout/" + sum + ".zip",
		S3ObjectVersion: code.S3ObjectVersion, Sha256: up.Sha256, Size: up.Size,
	}
	if code != want || code.S3ObjectVersion == "" {
		t.Errorf("code %+v, want %+v with a version", code, want)
	}
	w.made("PUT")
	again, err := Stage(t.Context(), s, up)
	if err != nil || again != code || len(w.made("PUT")) > 0 {
		t.Errorf("the same content was uploaded again: %+v, %v", again, err)
	}
}

func TestAnotherContentUnderTheKeyIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "staging", true)
	up := upload(t, "staging", zipOf(t, 1000))
	sum, err := hexSum(up.Sha256)
	if err != nil {
		t.Fatal(err)
	}
	wrong := w.put(t, place{ours, region, "staging", "lambda-rollout/" + sum + ".zip"}, []byte("something else"), true)
	code, err := Stage(t.Context(), w.session(t, ours), up)
	if err != nil || code.S3ObjectVersion == wrong {
		t.Errorf("code %+v, %v; want a new version", code, err)
	}
}

func TestWhoMayNotLookMayStillUpload(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "staging", false)
	w.intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			rw.WriteHeader(http.StatusForbidden)
		}
		return r.Method == http.MethodHead
	})
	if code, err := Stage(t.Context(), w.session(t, ours), upload(t, "staging", zipOf(t, 10))); err != nil || code.S3ObjectVersion != "" {
		t.Errorf("code %+v, %v; want a reference without a version", code, err)
	}
}

func TestWhatIsWrongWithAStagingBucketHasItsOwnWords(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, "us-east-1", "far", true)
	w.bucket(t, theirs, region, "foreign", true)
	w.bucket(t, theirs, region, "guessed-"+ours, true)
	if !w.SetReaders("guessed-"+ours, []string{ours, theirs}) {
		t.Fatal("no bucket")
	}
	for bucket, want := range map[string]string{
		"far":               "the bucket is in us-east-1, the function in eu-west-1",
		"foreign":           `"Action":"s3:PutObject","Resource":["arn:aws:s3:::foreign/lambda-rollout/`,
		"nowhere":           "there is no bucket nowhere: create it in eu-west-1",
		"guessed-{account}": `"Action":"s3:PutObject"`,
	} {
		_, err := Stage(t.Context(), w.session(t, ours), upload(t, bucket, zipOf(t, 10)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %q", bucket, err, want)
		}
	}
}

func TestAStagingBucketIsCheckedBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "near", true)
	w.bucket(t, ours, "us-east-1", "far", true)
	w.bucket(t, theirs, region, "foreign", true)
	folder := write(t, t.TempDir(), map[string]string{"f.zip": string(zipOf(t, 1<<20))})
	w.made("PUT")
	for bucket, want := range map[string]string{
		"near":    "",
		"foreign": "",
		"far":     "staging-bucket far: the bucket is in us-east-1, the function in eu-west-1",
		"nowhere": "staging-bucket nowhere: there is no bucket nowhere",
		"":        "1048708 bytes zipped, above the 1048576 bytes (1 MB) that a call may carry: set staging-bucket",
	} {
		_, err := w.resolve(t, Ref{Kind: Path, Path: "f.zip"}, func(o *Options) {
			o.Workspace, o.StagingBucket, o.inlineLimit = folder, bucket, 1<<20
		})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", bucket, err, want)
		}
	}
	if puts := w.made("PUT"); len(puts) > 0 {
		t.Errorf("something was uploaded: %q", puts)
	}
}

func TestACallCarriesFiftyMegabytes(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{InlineLimit: "", InlineLimit + 1: "52428801 bytes zipped, above the 52428800 bytes (50 MB)"} {
		r := &Result{Code: definition.Code{ZipPath: "f.zip", Size: size}}
		err := r.requireStaging(t.Context(), "f.zip")
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: got %v, want %q", size, err, want)
		}
		if r.Direct() != (want == "") {
			t.Errorf("%d bytes are sent as they are: %t", size, r.Direct())
		}
	}
}

func TestNoZipIsWholeInMemory(t *testing.T) {
	w := serve(t)
	w.bucket(t, ours, region, "staging", true)
	w.bucket(t, ours, "us-east-1", "code", true)
	content := zipOf(t, 8<<20)
	size := uint64(len(content))
	up := upload(t, "staging", content)
	w.put(t, place{ours, "us-east-1", "code", "f.zip"}, content, false)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := w.session(t, ours)
	if _, err := Stage(t.Context(), s, up); err != nil {
		t.Fatal(err)
	}
	r, err := Resolve(t.Context(), Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, Options{Session: s, Region: region, TempDir: t.TempDir(), StagingBucket: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// All that was ever allocated, by client and server together.
	if used := after.TotalAlloc - before.TotalAlloc; used > size/4 {
		t.Errorf("%d bytes were allocated to move %d bytes three times", used, size)
	}
}
