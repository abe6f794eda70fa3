package report

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var full = flag.Bool("full", false, "open the page of a run in a browser")

// The page of a run fits a phone and a screen, and asks the network for nothing. A
// second page frames it in both widths and measures it.
func TestThePageOfARunFitsEveryWidthAndLoadsNothing(t *testing.T) {
	t.Parallel()
	if !*full {
		t.Skip("a browser is started with -full")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium is installed")
	}
	const measure = `<!doctype html><link rel="icon" href="data:,">
<iframe style="width:360px;height:800px;border:0" src="/page"></iframe><iframe style="width:1200px;height:800px;border:0" src="/page"></iframe>
<script>onload = async () => {
  for (const f of document.querySelectorAll('iframe')) {
    const root = f.contentDocument.documentElement;
    await fetch('/measured', {method: 'POST', body: f.clientWidth + ' ' + (root.scrollWidth - root.clientWidth) + ' ' + root.querySelectorAll('section').length});
  }
}</script>`
	page := Page(runOf(strings.Repeat("a-long-name-without-a-blank-", 3)), same)
	var mu sync.Mutex
	var asked []string
	measured := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w, measure)
		case "/page":
			fmt.Fprint(w, page)
		case "/measured":
			body, _ := io.ReadAll(r.Body)
			measured <- string(body)
		}
	}))
	defer server.Close()
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir="+profile, "--virtual-time-budget=60000", "--dump-dom", server.URL)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()                                      // killed
		_ = os.RemoveAll(profile)                           // one of its processes may still end
	}()
	for _, want := range []string{"360 0 3", "1200 0 3"} {
		select {
		case got := <-measured:
			if got != want {
				t.Errorf("width, columns of pixels beyond it, sections: %s, want %s", got, want)
			}
		case <-time.After(2 * time.Minute):
			t.Fatal("the browser measured nothing")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(asked)
	if got := slices.Compact(asked); !slices.Equal(got, []string{"/", "/measured", "/page"}) {
		t.Errorf("the browser asked for %q", got)
	}
}
