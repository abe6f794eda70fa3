package session

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// metadataWait bounds the question to EC2's metadata service, which is asked
// only where nothing else is configured. Most CI machines are not on EC2, and
// from a container on EC2 the answer is often lost on the way (hop limit 1).
const metadataWait = time.Second

// ambient is the current credentials: explicit ones, or what environment,
// profile and machine have. It turns what goes wrong with them into the types of
// errors.go.
type ambient struct {
	session *Session
	source  aws.CredentialsProvider
	// guess is true where nothing is configured.
	guess bool
}

// Retrieve asks the source.
func (a *ambient) Retrieve(ctx context.Context) (aws.Credentials, error) {
	bounded := ctx
	if a.guess {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, metadataWait)
		defer cancel()
	}
	creds, err := a.source.Retrieve(bounded)
	if err == nil {
		return a.accept(creds)
	}
	if ctx.Err() != nil {
		return aws.Credentials{}, ctx.Err()
	}
	if known := Cause(err); known != nil {
		return aws.Credentials{}, known
	}
	if names := a.wiped(); a.guess && len(names) > 0 {
		return aws.Credentials{}, WipedCredentials{Names: names}
	}
	if a.guess {
		return aws.Credentials{}, NoCredentials{}
	}
	return aws.Credentials{}, NoCredentials{Err: err}
}

// accept cleans and masks credentials, whichever source they come from.
func (a *ambient) accept(c aws.Credentials) (aws.Credentials, error) {
	source := c.Source
	if source == "" {
		source = "the AWS credentials"
	}
	var wrong [3]error
	c.AccessKeyID, wrong[0] = cleanSecret("the access key id of "+source, c.AccessKeyID)
	c.SecretAccessKey, wrong[1] = cleanSecret("the secret access key of "+source, c.SecretAccessKey)
	c.SessionToken, wrong[2] = cleanSecret("the session token of "+source, c.SessionToken)
	if err := errors.Join(wrong[:]...); err != nil {
		return aws.Credentials{}, err
	}
	a.session.mask(c)
	return c, nil
}

// wiped are the variables of credentials that are set, but to nothing: what
// other actions' post steps leave behind when they clean up.
func (a *ambient) wiped() []string {
	var names []string
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if value, set := a.session.opts.LookupEnv(name); set && value == "" {
			names = append(names, name)
		}
	}
	return names
}
