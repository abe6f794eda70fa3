package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// What a deployment may cost, with a network of 40 ms between. The benchmarks
// run the binary as it is released and print what they measured beside these
// limits; the machine's load never fails them.
const (
	roundTrip  = 40 * time.Millisecond
	pending    = 1500 * time.Millisecond
	inProgress = 1200 * time.Millisecond
)

var (
	releaseOnce sync.Once
	releasePath string
	releaseErr  error
)

// release builds the program as .ci/run and the Dockerfile do.
func release(b *testing.B) string {
	b.Helper()
	releaseOnce.Do(func() {
		dir, err := os.MkdirTemp("", "lambda-rollout-bench")
		if err != nil {
			releaseErr = err
			return
		}
		releasePath = filepath.Join(dir, "lambda-rollout")
		build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w",
			"-gcflags", "github.com/...=-l", "-o", releasePath, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			releaseErr = fmt.Errorf("%w: %s", err, out)
		}
	})
	if releaseErr != nil {
		b.Fatal(releaseErr)
	}
	return releasePath
}

// far is an embedded AWS behind a network: each request costs a round trip.
type far struct {
	*awslocal.Server
	url string

	mu sync.Mutex
	// first is when the first request came in.
	first time.Time
	// pid is the running program, peak the most memory that it had so far, in
	// kB. What the kernel tells of a child that has ended starts with what its
	// parent had, so it is asked at each request.
	pid, peak int
}

func serveFar(b *testing.B, options awslocal.Options, delay time.Duration) *far {
	b.Helper()
	options.Account = "123456789012"
	server, err := awslocal.New(options)
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	f := &far{Server: server, url: "http://" + listener.Addr().String()}
	front := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		if f.first.IsZero() {
			f.first = time.Now()
		}
		f.mu.Unlock()
		time.Sleep(delay)
		server.ServeHTTP(w, r)
		f.measure()
	})}
	go func() { _ = front.Serve(listener) }() // Close ends it
	b.Cleanup(func() {
		if err := errors.Join(front.Close(), server.Close()); err != nil {
			b.Error(err)
		}
	})
	return f
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func (f *far) measure() {
	f.mu.Lock()
	defer f.mu.Unlock()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.pid))
	if err != nil {
		return
	}
	if m := highWater.FindSubmatch(status); m != nil {
		f.peak, _ = strconv.Atoi(string(m[1]))
	}
}

// deploy runs a deployment once in a folder and gives the time that it took.
func (f *far) deploy(b *testing.B, dir string, args ...string) time.Duration {
	b.Helper()
	return f.run(b, dir, append([]string{"deploy"}, args...)...)
}

func (f *far) run(b *testing.B, dir string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.Command(release(b), args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Env = []string{"AWS_ENDPOINT_URL=" + f.url, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret"}
	f.ResetCalls()
	f.mu.Lock()
	f.first, f.pid, f.peak = time.Time{}, 0, 0
	started := time.Now()
	err := cmd.Start()
	if err == nil {
		f.pid = cmd.Process.Pid
	}
	f.mu.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, &out)
	}
	return time.Since(started)
}

func write(b *testing.B, dir, name, content string) {
	b.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		b.Fatal(err)
	}
}

const benchDefinition = `functionName: bench
role: arn:aws:iam::123456789012:role/bench
runtime: nodejs22.x
handler: index.handler
description: %s
`

