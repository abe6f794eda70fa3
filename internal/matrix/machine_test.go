package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/cli"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// cut names the moment at which a machine dies. With the zero value it lives.
type cut struct {
	// Where is one of the moments below; At counts from 1.
	Where string
	At    int
}

func (c cut) String() string { return fmt.Sprintf("%s %d", c.Where, c.At) }

// The moments at which a machine can die: around a changing call, and around a
// write to the journal.
const (
	beforeCall   = "before-call"   // before its bytes leave
	beforeAnswer = "before-answer" // after the effect, before the answer
	lateEffect   = "late-effect"   // the effect comes after the machine has died
	beforeOpen   = "before-open"   // before a journal is begun or taken over
	afterOpen    = "after-open"    // with the journal begun or taken over
	beforeWrite  = "before-write"  // before the line of a journal
	tornWrite    = "torn-write"    // with half of the line on disk
	afterWrite   = "after-write"   // with the line on disk
	anywhere     = "anywhere"      // around any call, reads too, or write
)

// late is how long after the death the effect of a lost call comes.
const late = 2 * time.Second

// count is how many changing calls and journal writes a process made, how often
// it opened a journal, at how many moments it could have died, and how often it
// wrote to its output.
type count struct{ Calls, Opens, Writes, Moments, Lines int }

// machine is what a process in virtual time sees of the world: AWS, a disk and
// an output. When the machine dies, nothing of what the process still does has
// an effect: calls are not sent, answers do not arrive, the output ends, and the
// disk stays as it was. The lock on the journal ends with the process.
type machine struct {
	base http.RoundTripper
	cut  cut
	// diskFull and closed are from which write on the journal's disk is full
	// and the output is closed; 0 is never.
	diskFull, closed int
	onCall           func(n int)
	// kill is called at the moment of the death.
	kill func()

	// writing is held while a line is written to the journal.
	writing sync.Mutex

	mu    sync.Mutex
	calls int
	count count
	// struck is set when a cut, a full disk or a closed output was met.
	struck bool
	dead   bool
	out    bytes.Buffer
}

// lost is what the process of a dead machine gets from every call and write.
type lost struct{}

func (lost) Error() string { return "the machine is dead" }

// RetryableError keeps the SDK from trying again.
func (lost) RetryableError() bool { return false }

// next counts an action and returns its number, or lost where the machine is dead.
func (m *machine) next(counter *int) (at int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return 0, lost{}
	}
	*counter++
	return *counter, nil
}

// dies reports whether the machine is dead, and kills it where this is its
// moment.
func (m *machine) dies(where string, at int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.Moments++
	if !m.dead && (m.cut == (cut{where, at}) && at > 0 || m.cut == (cut{anywhere, m.count.Moments})) {
		m.dead, m.struck = true, true
		m.kill()
	}
	return m.dead
}

// RoundTrip implements http.RoundTripper.
func (m *machine) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := m.next(&m.calls)
	if err != nil {
		return nil, err
	}
	if m.onCall != nil {
		m.onCall(n)
	}
	if !changing(r) {
		if m.dies("", 0) {
			return nil, lost{}
		}
		answer, err := m.base.RoundTrip(r)
		return m.arrives(answer, err, m.dies("", 0))
	}
	at, err := m.next(&m.count.Calls)
	if err != nil {
		return nil, err
	}
	if m.dies(beforeCall, at) {
		return nil, lost{}
	}
	if m.cut == (cut{lateEffect, at}) {
		if err := m.sendLater(r); err != nil {
			return nil, err
		}
		m.dies(lateEffect, at)
		return nil, lost{}
	}
	answer, err := m.base.RoundTrip(r)
	return m.arrives(answer, err, m.dies(beforeAnswer, at))
}

// arrives is what comes of an answer where the machine has died meanwhile, or
// has not.
func (m *machine) arrives(answer *http.Response, err error, dead bool) (*http.Response, error) {
	if !dead {
		return answer, err
	}
	if err == nil {
		_ = answer.Body.Close()
	}
	return nil, lost{}
}

// sendLater lets a request that is on its way arrive when its sender is dead.
func (m *machine) sendLater(r *http.Request) error {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	later := r.Clone(context.Background())
	later.Body = io.NopCloser(bytes.NewReader(body))
	go func() {
		time.Sleep(late)
		if answer, err := m.base.RoundTrip(later); err == nil {
			_ = answer.Body.Close()
		}
	}()
	return nil
}

// changing reports whether a request changes something in Lambda.
func changing(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && strings.Contains(r.Header.Get("Authorization"), "/lambda/aws4_request")
}

