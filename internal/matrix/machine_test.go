package matrix

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/cli"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// The moments at which a machine can die are those of a rehearsal: what users play is
// what proves us.
type (
	cut   rehearse.Cut
	count = rehearse.Count
)

func (c cut) String() string { return rehearse.Cut(c).String() }

// cuts are all the places where a process that does n can die.
func cuts(n count) []cut {
	var all []cut
	for _, c := range rehearse.Cuts(n) {
		all = append(all, cut(c))
	}
	return all
}

const (
	beforeCall   = rehearse.BeforeCall
	beforeAnswer = rehearse.BeforeAnswer
	lateEffect   = rehearse.LateEffect
	tornWrite    = rehearse.TornWrite
	beforeWrite  = rehearse.BeforeWrite
	afterWrite   = rehearse.AfterWrite
	anywhere     = rehearse.Anywhere
)

// late is how long after the death the effect of a lost call comes.
const late = 2 * time.Second

// machine is a rehearsal's machine with an output, which ends with it.
type machine struct {
	rehearse.Machine
	// closed is from which write on the output is closed; 0 is never.
	closed int

	mu    sync.Mutex
	lines int
	out   bytes.Buffer
}

// Write takes the output.
func (m *machine) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines++
	switch {
	case m.Dead():
		return 0, rehearse.Lost{}
	case m.closed > 0 && m.lines >= m.closed:
		m.Strike()
		return 0, syscall.EPIPE
	}
	return m.out.Write(p)
}

// ended is how the process ended. A question that nobody waits for any longer may
// still be on its way.
func (m *machine) ended(code int) ended {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Dead() {
		code = killed
	}
	n, struck := m.Met()
	n.Lines = m.lines
	return ended{code: code, output: m.out.String(), count: n, struck: struck}
}

// simulate starts a process of the program in this world's bubble.
func (w *world) simulate(p process) running {
	ctx, cancel := context.WithCancel(context.Background())
	var left map[string]file
	m := &machine{closed: p.closed, Machine: rehearse.Machine{
		Cut: rehearse.Cut(p.cut), Base: w.HTTP.Transport, OnCall: p.onCall, DiskFull: p.diskFull,
		Later: func(send func()) {
			go func() {
				time.Sleep(late)
				send()
			}()
		},
		Kill: func() {
			left = files(w.disk)
			cancel() // so that the process ends soon
		},
	}}
	signals := make(chan os.Signal, 1)
	exits := make(chan ended, 1)
	go func() {
		defer cancel()
		code := cli.Main(ctx, cli.Process{
			Args: append([]string{p.argv0()}, p.args...), Env: p.environ(), Dir: w.dir, Stdout: m, Stderr: m,
			Now: time.Now, Signals: signals, HTTPClient: &http.Client{Transport: m},
			Timing: timing.Default(), Salt: []byte("that of all plays"),
			Store: func(root, path string) journal.Store {
				return rehearse.Mortal(journal.NewFileBelow(root, path), &m.Machine)
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