// The five cases of a deployment, each with one alias; of three tries the best,
// because others use the machine too.
func BenchmarkDeploy(b *testing.B) {
	for _, c := range []struct {
		name                string
		first, code, config bool
		limit               time.Duration
		changes             float64
	}{
		{"first", true, false, false, pending + 9*roundTrip, 3},
		{"code", false, true, false, inProgress + 9*roundTrip, 3},
		{"configuration", false, false, true, inProgress + 9*roundTrip, 3},
		{"both", false, true, true, 2*inProgress + 11*roundTrip, 4},
		{"unchanged", false, false, false, 5 * roundTrip, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			best := time.Hour
			var all, changes int
			for range max(b.N, 3) {
				aws := serveFar(b, awslocal.Options{Pending: pending, InProgress: inProgress}, roundTrip)
				dir := b.TempDir()
				args := []string{"--function-definition", "function.yaml", "--artifact", "code", "--alias", "live"}
				write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "one"))
				write(b, dir, "code/index.js", "exports.handler = async () => 1")
				if !c.first {
					aws.deploy(b, dir, args...)
				}
				if c.config {
					write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "two"))
				}
				if c.code {
					write(b, dir, "code/index.js", "exports.handler = async () => 2")
				}
				best = min(best, aws.deploy(b, dir, args...))
				calls := aws.Calls()
				all, changes = len(calls), 0
				for _, call := range calls {
					if changing(call) {
						changes++
					}
				}
			}
			b.ReportMetric(float64(all), "calls")
			b.ReportMetric(float64(changes), "changes")
			b.ReportMetric(c.changes, "changes-limit")
			b.ReportMetric(float64(best.Milliseconds()), "ms")
			b.ReportMetric(float64(c.limit.Milliseconds()), "ms-limit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// From a rollback's first call to the one that puts the alias right: how many
// round trips come one after the other.
func BenchmarkRollbackUntilTrafficIsRight(b *testing.B) {
	best := time.Hour
	for range max(b.N, 3) {
		aws := serveFar(b, awslocal.Options{}, roundTrip)
		dir := b.TempDir()
		args := []string{"--function-definition", "function.yaml", "--artifact", "code", "--alias", "live"}
		write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "one"))
		write(b, dir, "code/index.js", "exports.handler = async () => 1")
		aws.deploy(b, dir, args...)
		write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "two"))
		write(b, dir, "code/index.js", "exports.handler = async () => 2")
		aws.deploy(b, dir, args...)
		aws.run(b, dir, "rollback")
		for _, call := range aws.Calls() {
			if call.Operation == "UpdateAlias" {
				best = min(best, call.Time.Sub(aws.first))
				break
			}
		}
	}
	// A call is logged when it is answered, so that its own round trip counts.
	b.ReportMetric(float64(best)/float64(roundTrip), "round-trips")
	b.ReportMetric(4, "round-trips-limit")
	b.ReportMetric(0, "ns/op")
}

// From the start of the process to the first request at AWS.
func BenchmarkStart(b *testing.B) {
	aws := serveFar(b, awslocal.Options{}, 0)
	dir := b.TempDir()
	write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "one"))
	write(b, dir, "code/index.js", "exports.handler = async () => 1")
	var all []time.Duration
	for range max(b.N, 21) {
		started := time.Now()
		aws.deploy(b, dir, "--function-definition", "function.yaml", "--artifact", "code", "--alias", "live")
		all = append(all, aws.first.Sub(started))
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "ms-to-first-call")
	b.ReportMetric(25, "ms-limit")
	b.ReportMetric(0, "ns/op")
}

