package awslocal_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

var full = flag.Bool("full", false, "start what is dear to start: a browser")

// fromPage is what a page may try under each name of the embedded AWS.
var fromPage = []string{
	"fetch create", "fetch invoke", "fetch read", "signed fetch", "beacon", "form create", "form invoke", "form upload",
	"image", "script", "frame", "sandboxed form", "websocket",
}

// fromRebound is what a page may try whose own host name points to loopback.
var fromRebound = []string{"create", "invoke", "read", "image", "websocket", "form create"}

// attempts are the requests of pages by the name of the attempt; each is sent
// once to seen with its status.
type attempts struct {
	page string // what the rebound host serves under /page
	seen chan attempt
}

type attempt struct {
	name   string
	status int
}

// wrap serves the rebound host's page, as its own server did before its name was
// rebound, and notes which attempt got which answer from the embedded AWS.
func (a *attempts) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "rebound.example:") && r.URL.Path == "/page" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, a.page)
			return
		}
		name := r.URL.Query().Get("attempt")
		answer := &statusOf{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if name != "" {
			a.seen <- attempt{name, answer.status}
		}
	})
}

type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusOf) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// TestChromiumCannotReachTheEmbeddedAWS opens a page of another site in a
// headless Chromium. The page tries to create, invoke and read a function in each
// way that a page has, and under a host name that was rebound to loopback. Every
// attempt must arrive, and every one must be refused.
func TestChromiumCannotReachTheEmbeddedAWS(t *testing.T) {
	t.Parallel()
	if !*full {
		t.Skip("a browser is started with -full")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium is installed")
	}
	code := base64.StdEncoding.EncodeToString(awstest.Zip(t, "index.py", "def handler(e, c): pass"))
	fill := func(file string, more ...string) string {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(append(more, "SIGNATURE", signedFor("lambda"), "CODE", code)...).Replace(string(b))
	}
	a := &attempts{page: fill("rebound.html"), seen: make(chan attempt, 1000)}
	h := &harness{AWS: awstest.Start(t, awslocal.Options{}, a.wrap)}
	h.lambda = h.Lambda()
	h.create(t, "fn")
	before, err := h.Dump(awstest.Account)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(h.URL, "http://"), ":")
	page := fill("evil.html", "AWS_URL", h.URL, "LOCALHOST_URL", "http://localhost:"+port, "REBOUND_URL", "http://rebound.example:"+port)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
	}))
	defer evil.Close()
	_, evilPort, _ := strings.Cut(strings.TrimPrefix(evil.URL, "http://"), ":")
	open(t, browser, "http://evil.example:"+evilPort+"/")

	want := map[string]int{}
	for _, name := range fromPage {
		want["address "+name], want["localhost "+name] = http.StatusForbidden, http.StatusForbidden
	}
	for _, name := range fromRebound {
		want["rebound "+name] = http.StatusForbidden
	}
	got := map[string]int{}
	hang := time.After(2 * time.Minute)
	for len(got) < len(want) {
		select {
		case one := <-a.seen:
			got[one.name] = one.status
		case <-hang:
			t.Fatalf("some attempts never arrived:\n%s", cmp.Diff(want, got))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attempts and their answers (-want +got):\n%s", diff)
	}
	after, err := h.Dump(awstest.Account)
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("the page changed something: %v\n%s", err, diff)
	}
	for _, c := range h.Calls() {
		if c.Operation == "Invoke" {
			t.Errorf("invoked: %+v", c)
		}
	}
}

// open starts the browser on a URL until the test ends. It takes every name of
// the domain example for loopback.
func open(t *testing.T, browser, url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP *.example 127.0.0.1", "--remote-debugging-pipe", url)
	command, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// A browser with a debugging pipe stays until the pipe closes.
	cmd.ExtraFiles = []*os.File{command, output}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()                                      // killed
		for _, f := range []*os.File{command, input, answers, output} {
			_ = f.Close() // nothing is written
		}
	})
}