// Write takes the output.
func (m *machine) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.Lines++
	switch {
	case m.dead:
		return 0, lost{}
	case m.closed > 0 && m.count.Lines >= m.closed:
		m.struck = true
		return 0, syscall.EPIPE
	}
	return m.out.Write(p)
}

// mortalStore is a journal's file on a machine that can die.
type mortalStore struct {
	journal.Store
	machine *machine
}

func (s *mortalStore) Create(ctx context.Context, header []byte, run journal.RunState, by journal.Holder) error {
	return s.open(func() error { return s.Store.Create(ctx, header, run, by) })
}

func (s *mortalStore) TakeOver(ctx context.Context, by journal.Holder) (run *journal.RunState, err error) {
	err = s.open(func() error {
		run, err = s.Store.TakeOver(ctx, by)
		return err
	})
	return run, err
}

func (s *mortalStore) open(open func() error) error {
	at, err := s.machine.next(&s.machine.count.Opens)
	if err != nil {
		return err
	}
	if s.machine.dies(beforeOpen, at) {
		return lost{}
	}
	err = open()
	if s.machine.dies(afterOpen, at) {
		return errors.Join(lost{}, err, s.Close())
	}
	return err
}

func (s *mortalStore) Append(ctx context.Context, target int, line []byte) error {
	// After half of a line nothing else is written.
	s.machine.writing.Lock()
	defer s.machine.writing.Unlock()
	at, err := s.machine.next(&s.machine.count.Writes)
	if err != nil {
		return err
	}
	if s.machine.dies(beforeWrite, at) {
		return lost{}
	}
	if s.machine.diskFull > 0 && at >= s.machine.diskFull {
		s.machine.strike()
		return &fs.PathError{Op: "write", Path: s.Name(), Err: syscall.ENOSPC}
	}
	if s.machine.cut == (cut{tornWrite, at}) {
		err := s.Store.Append(ctx, target, bytes.TrimSuffix(line[:len(line)/2], []byte("\n")))
		s.machine.dies(tornWrite, at)
		return errors.Join(lost{}, err)
	}
	err = s.Store.Append(ctx, target, line)
	if s.machine.dies(afterWrite, at) {
		return lost{}
	}
	return err
}

func (m *machine) strike() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.struck = true
}

// ended is how the process ended. A question that nobody waits for any longer may
// still be on its way.
func (m *machine) ended(code int) ended {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		code = killed
	}
	return ended{code: code, output: m.out.String(), count: m.count, struck: m.struck}
}

// simulate starts a process of the program in this world's bubble.
func (w *world) simulate(p process) running {
	ctx, cancel := context.WithCancel(context.Background())
	var left map[string]file
	m := &machine{cut: p.cut, base: w.HTTP.Transport, onCall: p.onCall, diskFull: p.diskFull, closed: p.closed, kill: func() {
		left = files(w.disk)
		cancel() // so that the process ends soon
	}}
	signals := make(chan os.Signal, 1)
	exits := make(chan ended, 1)
	go func() {
		defer cancel()
		code := cli.Main(ctx, cli.Process{
			Args: append([]string{p.argv0()}, p.args...), Env: p.environ(), Dir: w.dir, Stdout: m, Stderr: m,
			Now: time.Now, Signals: signals, HTTPClient: &http.Client{Transport: m},
			Timing: timing.Default(),
			Store: func(root, path string) journal.Store {
				return &mortalStore{Store: journal.NewFileBelow(root, path), machine: m}
			},
		})
		end := m.ended(code)
		if end.code == killed {
			restore(w.disk, left)
		}
		exits <- end
	}()
	return running{
		w: w, wait: func() (ended, error) { return <-exits, nil },
		signal: func(s os.Signal) error { signals <- s; return nil },
	}
}

// file is a file as a disk holds it.
type file struct {
	mode    fs.FileMode
	content string
}

// files reads a disk.
func files(disk string) map[string]file {
	all := map[string]file{}
	err := filepath.WalkDir(disk, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f.content = string(content)
		}
		all[path] = f
		return nil
	})
	if err != nil {
		panic(err)
	}
	return all
}

// restore makes a disk hold what it held before.
func restore(disk string, before map[string]file) {
	now := files(disk)
	var errs []error
	for path := range now {
		if _, was := before[path]; !was {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(before)) { // folders before what they hold
		switch was := before[path]; {
		case was == now[path]:
		case was.mode.IsDir():
			errs = append(errs, os.MkdirAll(path, was.mode.Perm()))
		default:
			errs = append(errs, os.WriteFile(path, []byte(was.content), was.mode.Perm()))
		}
	}
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
}