// The most memory that a zip of 50 MB takes, by the way that it goes.
func BenchmarkMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("only Linux tells the peak of a running process")
	}
	const inline = 52_428_800 // what Lambda takes in a request
	for _, c := range []struct {
		name  string
		size  int
		limit float64
		args  []string
	}{
		{"inline", inline - 1000, 64, []string{"--artifact", "code.zip"}},
		{"staging", inline + 1000, 64, []string{"--artifact", "code.zip", "--staging-bucket", "staging"}},
		{"s3", inline - 1000, 64, []string{"--artifact", "s3://artifacts/code.zip"}},
		{"s3-other-region-staging", inline + 1000, 64, []string{"--artifact", "s3://elsewhere/code.zip", "--staging-bucket", "staging"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			aws := serveFar(b, awslocal.Options{}, 0)
			dir := b.TempDir()
			write(b, dir, "function.yaml", fmt.Sprintf(benchDefinition, "one"))
			content := zipOf(b, c.size)
			write(b, dir, "code.zip", content)
			for bucket, region := range map[string]string{"staging": "eu-central-1", "artifacts": "eu-central-1", "elsewhere": "eu-west-1"} {
				aws.put(b, region, "/"+bucket, "<CreateBucketConfiguration><LocationConstraint>"+region+"</LocationConstraint></CreateBucketConfiguration>")
			}
			aws.put(b, "eu-central-1", "/artifacts/code.zip", content)
			aws.put(b, "eu-west-1", "/elsewhere/code.zip", content)
			var peak float64
			for range b.N {
				aws.deploy(b, dir, append([]string{"--function-definition", "function.yaml", "--alias", "live"}, c.args...)...)
				peak = max(peak, float64(aws.peak)/1024)
			}
			b.ReportMetric(peak, "MB-peak")
			b.ReportMetric(c.limit, "MB-limit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func (f *far) put(b *testing.B, region, path, body string) {
	b.Helper()
	f.send(b, http.MethodPut, path, body, region+"/s3", nil)
}

func (f *far) ecr(b *testing.B, operation, body string) {
	b.Helper()
	f.send(b, http.MethodPost, "/", body, "eu-central-1/ecr", http.Header{
		"X-Amz-Target": {"AmazonEC2ContainerRegistry_V20150921." + operation}, "Content-Type": {"application/x-amz-json-1.1"},
	})
}

func (f *far) send(b *testing.B, method, path, body, scope string, header http.Header) {
	b.Helper()
	r, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDOTHER/20260101/"+scope+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		b.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
}

// zipOf is a zip of about a size that no compression makes smaller.
func zipOf(b *testing.B, size int) string {
	b.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	code, err := w.Create("index.js")
	if err == nil {
		_, err = io.WriteString(code, "exports.handler = async () => 1")
	}
	var ballast io.Writer
	if err == nil {
		ballast, err = w.CreateHeader(&zip.FileHeader{Name: "ballast", Method: zip.Store})
	}
	if err == nil {
		_, err = io.CopyN(ballast, rand.NewChaCha8([32]byte{}), int64(size-500))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		b.Fatal(err)
	}
	return out.String()
}

// The most memory that a fleet of 1,500 functions takes, by the way that its code goes:
// inside the calls, in three Regions, and by reference, which Lambda takes from its own
// Region only. It takes as long as the calls that it needs at the real rate.
func BenchmarkFleetMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("only Linux tells the peak of a running process")
	}
	const functions = 1500
	several, one := []string{"us-east-1", "eu-west-1", "eu-central-1"}, []string{"eu-central-1"}
	const zipped = "runtime: nodejs22.x\nhandler: index.handler\n"
	for _, c := range []struct {
		name       string
		size       int
		limit      float64
		regions    []string
		definition string
		artifact   string
	}{
		{"1MB", 1 << 20, 150, several, zipped, "../code.zip"},
		{"8MB", 8 << 20, 150, several, zipped, "../code.zip"},
		{"16MB", 16 << 20, 150, several, zipped, "../code.zip"},
		{"40MB", 40 << 20, 150, several, zipped, "../code.zip"},
		{"s3", 40 << 20, 150, one, zipped, "s3://artifacts/code.zip"},
		{"ecr", 0, 150, one, "packageType: Image\n", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app:1"},
	} {
		b.Run(c.name, func(b *testing.B) {
			aws := serveFar(b, awslocal.Options{}, 0)
			dir := b.TempDir()
			for n := range functions {
				region, name := c.regions[n%len(c.regions)], fmt.Sprintf("f%04d", n)
				write(b, dir, fmt.Sprintf("functions/%s.yaml", name), fmt.Sprintf(
					"functionName: arn:aws:lambda:%s:123456789012:function:%s\nrole: arn:aws:iam::123456789012:role/bench\n%s", region, name, c.definition))
			}
			content := zipOf(b, c.size)
			write(b, dir, "code.zip", content)
			aws.put(b, "eu-central-1", "/artifacts", "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>")
			aws.put(b, "eu-central-1", "/artifacts/code.zip", content)
			aws.ecr(b, "CreateRepository", `{"repositoryName": "app"}`)
			aws.ecr(b, "PutImage", `{"repositoryName": "app", "imageTag": "1", "imageManifest": "{\"schemaVersion\": 2, \"mediaType\": \"application/vnd.docker.distribution.manifest.v2+json\", \"config\": {}, \"layers\": []}"}`)
			var peak float64
			for range b.N {
				aws.deploy(b, dir, "--function-definition", "functions/*.yaml", "--artifact", c.artifact, "--alias", "live", "--timeout", "60m")
				peak = max(peak, float64(aws.peak)/1024)
			}
			b.ReportMetric(peak, "MB-peak")
			b.ReportMetric(c.limit, "MB-limit")
			b.ReportMetric(0, "ns/op")
		})
	}
}
