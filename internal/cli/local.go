package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

const (
	localKey    = "local"
	localRegion = "us-east-1"
	// localPoll suits an AWS without a network between.
	localPoll = 10 * time.Millisecond
)

// embedded is an AWS that runs inside this process.
type embedded struct {
	endpoint string
	close    func() error
}

func (a *app) localDir() string { return a.absolute(a.in.String("local-dir")) }

// embeddedIn starts the embedded AWS on a folder, once in a process: every
// Target there shares it. Main ends it.
func (a *app) embeddedIn(dir string) (*embedded, error) {
	if e := a.embedded[dir]; e != nil {
		return e, nil
	}
	options := awslocal.Options{Dir: dir, Listen: "127.0.0.1:0"}
	if a.in.Bool("verbose") {
		options.Verbose = a.host.Log()
	}
	server, listener, err := listenLocal(options)
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	a.embedded[dir] = &embedded{
		endpoint: "http://" + listener.Addr().String(),
		close:    func() error { return errors.Join(server.Close(), <-served) },
	}
	return a.embedded[dir], nil
}

func (a *app) closeEmbedded() error {
	var errs []error
	for _, e := range a.embedded {
		errs = append(errs, e.close())
	}
	return errors.Join(errs...)
}

func listenLocal(options awslocal.Options) (*awslocal.Server, net.Listener, error) {
	server, err := awslocal.New(options)
	if err != nil {
		return nil, nil, &deploy.InputError{Err: fmt.Errorf("start the embedded AWS in %s: %w", options.Dir, err)}
	}
	listener, err := server.Listen()
	if err != nil {
		return nil, nil, errors.Join(&deploy.InputError{Err: fmt.Errorf("start the embedded AWS: %w", err)}, server.Close())
	}
	return server, listener, nil
}

// local serves the embedded AWS until it is interrupted.
func (a *app) local(ctx context.Context) error {
	options := awslocal.Options{
		Dir: a.localDir(), Listen: a.in.String("listen"), Quotas: a.in.Bool("quotas"),
		Pending: a.in.Duration("pending"), InProgress: a.in.Duration("in-progress"),
	}
	if a.in.Bool("verbose") {
		options.Verbose = a.host.Log()
	}
	server, listener, err := listenLocal(options)
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.Stdout, localVariables("http://"+listener.Addr().String()))
	if err != nil {
		return errors.Join(err, server.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return errors.Join(server.Close(), <-served)
	}
}

// localVariables point a client at the embedded AWS.
func localVariables(endpoint string) string {
	return "export AWS_ENDPOINT_URL=" + endpoint + "\n" +
		"export AWS_REGION=" + localRegion + "\n" +
		"export AWS_ACCESS_KEY_ID=" + localKey + "\n" +
		"export AWS_SECRET_ACCESS_KEY=" + localKey + "\n"
}
