package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// The AWS of the measurements: the real quotas, a round trip of 40 ms, and an
// update that takes 1.2 s.
const (
	fleetRoundTrip = 40 * time.Millisecond
	fleetUpdate    = 1200 * time.Millisecond
	fleetRate      = 14
)

// fleetWorld is a workspace with many functions and an AWS in virtual time.
type fleetWorld struct {
	*testing.T
	aws     *awstest.AWS
	dir     string
	regions []string
	size    int
	// runs counts the deployments.
	runs int

	mu sync.Mutex
	// budgeted are the calls within the shared quota, apart those of GetFunction,
	// throttled those that were answered by 429.
	budgeted, apart, throttled int
}

// measured is what one command took.
type measured struct {
	took                       time.Duration
	budgeted, apart, throttled int
	lines                      int
	log                        string
}

// inFleet runs f with so many functions in each Region.
func inFleet(t *testing.T, functions, regions int, f func(w *fleetWorld)) {
	t.Helper()
	awstest.Run(t, func(t *testing.T) {
		w := &fleetWorld{T: t, dir: t.TempDir(), regions: []string{"us-east-1", "eu-west-1", "eu-central-1"}[:regions], size: functions * regions}
		w.aws = awstest.StartInProcess(t, awslocal.Options{Quotas: true, Pending: fleetUpdate, InProgress: fleetUpdate}, w.far)
		w.define("")
		w.code(1)
		f(w)
	})
}

// define writes the definitions, one for each function and Region.
func (w *fleetWorld) define(more string) {
	for n := range w.size {
		region := w.regions[n%len(w.regions)]
		name := fmt.Sprintf("f%04d", n/len(w.regions))
		w.write(fmt.Sprintf("functions/%s-%s.yaml", name, region), fmt.Sprintf(
			"functionName: arn:aws:lambda:%s:000000000000:function:%s\nruntime: nodejs22.x\nhandler: index.handler\nrole: %s\n%s",
			region, name, awstest.Role, more))
	}
}

// code writes a folder that zips to about 250 kB.
func (w *fleetWorld) code(seed byte) {
	ballast := make([]byte, 250_000)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(ballast) // it never fails
	w.write("code/index.js", fmt.Sprintf("exports.handler = async () => %d\n", seed))
	w.write("code/ballast", string(ballast))
}

func (w *fleetWorld) write(name, content string) {
	w.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.Fatal(err)
	}
}

// ofFunction is the path of GetFunction.
var ofFunction = regexp.MustCompile(`^/[0-9-]+/functions/[^/]+$`)

// far puts a network in front of the server and counts what comes through.
func (w *fleetWorld) far(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(fleetRoundTrip)
		answer := &answered{ResponseWriter: rw}
		next.ServeHTTP(answer, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case answer.status == http.StatusTooManyRequests:
			w.throttled++
		case r.Method == http.MethodGet && (ofFunction.MatchString(r.URL.Path) || strings.HasSuffix(r.URL.Path, "/policy")):
			w.apart++
		case strings.Contains(r.URL.Path, "/functions") || strings.Contains(r.URL.Path, "/event-source-mappings"):
			w.budgeted++
		}
	})
}

