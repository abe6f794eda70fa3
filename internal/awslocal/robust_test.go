package awslocal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// childVariable makes the test's own binary a server on the folder that it
// names, to be killed.
const childVariable = "AWSLOCAL_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		fmt.Fprintln(os.Stderr, serveChild(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveChild(dir string) error {
	s, err := awslocal.New(awslocal.Options{Dir: dir})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	return s.Serve(l)
}

// child starts a server process and returns it with its URL.
func child(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		t.Fatal(err)
	}
	return cmd, url
}

func TestWhatWasAnsweredOutlivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answered := map[string]bool{}
	for round := range 3 {
		cmd, url := child(t, dir)
		if _, err := awslocal.New(awslocal.Options{Dir: dir}); !errors.Is(err, store.ErrInUse) {
			t.Errorf("a second server on the folder: %v", err)
		}
		c := (&awstest.AWS{URL: url, HTTP: http.DefaultClient}).Lambda()
		for n := 0; ; n++ {
			name := fmt.Sprintf("fn-%d-%d", round, n)
			_, err := c.CreateFunction(context.Background(), &awslambda.CreateFunctionInput{FunctionName: &name, Role: aws.String(awstest.Role),
				Runtime: types.RuntimePython312, Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: awstest.Zip(t, "index.py", name)}})
			if err != nil {
				break
			}
			answered[name] = true
			if n == 2 {
				time.AfterFunc(time.Duration(3+7*round)*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
			}
		}
		_ = cmd.Wait() // killed, as it should be
	}
	h := start(t, awslocal.Options{Dir: dir})
	for name := range answered {
		got := h.get(t, name, "")
		resp, err := http.Get(*got.Code.Location)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || awstest.CodeSha256(b) != *got.Configuration.CodeSha256 {
			t.Errorf("code of %s: %d bytes, %v", name, len(b), err)
		}
	}
	if len(answered) < 9 {
		t.Errorf("only %d functions were made", len(answered))
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// lying is a zip bomb whose directory says that its files are small.
func lying(t *testing.T) []byte {
	t.Helper()
	const size = 10 << 20
	b := unzipped(t, 40*size)
	return bytes.ReplaceAll(b, binary.LittleEndian.AppendUint32(nil, size), []byte{1, 0, 0, 0})
}

func TestBadRequestsAreAnsweredWithinBounds(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	h.create(t, "fn")
	code := func(b []byte) string {
		body, err := json.Marshal(map[string]any{"FunctionName": "x", "Role": awstest.Role, "Runtime": "python3.12", "Handler": "a.b", "Code": map[string]any{"ZipFile": b}})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	const functions = "/2015-03-31/functions"
	limited, above := functions+"/fn/aliases", int64(2<<20)
	if *full {
		limited, above = functions, 80<<20
	}
	for _, test := range []struct {
		name, method, path string
		body               io.Reader
		status             int
		code               string
	}{
		{"broken JSON", "POST", functions, strings.NewReader(`{"FunctionName": `), 400, "InvalidRequestContentException"},
		{"a wrong type", "PUT", functions + "/fn/configuration", strings.NewReader(`{"Timeout": "long"}`), 400, "SerializationException"},
		{"a list for a document", "POST", functions, strings.NewReader(`[]`), 400, "SerializationException"},
		{"nothing", "POST", functions, nil, 400, "ValidationException"},
		{"an unknown path", "GET", "/2015-03-31/nothing/here", nil, 404, "UnknownOperationException"},
		{"a path with a wrong escape", "GET", functions + "/%2e%2e%2f", nil, 400, "ValidationException"},
		{"an unknown method", "PATCH", functions, nil, 404, "UnknownOperationException"},
		{"what is no JSON", "POST", functions, io.LimitReader(same{}, 1<<20), 400, "InvalidRequestContentException"},
		{"a body above the limit", "POST", limited, io.LimitReader(same{}, above), 413, "RequestEntityTooLargeException"},
		{"a long configuration", "PUT", functions + "/fn/configuration", strings.NewReader(`{"Description": "` + strings.Repeat("x", 5200) + `"}`), 413, "RequestEntityTooLargeException"},
		{"a zip bomb", "POST", functions, strings.NewReader(code(unzipped(t, 400<<20))), 400, "InvalidParameterValueException"},
		{"a zip bomb that lies", "POST", functions, strings.NewReader(code(lying(t))), 400, "InvalidParameterValueException"},
		{"a wrong page", "GET", functions + "?Marker=x", nil, 400, "InvalidParameterValueException"},
		{"a page of none", "GET", functions + "?MaxItems=0", nil, 400, "ValidationException"},
		{"7 MB of event", "POST", functions + "/fn/invocations", io.LimitReader(same{}, 7<<20), 413, "RequestTooLargeException"},
		{"an event that is no JSON", "POST", functions + "/fn/invocations", strings.NewReader(`{`), 400, "InvalidRequestContentException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), test.method, h.URL+test.path, test.body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
			if err = errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if got := resp.Header.Get("X-Amzn-ErrorType"); resp.StatusCode != test.status || got != test.code {
				t.Errorf("%d %s %.200s, want %d %s", resp.StatusCode, got, b, test.status, test.code)
			}
		})
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.Serve(l), l.Close()); err == nil || !strings.Contains(err.Error(), "only loopback") {
		t.Errorf("served %s: %v", l.Addr(), err)
	}
}
