package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// metadataWait bounds the question to EC2's metadata service, which is asked
// only where nothing else is configured. Most CI machines are not on EC2, and
// from a container on EC2 the answer is often lost on the way (hop limit 1).
const metadataWait = time.Second

// ambient is the credentials at hand: explicit ones, or what the SDK's default
// chain found. It turns what goes wrong with them into the types of errors.go.
type ambient struct {
	session *Session
	chain   aws.CredentialsProvider
}

// Retrieve asks the chain.
func (a *ambient) Retrieve(ctx context.Context) (aws.Credentials, error) {
	guess := a.isGuess()
	bounded := ctx
	if guess {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, metadataWait)
		defer cancel()
	}
	creds, err := a.chain.Retrieve(bounded)
	if err == nil {
		a.session.mask(creds)
		return creds, nil
	}
	if ctx.Err() != nil {
		return aws.Credentials{}, ctx.Err()
	}
	if known := credentialsError(err); known != nil {
		return aws.Credentials{}, known
	}
	if names := a.wiped(); guess && len(names) > 0 {
		return aws.Credentials{}, WipedCredentials{Names: names}
	}
	if guess {
		return aws.Credentials{}, NoCredentials{}
	}
	return aws.Credentials{}, NoCredentials{Err: err}
}

// isGuess reports whether the chain ended at EC2's metadata service because
// nothing else was configured.
func (a *ambient) isGuess() bool {
	p, ok := a.chain.(aws.CredentialProviderSource)
	return ok && slices.Equal(p.ProviderSources(), []aws.CredentialSource{aws.CredentialSourceIMDS})
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

// credentialsError is the fault of the credentials in an error's chain, nil
// where it has another cause.
func credentialsError(err error) error {
	var fault credentialsFault
	if errors.As(err, &fault) {
		return fault
	}
	switch code := errorCode(err); code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return ExpiredCredentials{Err: err}
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
		"SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "MissingAuthenticationToken":
		return RefusedCredentials{Err: err}
	}
	return nil
}
