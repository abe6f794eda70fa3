package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/cli"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// cut says where a child dies. The zero value lets it live.
type cut struct {
	// Where is one of the places below; At counts from 1.
	Where string
	At    int
}

// The places where a child can die: around a changing call, and around a write
// to the journal.
const (
	beforeCall   = "before-call"   // before its bytes leave
	beforeAnswer = "before-answer" // after the effect, before the answer
	lateEffect   = "late-effect"   // the effect comes after the client has died
	beforeWrite  = "before-write"  // before the line of a journal
	tornWrite    = "torn-write"    // with half of the line on disk
	afterWrite   = "after-write"   // with the line on disk
)

// count is what a child that lived did.
type count struct{ Calls, Writes int }

const (
	childCut   = "MATRIX_CUT"
	childCount = "MATRIX_COUNT"
	// childPatient gives calls the time that they have outside of tests.
	childPatient = "MATRIX_PATIENT"
)

// TestMain is the program itself where the parent asks for it: no hook ships.
func TestMain(m *testing.M) {
	text, child := os.LookupEnv(childCut)
	if !child {
		os.Exit(m.Run())
	}
	var c cut
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	os.Exit(program(c))
}

func program(c cut) int {
	p, err := cli.OS()
	if err != nil {
		panic(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if name := path.Base(p.Args[0]); name != "rollback" {
		p.Args[0] = "lambda-rollout"
	}
	p.Signals = signals
	p.CallTimeout, p.ReadBackoff = callTimeout, 5*time.Millisecond
	p.Pace = lambdaapi.Pace{Upload: callTimeout, FirstPoll: 10 * time.Millisecond, LastPoll: 50 * time.Millisecond, Backoff: 5 * time.Millisecond}
	p.Timing = engine.Timing{Grace: time.Second, Watch: watch, Propagation: 200 * time.Millisecond}
	if os.Getenv(childPatient) != "" {
		p.CallTimeout, p.Pace.Upload, p.Timing.Grace = 0, lambdaapi.DefaultPace().Upload, engine.DefaultTiming().Grace
	}
	d := &death{cut: c}
	p.HTTPClient = &http.Client{Transport: d}
	p.Store = func(path string) journal.Store { return &dyingStore{Store: journal.NewFile(path), death: d} }
	code := cli.Main(context.Background(), p)
	if file := os.Getenv(childCount); file != "" {
		text, err := json.Marshal(d.count)
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			panic(err)
		}
	}
	return code
}

// death counts changing calls and journal writes, and ends the process at one
// of them as a lost machine would: without a signal that can be caught.
type death struct {
	cut   cut
	mu    sync.Mutex
	count count
}

func (d *death) now(where string, at int) {
	if d.cut.Where == where && d.cut.At == at {
		d.die()
	}
}

func (d *death) die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// RoundTrip implements http.RoundTripper.
func (d *death) RoundTrip(r *http.Request) (*http.Response, error) {
	if !changing(r) {
		return http.DefaultTransport.RoundTrip(r)
	}
	d.mu.Lock()
	d.count.Calls++
	at := d.count.Calls
	d.mu.Unlock()
	d.now(beforeCall, at)
	if d.cut == (cut{lateEffect, at}) {
		delay(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.now(lateEffect, at)
		return answer, err
	}
	d.now(beforeAnswer, at)
	return answer, nil
}

// delay asks the embedded AWS to drop this very call, and to let it take effect
// when the client is long dead.
func delay(r *http.Request) {
	fault, err := json.Marshal(map[string]string{
		"Service": "lambda", "Operation": operation(r), "Path": r.URL.Path, "Action": string(awslocal.Late), "Delay": late.String(),
	})
	if err != nil {
		panic(err)
	}
	answer, err := http.Post("http://"+r.URL.Host+"/_local/faults", "application/json", bytes.NewReader(fault))
	if err != nil || answer.StatusCode >= 300 {
		panic(fmt.Sprint("arm the late effect: ", err, answer))
	}
	if err := answer.Body.Close(); err != nil {
		panic(err)
	}
}

// operation names the changing call that a request makes.
func operation(r *http.Request) string {
	last := path.Base(r.URL.Path)
	switch {
	case strings.Contains(r.URL.Path, "/tags/"):
		return map[string]string{http.MethodPost: "TagResource", http.MethodDelete: "UntagResource"}[r.Method]
	case strings.Contains(r.URL.Path, "/aliases/"):
		return map[string]string{http.MethodPut: "UpdateAlias", http.MethodDelete: "DeleteAlias"}[r.Method]
	case r.Method == http.MethodDelete:
		return "DeleteFunction"
	}
	return map[string]string{
		"functions": "CreateFunction", "code": "UpdateFunctionCode", "configuration": "UpdateFunctionConfiguration",
		"versions": "PublishVersion", "aliases": "CreateAlias",
	}[last]
}

// changing says that a request changes a function: every write to Lambda.
func changing(r *http.Request) bool {
	return r.Method != http.MethodGet && strings.Contains(r.Header.Get("Authorization"), "/lambda/aws4_request")
}

// dyingStore is the journal's file on a machine that may die.
type dyingStore struct {
	journal.Store
	death *death
}

func (s *dyingStore) Append(ctx context.Context, line []byte) error {
	s.death.mu.Lock()
	s.death.count.Writes++
	at := s.death.count.Writes
	s.death.mu.Unlock()
	s.death.now(beforeWrite, at)
	if s.death.cut == (cut{tornWrite, at}) {
		_ = s.Store.Append(ctx, bytes.TrimSuffix(line[:len(line)/2], []byte("\n")))
		s.death.die()
	}
	err := s.Store.Append(ctx, line)
	s.death.now(afterWrite, at)
	return err
}

var _ io.Closer = (*dyingStore)(nil)
