package cli

import (
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// view shows a run on a terminal: it gives the events and the time to a
// report.View, and what that returns to the screen.
type view struct {
	screen *host.Screen
	now    func() time.Time

	mu    sync.Mutex
	run   *report.View
	drawn time.Time
	// closed means that nothing is drawn any longer.
	closed bool
	// over ends the drawing; ended is closed when it has ended.
	over, ended chan struct{}
}

// view is what shows the run on a terminal; nil where the log does.
func (a *app) view() *view { return a.shown.Load() }

// startView begins to show the run, where there is a terminal and the log is not
// asked for.
func (a *app) startView() {
	if a.view() == nil && !a.in.Bool("verbose") {
		a.shown.Store(newView(a.host.Screen(), a.Now))
	}
}

// lateSink begins to show a run, and to tell others of it, at its first event: before
// that, the command may ask its user something.
type lateSink struct {
	app  *app
	once sync.Once
	to   event.Sink
}

// Emit implements event.Sink.
func (s *lateSink) Emit(e event.Event) {
	s.once.Do(func() {
		s.app.startView()
		var shown event.Sink = s.app.log()
		if v := s.app.view(); v != nil {
			shown = v
		}
		s.to = event.Tee(append([]event.Sink{shown}, s.app.openChannels()...)...)
	})
	s.to.Emit(e)
}

// newView begins to draw; nil without a screen.
func newView(screen *host.Screen, now func() time.Time) *view {
	if screen == nil {
		return nil
	}
	v := &view{screen: screen, now: now, run: report.NewView(now()), over: make(chan struct{}), ended: make(chan struct{})}
	go v.animate()
	return v
}

// Emit implements event.Sink.
func (v *view) Emit(e event.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	columns, _ := v.screen.Size()
	lines := v.run.Take(e, v.now(), columns)
	if len(lines) > 0 {
		v.screen.Print(lines...)
	}
	v.draw()
}

// draw shows what is under way, if the last time is some time ago: many functions
// have many events.
func (v *view) draw() {
	if now := v.now(); !v.closed && now.Sub(v.drawn) >= report.FrameTime/2 {
		columns, rows := v.screen.Size()
		v.screen.Draw(v.run.Live(now, columns, rows))
		v.drawn = now
	}
}

func (v *view) animate() {
	defer close(v.ended)
	tick := time.NewTicker(report.FrameTime)
	defer tick.Stop()
	for {
		select {
		case <-v.over:
			return
		case <-tick.C:
			v.mu.Lock()
			v.draw()
			v.mu.Unlock()
		}
	}
}

// limit says when the run must be over.
func (v *view) limit(until time.Time) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.run.Limit(until)
}

// close takes away what is drawn; nothing is drawn after it.
func (v *view) close() {
	if v == nil {
		return
	}
	v.mu.Lock()
	closed := v.closed
	v.closed = true
	v.mu.Unlock()
	if closed {
		return
	}
	close(v.over)
	<-v.ended
	v.screen.Draw(nil)
}

// print shows lines for good. lines gets the width of the terminal.
func (v *view) print(lines func(columns int) []terminal.Line) {
	columns, _ := v.screen.Size()
	v.screen.Print(lines(columns)...)
}
