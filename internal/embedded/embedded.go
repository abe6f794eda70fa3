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

// Options are what all servers of a Pool have in common.
type Options struct {
	// Verbose takes a line for each call; nil logs nothing.
	Verbose io.Writer
	// ReadOnly opens nothing for writing: changes are lost with Close.
	ReadOnly bool
	// Default is the folder that is used where the user names none, below
	// Workspace. A repository may hold a symbolic link there: it is refused.
	Default, Workspace string
}

// Pool holds the servers of one process by their folders.
type Pool struct {
	options Options

	mu      sync.Mutex
	servers map[string]*server
}

type server struct {
	aws      *awslocal.Server
	endpoint string
	close    func() error
}

// NewPool returns a pool without servers.
func NewPool(o Options) *Pool { return &Pool{options: o, servers: map[string]*server{}} }

// Endpoint returns the URL of the server whose state is in dir and starts it
// where it does not run yet.
func (p *Pool) Endpoint(dir string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.servers[dir]; s != nil {
		return s.endpoint, nil
	}
	if dir == p.options.Default {
		if err := awslocal.CheckDefaultDir(p.options.Workspace, dir); err != nil {
			return "", fmt.Errorf("start the embedded AWS: %w", err)
		}
	}
	s, err := start(awslocal.Options{Dir: dir, Listen: "127.0.0.1:0", Verbose: p.options.Verbose, ReadOnly: p.options.ReadOnly})
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
		aws:      local,
		endpoint: "http://" + listener.Addr().String(),
		close:    func() error { return errors.Join(local.Close(), <-served) },
	}, nil
}

// FunctionRegions are the Regions in which the server of a folder has a function
// of a name; none where it does not run.
func (p *Pool) FunctionRegions(dir, name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.servers[dir]; s != nil {
		return s.aws.FunctionRegions("", name)
	}
	return nil
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
