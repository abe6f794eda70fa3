package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Cut names the moment at which a machine dies. With the zero value it lives.
type Cut struct {
	// Where is one of the moments below; At counts from 1.
	Where string
	At    int
}

func (c Cut) String() string { return fmt.Sprintf("%s %d", c.Where, c.At) }

// The moments at which a machine can die: around a changing call, and around a
// write to the journal.
const (
	BeforeCall   = "before-call"   // before its bytes leave
	BeforeAnswer = "before-answer" // after the effect, before the answer
	LateEffect   = "late-effect"   // the effect comes after the machine has died
	BeforeOpen   = "before-open"   // before a journal is begun or taken over
	AfterOpen    = "after-open"    // with the journal begun or taken over
	BeforeWrite  = "before-write"  // before the line of a journal
	TornWrite    = "torn-write"    // with half of the line on disk
	AfterWrite   = "after-write"   // with the line on disk
	Anywhere     = "anywhere"      // around any call, reads too, or write
)

// Count is how many changing calls and journal writes a process made, how often it
// opened a journal, at how many moments it could have died, and how often it wrote to
// its output.
type Count struct{ Calls, Opens, Writes, Moments, Lines int }

// Cuts are all the places where a process that does n can die.
func Cuts(n Count) []Cut {
	var all []Cut
	for at := 1; at <= n.Calls; at++ {
		all = append(all, Cut{BeforeCall, at}, Cut{BeforeAnswer, at}, Cut{LateEffect, at})
	}
	for at := 1; at <= n.Opens; at++ {
		all = append(all, Cut{BeforeOpen, at}, Cut{AfterOpen, at})
	}
	for at := 1; at <= n.Writes; at++ {
		all = append(all, Cut{BeforeWrite, at}, Cut{TornWrite, at}, Cut{AfterWrite, at})
	}
	return all
}

// Machine is what a process sees of the world: AWS and a disk. When the machine dies,
// nothing of what the process still does has an effect: calls are not sent, answers do
// not arrive, and nothing is written.
type Machine struct {
	Base http.RoundTripper
	Cut  Cut
	// Lose is a changing call that gets no answer, before or after its effect, while the
	// machine lives.
	Lose Cut
	// DiskFull is from which write on the journal's disk is full; 0 is never.
	DiskFull int
	// OnCall is called before each call is sent; nil for nothing.
	OnCall func(n int)
	// Kill is called at the moment of the death; nil for nothing.
	Kill func()
	// Later calls send when the effect of a lost call is to come.
	Later func(send func())

	// writing is held while a line is written to the journal.
	writing sync.Mutex

	mu    sync.Mutex
	calls int
	count Count
	// struck is set when a cut or a full disk was met.
	struck bool
	dead   bool
}

// Lost is what the process of a dead machine gets from every call and write.
type Lost struct{}

func (Lost) Error() string { return "the machine is dead" }

// RetryableError keeps the SDK from trying again.
func (Lost) RetryableError() bool { return false }

// Dead reports whether the machine has died.
func (m *Machine) Dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// Met returns what the process did, and whether a cut or a full disk was met.
func (m *Machine) Met() (Count, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count, m.struck
}

// Sent is how many calls the process has sent, reads too.
func (m *Machine) Sent() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// Strike notes that something broke that was to break.
func (m *Machine) Strike() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.struck = true
}

// next counts an action and returns its number, or Lost where the machine is dead.
func (m *Machine) next(counter *int) (at int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return 0, Lost{}
	}
	*counter++
	return *counter, nil
}

// dies reports whether the machine is dead, and kills it where this is its
// moment.
func (m *Machine) dies(where string, at int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.Moments++
	if !m.dead && (m.Cut == (Cut{where, at}) && at > 0 || m.Cut == (Cut{Anywhere, m.count.Moments})) {
		m.dead, m.struck = true, true
		if m.Kill != nil {
			m.Kill()
		}
	}
	return m.dead
}

// RoundTrip implements http.RoundTripper.
func (m *Machine) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := m.next(&m.calls)
	if err != nil {
		return nil, err
	}
	if m.OnCall != nil {
		m.OnCall(n)
	}
	if !Changing(r) {
		if m.dies("", 0) {
			return nil, Lost{}
		}
		answer, err := m.Base.RoundTrip(r)
		return arrives(answer, err, m.dies("", 0))
	}
	at, err := m.next(&m.count.Calls)
	if err != nil {
		return nil, err
	}
	if m.dies(BeforeCall, at) {
		return nil, Lost{}
	}
	if m.Cut == (Cut{LateEffect, at}) {
		if err := m.sendLater(r); err != nil {
			return nil, err
		}
		m.dies(LateEffect, at)
		return nil, Lost{}
	}
	if m.Lose == (Cut{BeforeCall, at}) {
		m.Strike()
		return nil, errDropped
	}
	answer, err := m.Base.RoundTrip(r)
	if m.Lose == (Cut{BeforeAnswer, at}) {
		m.Strike()
		answer, err = arrives(answer, err, true)
		return answer, errors.Join(errDropped, err)
	}
	return arrives(answer, err, m.dies(BeforeAnswer, at))
}

// errDropped is a connection that ended without an answer.
var errDropped = fmt.Errorf("the connection was dropped: %w", io.ErrUnexpectedEOF)

// arrives is what comes of an answer where the machine has died meanwhile, or
// has not.
func arrives(answer *http.Response, err error, dead bool) (*http.Response, error) {
	if !dead {
		return answer, err
	}
	if err == nil {
		_ = answer.Body.Close()
	}
	return nil, Lost{}
}

// sendLater lets a request that is on its way arrive when its sender is dead.
func (m *Machine) sendLater(r *http.Request) error {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	later := r.Clone(context.Background())
	later.Body = io.NopCloser(bytes.NewReader(body))
	m.Later(func() {
		if answer, err := m.Base.RoundTrip(later); err == nil {
			_ = answer.Body.Close()
		}
	})
	return nil
}

// Changing reports whether a request changes something in Lambda or CodeDeploy.
func Changing(r *http.Request) bool {
	if target, is := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "CodeDeploy_20141006."); is {
		return target == "CreateDeployment" || target == "StopDeployment"
	}
	return r.Method != http.MethodGet && r.Method != http.MethodHead && strings.Contains(r.Header.Get("Authorization"), "/lambda/aws4_request")
}

// Mortal is a journal on a machine that can die.
func Mortal(s journal.Store, m *Machine) journal.Store { return &mortalStore{s, m} }

type mortalStore struct {
	journal.Store
	machine *Machine
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
	if s.machine.dies(BeforeOpen, at) {
		return Lost{}
	}
	err = open()
	if s.machine.dies(AfterOpen, at) {
		return errors.Join(Lost{}, err, s.Close())
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
	if s.machine.dies(BeforeWrite, at) {
		return Lost{}
	}
	if s.machine.DiskFull > 0 && at >= s.machine.DiskFull {
		s.machine.Strike()
		return &fs.PathError{Op: "write", Path: s.Name(), Err: syscall.ENOSPC}
	}
	if s.machine.Cut == (Cut{TornWrite, at}) {
		err := s.Store.Append(ctx, target, bytes.TrimSuffix(line[:len(line)/2], []byte("\n")))
		s.machine.dies(TornWrite, at)
		return errors.Join(Lost{}, err)
	}
	err = s.Store.Append(ctx, target, line)
	if s.machine.dies(AfterWrite, at) {
		return Lost{}
	}
	return err
}