type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int)      { a.status = status; a.ResponseWriter.WriteHeader(status) }
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// run runs a command and measures it.
func (w *fleetWorld) run(want int, args ...string) measured {
	w.Helper()
	w.mu.Lock()
	w.budgeted, w.apart, w.throttled = 0, 0, 0
	w.mu.Unlock()
	time.Sleep(5 * time.Second) // AWS counts what the run before took
	var out, errs bytes.Buffer
	began := time.Now()
	code := Main(w.Context(), Process{
		Args: append([]string{"lambda-rollout"}, args...), Dir: w.dir, Stdout: &out, Stderr: &errs, Now: time.Now,
		Env: []string{
			"AWS_ENDPOINT_URL=" + w.aws.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test-test-test",
			"HOME=" + w.dir, "CI=woodpecker", fmt.Sprint("CI_PIPELINE_NUMBER=", w.runs),
		},
		HTTPClient: w.aws.HTTP, Timing: timing.Default(),
		Store: func(root, path string) journal.Store { return journal.NewFileBelow(root, path) },
	})
	if code != want {
		w.Fatalf("%v: exit code %d\n%s%s", args, code, tail(out.String()), tail(errs.String()))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return measured{
		took: time.Since(began), budgeted: w.budgeted, apart: w.apart, throttled: w.throttled,
		lines: bytes.Count(out.Bytes(), []byte("\n")) + bytes.Count(errs.Bytes(), []byte("\n")), log: out.String() + errs.String(),
	}
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

func (w *fleetWorld) deploy() measured {
	w.Helper()
	w.runs++
	return w.run(exitDone, "deploy", "--function-definition", "functions/*.yaml", "--artifact", filepath.Join(w.dir, "code"), "--alias", "live", "--timeout", "30m")
}

// fleetCase is a case and what it took; each is what the budget has for a function
// with one alias.
type fleetCase struct {
	name string
	each int
	measured
}

// cases goes through all of them, one after the other.
func (w *fleetWorld) cases() []fleetCase {
	w.Helper()
	cases := []fleetCase{{"create", 4, w.deploy()}}
	w.code(2)
	cases = append(cases, fleetCase{"code", 5, w.deploy()})
	cases = append(cases, fleetCase{"rollback of code", 3, w.run(exitDone, "rollback", "--rollback-timeout", "30m")})
	w.define("memorySize: 256\n")
	w.code(1)
	cases = append(cases, fleetCase{"configuration", 5, w.deploy()})
	w.define("memorySize: 512\n")
	w.code(3)
	cases = append(cases, fleetCase{"both", 6, w.deploy()})
	return append(cases, fleetCase{"unchanged", 1, w.deploy()})
}

// quota is the least time that the calls of a case take: Regions side by side.
func (w *fleetWorld) quota(c fleetCase) time.Duration {
	return time.Duration(c.budgeted) * time.Second / time.Duration(fleetRate*len(w.regions))
}

// check holds a case to its budget: the questions about what is created are asked
// once for each Region.
func (w *fleetWorld) check(c fleetCase) {
	w.Helper()
	budget := c.each * w.size
	if c.name == "create" {
		budget += 12 * len(w.regions)
	}
	if c.budgeted != budget {
		w.Errorf("%s: %d calls, want %d", c.name, c.budgeted, budget)
	}
	if c.throttled > 0 {
		w.Errorf("%s: %d calls were throttled", c.name, c.throttled)
	}
	// One line for each function, and those of the whole run and its progress.
	if most := w.size + 20 + int(c.took/(5*time.Second)); c.lines > most {
		w.Errorf("%s: %d lines, more than %d:\n%s", c.name, c.lines, most, tail(c.log))
	}
	if *full && c.took > w.quota(c)*112/100 {
		w.Errorf("%s: %s, the quota needs %s", c.name, c.took, w.quota(c))
	}
}

// row is a line of the table in docs/fleets.md.
func (w *fleetWorld) row(c fleetCase) string {
	return fmt.Sprintf("| %d in %d | %s | %.1f s | %.1f s | %.2f | %.2f | %.1f | %d |\n", w.size/len(w.regions), len(w.regions), c.name,
		c.took.Seconds(), w.quota(c).Seconds(), c.took.Seconds()/w.quota(c).Seconds(),
		float64(c.budgeted)/float64(w.size), float64(c.apart)/float64(w.size), c.lines)
}

// Every case of a fleet takes the calls of its budget, is never throttled, is quiet,
// and takes hardly longer than the quota needs. With -full 200 functions do; with
// -update too it measures the fleets of docs/fleets.md and writes its table.
func TestAFleetTakesTheCallsOfItsBudgetAtTheSpeedOfTheQuota(t *testing.T) {
	type fleet struct{ functions, regions int }
	fleets := []fleet{{6, 2}}
	if *full {
		fleets = []fleet{{200, 1}}
	}
	if *full && *update {
		fleets = append(fleets, fleet{500, 3})
	}
	table := "| functions in Regions | case | took | the quota needs | ratio | calls a function | GetFunction a function | lines of log |\n|---|---|---|---|---|---|---|---|\n"
	for _, size := range fleets {
		inFleet(t, size.functions, size.regions, func(w *fleetWorld) {
			for _, c := range w.cases() {
				w.check(c)
				table += w.row(c)
			}
		})
	}
	t.Log("\n" + table)
	if *full && *update {
		writeBetween(t, "../../docs/fleets.md", "<!-- measured -->\n", "<!-- end -->", table)
	}
}

// writeBetween puts text between two marks of a file.
func writeBetween(t *testing.T, path, begin, end, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s lacks %s or %s", path, begin, end)
	}
	if err := os.WriteFile(path, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Outputs that GitHub would not take are cut by a rule, and a file has everything.
func TestOutputsTooLargeForGitHubAreCountsAndAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := &app{Process: Process{Now: time.Now}, host: host.Detect(host.Options{
		Env: []string{"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + dir, "RUNNER_TEMP=" + dir}, Dir: dir, Stdout: io.Discard, Stderr: io.Discard, Now: time.Now,
	}), in: deployInputs(t)}
	results := []deploy.Result{{Version: "1", Changed: true}, {Version: "2"}}
	outputs := func(size int) []host.Output {
		return []host.Output{{Name: "version", Value: "1"}, {Name: "rollback-data", Value: "[]"}, {Name: "results", Value: strings.Repeat("x", size)}}
	}
	same, err := a.cut(outputs(1000), results)
	if err != nil || len(same[2].Value) != 1000 {
		t.Errorf("small outputs were cut: %v", err)
	}
	short, err := a.cut(outputs(400_000), results)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range short[1:] {
		if o.Value != `{"functions":2,"changed":1,"file":".lambda-rollout/results.json"}` {
			t.Errorf("%s is %.100s", o.Name, o.Value)
		}
	}
	var all []resultDocument
	text, err := os.ReadFile(filepath.Join(dir, ".lambda-rollout", "results.json"))
	if err != nil || json.Unmarshal(text, &all) != nil || len(all) != 2 || all[1].Version != "2" {
		t.Errorf("the file holds %s, %v", text, err)
	}
}

// What does not fit into GitHub's five minutes must be left to a later rollback
// while there still is time to say so.
func TestThePostStepOfACancelledJobHasLessTime(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]time.Duration{"cancelled": cancelledPost, "failure": 10 * time.Minute} {
		a := &app{host: host.Detect(host.Options{Args0: "/rollback", Env: []string{"GITHUB_ACTIONS=true", "INPUT_JOB-STATUS=" + status}}), in: deployInputs(t)}
		if !a.host.IsPost() {
			t.Fatal("it is no post step")
		}
		if got := a.rollbackTime(); got != want {
			t.Errorf("%s: %s", status, got)
		}
	}
}

func deployInputs(t *testing.T, more ...string) *input.Set {
	t.Helper()
	request, err := input.Parse(input.Options{Args: append([]string{"deploy", "--service=s"}, more...)})
	if err != nil {
		t.Fatal(err)
	}
	return request.Set
}

// A fleet asks for little memory. A few functions leave the collector alone, and so does an
// AWS in this process.
func TestAFleetLimitsItsMemory(t *testing.T) {
	t.Parallel()
	limit := func(targets int, more ...string) (got int64) {
		a := &app{Process: Process{LimitMemory: func(bytes int64) { got = bytes }}, in: deployInputs(t, more...)}
		a.limitMemory(targets)
		return got
	}
	for targets, want := range map[int]int64{10: 0, 11: fleetMemory, 1500: fleetMemory} {
		if got := limit(targets); got != want {
			t.Errorf("%d functions: limit %d, want %d", targets, got, want)
		}
	}
	if got := limit(1500, "--local"); got != 0 {
		t.Errorf("with an AWS in this process: limit %d", got)
	}
}
