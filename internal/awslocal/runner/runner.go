// Package runner runs Lambda functions as processes of this machine, over the
// Lambda runtime API.
//
// A function of a provided.* runtime is its zip's bootstrap; nodejs* and
// python* run by a small bootstrap of ours with the node or python3 on PATH.
// It promises one invocation at a time for each process, processes kept warm,
// timeouts by the wall clock that end the whole process group, and that nothing
// grows without end: processes, unpacked code, output and answers are bounded,
// and all of it ends with the Pool.
//
// It never isolates: a function runs as the user who started it, memory is not
// limited, and layers are left out, since /opt cannot be filled without rights;
// the log mentions that. But a function reads and runs only those files of its
// code that Lambda's user could, also where this process belongs to root (on
// Linux), and no link of its code leads out of it.
//
// Rules are those of "Using the Lambda runtime API for custom runtimes" and
// "Understanding the Lambda execution environment lifecycle" in the AWS Lambda
// Developer Guide, and of "Lambda quotas".
package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Function is one version of a function as it runs.
type Function struct {
	Name        string
	ARN         string // as invoked, qualifier included
	Version     string // "$LATEST" or a number
	Region      string
	Runtime     string
	Handler     string
	MemoryMB    int
	Timeout     time.Duration
	Environment map[string]string // the function's own variables
	System      map[string]string // further variables of the service: credentials, the endpoint
	Layers      []string
	LogGroup    string                   // "" is /aws/lambda/ and the name
	LogFormat   string                   // "JSON" or Text
	LogLevel    string                   // SystemLogLevel: "WARN" leaves out start and report
	CodeSHA256  string                   // names the code: equal code is unpacked once
	Code        func() (*os.File, error) `json:"-"` // opens the zip
}

// Errors of an invocation, as FunctionError shows them.
const (
	Unhandled = "Unhandled"
	Handled   = "Handled"
)

// Result is what an invocation gave.
type Result struct {
	RequestID     string
	Payload       []byte
	FunctionError string        // "", Unhandled or Handled
	Output        []byte        // what it logged, START, END and REPORT lines included
	Log           []byte        // the last 4 KB of Output
	Stream        string        // the log stream's name
	Duration      time.Duration // without the init phase
	Init          time.Duration // of a cold start, else 0
}

// UnsupportedError explains why this machine cannot run a function.
type UnsupportedError struct{ Runtime, Reason string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("run %s locally: %s", e.Runtime, e.Reason)
}

// ErrBusy means that as many processes run as the Pool allows.
var ErrBusy = errors.New("as many functions run as this machine is allowed to run at once")

// ErrClosed means that the Pool has ended.
var ErrClosed = errors.New("the runner is closed")

// Options of a Pool; zero values mean the defaults.
type Options struct {
	// Dir is the Pool's alone and holds unpacked code: what a killed process
	// left there goes at the first invocation, the rest with Close. It must not
	// lie in a project, whose node_modules and package.json Node.js would find.
	// By default it is a temporary folder.
	Dir string
	// MaxProcesses bounds what runs at once, idle processes included: 32.
	MaxProcesses int
	// Idle is how long a process waits for its next invocation: 5 minutes.
	Idle time.Duration
	// InitTimeout bounds the init phase: 10 seconds, as Lambda does.
	InitTimeout time.Duration

	// expired ends invocations in place of their functions' timeouts, for tests.
	expired <-chan time.Time
}

// Pool runs functions. Its methods may be called side by side.
type Pool struct {
	options Options
	dir     string

	mu     sync.Mutex
	closed bool
	count  int        // processes that run or start
	idle   []*sandbox // longest idle first
	all    map[*sandbox]struct{}
	code   map[string]*code
	ended  sync.WaitGroup // one for each process
}

// NewPool returns a Pool that runs nothing yet and has made no folder.
func NewPool(o Options) *Pool {
	if o.MaxProcesses == 0 {
		o.MaxProcesses = 32
	}
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	if o.InitTimeout == 0 {
		o.InitTimeout = 10 * time.Second
	}
	return &Pool{options: o, all: map[*sandbox]struct{}{}, code: map[string]*code{}}
}

