package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// sandbox is one process with the runtime API that serves it.
type sandbox struct {
	key      string
	function Function
	code     *code
	cold     string // the log's first line after a start, "" for none
	initTime time.Duration
	expired  <-chan time.Time
	started  time.Time
	reap     *time.Timer // set while idle

	process *os.Process
	output  *output
	log     tail
	server  *http.Server

	next   chan *invocation // handed to the process when it asks
	ready  chan struct{}    // closed when it asks for the first time
	exited chan struct{}    // closed when process and group have ended
	ending string           // why, in Lambda's words; read after exited

	mu          sync.Mutex
	initialized bool
	failure     *outcome    // what init/error reported
	current     *invocation // what the process works on
}

// invocation is one event on its way through a process.
type invocation struct {
	id       string
	arn      string
	payload  []byte
	deadline time.Time
	done     chan outcome // takes one
	stream   io.Writer    // gets the answer while it is made
}

// outcome is how the process answered.
type outcome struct {
	payload []byte
	fault   string // FunctionError
}

// start runs the process of a function; it returns before the init phase ends.
func (p *Pool) start(f Function, key string) (*sandbox, error) {
	c, err := p.useCode(f)
	if err != nil {
		return nil, err
	}
	s := &sandbox{
		key:      key,
		function: f,
		code:     c,
		cold:     leftOut(f),
		initTime: p.options.InitTimeout,
		expired:  p.options.expired,
		started:  time.Now(),
		next:     make(chan *invocation),
		ready:    make(chan struct{}),
		exited:   make(chan struct{}),
	}
	if err := s.run(p); err != nil {
		p.mu.Lock()
		p.dropCode(c)
		p.mu.Unlock()
		return nil, err
	}
	return s, nil
}

// leftOut is the note in the log about what this machine does not have.
func leftOut(f Function) string {
	if len(f.Layers) == 0 {
		return ""
	}
	return fmt.Sprintf("lambda-rollout: running without the function's %d layers, since /opt cannot be filled here\n", len(f.Layers))
}

func (s *sandbox) run(p *Pool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the runtime API: %w", err)
	}
	command, err := p.command(s.function, s.code.dir)
	if err == nil {
		command.Env = s.environment(listener.Addr().String())
		s.output, err = startGroup(command, &s.log)
	}
	if err == nil {
		s.process = command.Process
		s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
		go s.serve(listener)
		go s.wait(command)
		return nil
	}
	_ = listener.Close() // nothing was accepted
	var start *startError
	if !errors.As(err, &start) {
		return err
	}
	// Lambda reports a bootstrap that cannot start as the function's failure.
	s.fail("Runtime.InvalidEntrypoint", start.Error())
	close(s.exited)
	return nil
}

func (s *sandbox) serve(l net.Listener) {
	_ = s.server.Serve(l) // ends by Close, in wait
}

// wait ends what the process left behind when it exits.
func (s *sandbox) wait(command *exec.Cmd) {
	err := command.Wait()
	killGroup(s.process)
	s.output.drain()
	s.output.close()
	_ = s.server.Close() // the process that used it is gone
	s.ending = "Runtime exited without providing a reason"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		s.ending = "Runtime exited with error: " + exit.Error()
	}
	close(s.exited)
}

// kill ends the process group; exited follows.
func (s *sandbox) kill() {
	if s.process != nil && !s.gone() {
		killGroup(s.process)
	}
}

func (s *sandbox) gone() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// fail notes that the init phase failed.
func (s *sandbox) fail(kind, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = &outcome{payload: errorPayload(kind, message), fault: Unhandled}
}

func errorPayload(kind, message string) []byte {
	b, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message}) // strings always marshal
	return b
}

