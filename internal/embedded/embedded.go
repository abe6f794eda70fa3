// Package embedded runs the embedded AWS inside this process, once for each
// folder that keeps its state, for the runs that use it instead of the real one.
//
// It promises that all targets of a run in one folder share one server, that the
// server answers on loopback alone, and that Close ends every one of them.
package embedded

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

const (
	// Key is the access key, and the secret key, of a session with the embedded
	// AWS, which accepts any.
	Key = "local"
	// Region is where functions are whose Region nobody names.
	Region = "us-east-1"
)

// Pool holds the servers of one process by their folders.
type Pool struct {
	verbose io.Writer

	mu      sync.Mutex
	servers map[string]*server
}

type server struct {
	endpoint string
	close    func() error
}

// NewPool returns a pool without servers. They log each call to verbose; nil
// logs nothing.
func NewPool(verbose io.Writer) *Pool {
	return &Pool{verbose: verbose, servers: map[string]*server{}}
}

// Endpoint returns the URL of the server whose state is in dir and starts it
// where it does not run yet.
func (p *Pool) Endpoint(dir string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.servers[dir]; s != nil {
		return s.endpoint, nil
	}
	s, err := start(awslocal.Options{Dir: dir, Listen: "127.0.0.1:0", Verbose: p.verbose})
	if err != nil {
		return "", err
	}
	p.servers[dir] = s
	return s.endpoint, nil
}

func start(options awslocal.Options) (*server, error) {
	local, err := awslocal.New(options)
	if err != nil {
		return nil, fmt.Errorf("start the embedded AWS in %s: %w", options.Dir, err)
	}
	listener, err := local.Listen()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded AWS: %w", err), local.Close())
	}
	served := make(chan error, 1)
	go func() { served <- local.Serve(listener) }()
	return &server{
		endpoint: "http://" + listener.Addr().String(),
		close:    func() error { return errors.Join(local.Close(), <-served) },
	}, nil
}

// Close ends every server. Their state stays on disk.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.servers {
		errs = append(errs, s.close())
	}
	clear(p.servers)
	return errors.Join(errs...)
}