// Invoke runs f once with payload. A function that fails is no error: see
// Result.FunctionError. Errors: UnsupportedError, ErrBusy, ErrClosed, ctx's,
// and zips that cannot be unpacked.
func (p *Pool) Invoke(ctx context.Context, f Function, requestID string, payload []byte) (Result, error) {
	s, err := p.acquire(f)
	if err != nil {
		return Result{}, err
	}
	result, err := s.invoke(ctx, f.ARN, requestID, payload)
	if err != nil {
		s.kill()
		return Result{}, err
	}
	p.release(s)
	return result, nil
}

// Close ends every process with all that it started, and removes what was
// unpacked.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for s := range p.all {
		s.kill()
	}
	p.mu.Unlock()
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// key tells functions whose processes are interchangeable: the alias by which
// one was called, and credentials that come new each time, do not count.
func (f Function) key() string {
	f.ARN, f.System = "", nil
	b, _ := json.Marshal(f) // strings and numbers always marshal
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// acquire takes a warm process of f, or starts one; where the Pool is full the
// longest idle process of another function goes.
func (p *Pool) acquire(f Function) (*sandbox, error) {
	key := f.key()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for i, s := range slices.Backward(p.idle) {
		if s.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			s.reap.Stop()
			return s, nil
		}
	}
	if p.count >= p.options.MaxProcesses {
		if len(p.idle) == 0 {
			return nil, ErrBusy
		}
		p.idle[0].kill()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.count++
	p.ended.Add(1)
	p.mu.Unlock()
	s, err := p.start(f, key)
	p.mu.Lock()
	if err != nil {
		p.count--
		p.ended.Done()
		return nil, err
	}
	p.all[s] = struct{}{}
	if p.closed {
		s.kill()
	}
	go p.bury(s)
	return s, nil
}

// release keeps a process that still runs for the next invocation.
func (p *Pool) release(s *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || s.gone() {
		s.kill()
		return
	}
	p.idle = append(p.idle, s)
	s.reap = time.AfterFunc(p.options.Idle, func() { p.retire(s) })
}

// retire ends a process that has been idle for too long, unless an invocation
// was quicker.
func (p *Pool) retire(s *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle, s); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		s.kill()
	}
}

// bury waits for the end of a process and forgets it.
func (p *Pool) bury(s *sandbox) {
	<-s.exited
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, s)
	if i := slices.Index(p.idle, s); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		s.reap.Stop()
	}
	p.count--
	p.dropCode(s.code)
	p.ended.Done()
}

// code is one zip, unpacked for the processes that use it.
type code struct {
	sha    string
	dir    string
	users  int
	unpack func() error // once
}

// useCode unpacks a function's zip, or finds it unpacked.
func (p *Pool) useCode(f Function) (*code, error) {
	p.mu.Lock()
	if err := p.makeDir(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	c := p.code[f.CodeSHA256]
	if c == nil {
		name := sha256.Sum256([]byte(f.CodeSHA256))
		c = &code{sha: f.CodeSHA256, dir: filepath.Join(p.dir, hex.EncodeToString(name[:8]))}
		c.unpack = sync.OnceValue(func() error { return unpack(f, c.dir) })
		p.code[c.sha] = c
	}
	c.users++
	p.mu.Unlock()
	if err := c.unpack(); err != nil {
		p.mu.Lock()
		p.dropCode(c)
		p.mu.Unlock()
		return nil, err
	}
	return c, nil
}

// makeDir makes the folder on the first use.
func (p *Pool) makeDir() (err error) {
	if p.dir != "" {
		return nil
	}
	if p.options.Dir != "" {
		dir, err := filepath.Abs(p.options.Dir)
		if err == nil && errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) == nil {
			p.dir = dir
			return nil
		}
		// Somebody else has a folder of that name in the shared temporary one.
	}
	if p.dir, err = os.MkdirTemp("", "lambda-rollout-run-"); err != nil {
		return fmt.Errorf("make a folder for code: %w", err)
	}
	return nil
}

// dropCode removes code that no process uses any more. p.mu is held, so that a
// start that wants it again unpacks it into an empty place.
func (p *Pool) dropCode(c *code) {
	c.users--
	if c.users == 0 {
		delete(p.code, c.sha)
		_ = os.RemoveAll(c.dir) // Close tries again
	}
}

func unpack(f Function, dir string) error {
	zip, err := f.Code()
	if err != nil {
		return fmt.Errorf("open the code of %s: %w", f.Name, err)
	}
	defer zip.Close()
	if err := Unpack(zip, dir); err != nil {
		return fmt.Errorf("unpack the code of %s: %w", f.Name, err)
	}
	return nil
}
