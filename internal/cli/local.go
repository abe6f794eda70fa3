package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/embedded"
)

// defaultLocalDir is the default of local-dir.
const defaultLocalDir = ".lambda-rollout/local"

func (a *app) localDir() string { return a.absolute(a.in.String("local-dir")) }

// local serves the embedded AWS until it is interrupted.
func (a *app) local(ctx context.Context) error {
	options := awslocal.Options{
		Dir: a.localDir(), Listen: a.in.String("listen"), Quotas: a.in.Bool("quotas"),
		Pending: a.in.Duration("pending"), InProgress: a.in.Duration("in-progress"), Verbose: a.verbose(),
		KnownRolesOnly: true,
	}
	if options.Dir == a.absolute(defaultLocalDir) {
		if err := awslocal.CheckDefaultDir(a.host.Workspace(), options.Dir); err != nil {
			return notStarted(fmt.Errorf("start the embedded AWS: %w", err))
		}
	}
	server, err := awslocal.New(options)
	if err != nil {
		return notStarted(fmt.Errorf("start the embedded AWS in %s: %w", options.Dir, err))
	}
	listener, err := server.Listen()
	if err != nil {
		return errors.Join(notStarted(fmt.Errorf("start the embedded AWS: %w", err)), server.Close())
	}
	err = a.printVariables("http://" + listener.Addr().String())
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

// verbose is where each call is printed; nil where nobody asked.
func (a *app) verbose() io.Writer {
	if a.in.Bool("verbose") {
		return a.host.Log()
	}
	return nil
}

// localDocument is what --output json prints of local.
type localDocument struct {
	// Variables point a client at the embedded AWS.
	Variables map[string]string `json:"variables"`
}

// printVariables prints what points a client at the embedded AWS.
func (a *app) printVariables(endpoint string) error {
	doc := localDocument{Variables: map[string]string{}}
	text := ""
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL", endpoint}, {"AWS_REGION", embedded.Region}, {"AWS_ACCESS_KEY_ID", embedded.Key}, {"AWS_SECRET_ACCESS_KEY", embedded.Key},
	} {
		doc.Variables[v[0]] = v[1]
		text += "export " + v[0] + "=" + v[1] + "\n"
	}
	if a.json() {
		return a.printJSON(doc)
	}
	return a.print(text)
}