// invoke sends one event through the process.
func (s *sandbox) invoke(ctx context.Context, arn, id string, payload []byte) (Result, error) {
	s.logf("%s", s.cold)
	s.cold = ""
	inv := &invocation{id: id, arn: arn, payload: payload, done: make(chan outcome, 1), stream: StreamOf(ctx)}
	result := Result{RequestID: id}
	cold := !s.isReady()
	if err := s.awaitInit(ctx); err != nil {
		return Result{}, err
	}
	begun := time.Now()
	if cold {
		result.Init = begun.Sub(s.started)
	}
	s.logf("%s", Start(s.function, id, begun))
	out, err := s.exchange(ctx, inv)
	if err != nil {
		return Result{}, err
	}
	result.Duration, result.FunctionError = time.Since(begun), out.fault
	s.report(result)
	result.Payload, result.Output = out.payload, s.log.take()
	result.Log, result.Stream = lastOf(result.Output), s.stream()
	return result, nil
}

func (s *sandbox) isReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// awaitInit gives the init phase its own time. A longer init is no failure yet:
// it goes on within the function's timeout ("Lambda execution environment
// lifecycle", init phase).
func (s *sandbox) awaitInit(ctx context.Context) error {
	limit := time.NewTimer(s.initTime)
	defer limit.Stop()
	select {
	case <-s.ready:
	case <-s.exited:
	case <-limit.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// exchange hands the event over and waits for its answer, the end of the
// process or the end of the function's time, whichever comes first.
func (s *sandbox) exchange(ctx context.Context, inv *invocation) (outcome, error) {
	inv.deadline = time.Now().Add(s.function.Timeout)
	timeout := time.NewTimer(s.function.Timeout)
	defer timeout.Stop()
	expired := timeout.C
	if s.expired != nil {
		expired = s.expired
	}
	next := s.next
	for {
		select {
		case next <- inv:
			next = nil // handed over; now only the answer is missing
		case out := <-inv.done:
			s.output.drain()
			return out, nil
		case <-s.exited:
			return s.exit(inv), nil
		case <-expired:
			s.kill()
			<-s.exited
			text := fmt.Sprintf("Task timed out after %.2f seconds", s.function.Timeout.Seconds())
			s.logf("%s %s %s\n\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), inv.id, text)
			return outcome{errorPayload("Sandbox.Timedout", "RequestId: "+inv.id+" Error: "+text), Unhandled}, nil
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
}

// exit is the outcome of a process that ended before it answered.
func (s *sandbox) exit(inv *invocation) outcome {
	select {
	case out := <-inv.done: // it answered, then ended
		return out
	default:
	}
	s.mu.Lock()
	failure := s.failure
	s.mu.Unlock()
	if failure != nil {
		return *failure
	}
	text := "RequestId: " + inv.id + " Error: " + s.ending
	s.logf("%s\nRuntime.ExitError\n", text)
	return outcome{errorPayload("Runtime.ExitError", text), Unhandled}
}

func (s *sandbox) logf(format string, args ...any) {
	fmt.Fprintf(&s.log, format, args...) // a tail takes everything
}

// report writes the lines that end an invocation.
func (s *sandbox) report(r Result) {
	s.logf("%s", Report(s.function, r, peakMemory(s.process, s.function.MemoryMB), time.Now()))
}

// stream is the name of the process's log stream.
func (s *sandbox) stream() string { return Stream(s.function, s.started) }

// environment is what "Defined runtime environment variables" lists, then the
// function's own variables, which win.
func (s *sandbox) environment(api string) []string {
	f := s.function
	env := map[string]string{
		"PATH":                            os.Getenv("PATH"),
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"_HANDLER":                        f.Handler,
		"AWS_REGION":                      f.Region,
		"AWS_DEFAULT_REGION":              f.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       cmp.Or(f.LogGroup, "/aws/lambda/"+f.Name),
		"AWS_LAMBDA_LOG_STREAM_NAME":      s.stream(),
		"AWS_LAMBDA_RUNTIME_API":          api,
		"LAMBDA_TASK_ROOT":                s.code.dir,
		"LAMBDA_RUNTIME_DIR":              s.code.dir,
	}
	if strings.HasPrefix(f.Runtime, "nodejs") {
		env["NODE_PATH"] = s.code.dir // the last of Lambda's own, /var/task
	}
	if !strings.HasPrefix(f.Runtime, "provided") {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + f.Runtime
	}
	var list []string
	for _, vars := range []map[string]string{env, f.System, f.Environment} {
		for name, value := range vars {
			list = append(list, name+"="+value) // of two, the later counts
		}
	}
	return list
}
