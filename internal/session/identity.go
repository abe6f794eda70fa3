package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Identity is who the calls are made as.
type Identity struct {
	Account   string
	ARN       string
	UserID    string
	Partition string
}

// Identity returns who the Session is. An assumed role knows it from STS' answer;
// everything else costs one GetCallerIdentity, once. An account that is not
// among the allowed ones is a ForeignAccount.
func (s *Session) Identity(ctx context.Context) (Identity, error) {
	id, err := s.whoAmI(ctx)
	if err != nil {
		return Identity{}, err
	}
	allowed := s.opts.AllowedAccountIDs
	if len(allowed) > 0 && !slices.Contains(allowed, id.Account) {
		return Identity{}, ForeignAccount{Account: id.Account, Allowed: allowed}
	}
	return id, nil
}

// RequireAccount is ForeignAccount where the Session's account is another one:
// a rollback works only where its deploy did.
func (s *Session) RequireAccount(ctx context.Context, account string) error {
	id, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	if id.Account != account {
		return ForeignAccount{Account: id.Account, Allowed: []string{account}}
	}
	return nil
}

func (s *Session) whoAmI(ctx context.Context) (Identity, error) {
	if _, err := s.Region(); err != nil {
		return Identity{}, err
	}
	if _, err := s.base.Credentials.Retrieve(ctx); err != nil {
		return Identity{}, Explain(err, Call{Action: "sts:GetCallerIdentity"})
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return Identity{}, context.Cause(ctx)
	}
	if id, known := s.seen(); known {
		return id, nil
	}
	out, err := sts.NewFromConfig(s.base).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, Explain(fmt.Errorf("ask AWS who the credentials belong to: %w", err), Call{Action: "sts:GetCallerIdentity", Resource: "*"})
	}
	return s.keep(aws.ToString(out.Arn), aws.ToString(out.UserId)), nil
}

// seen is the identity where it is known without a call.
func (s *Session) seen() (id Identity, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity, s.identity != Identity{}
}

func (s *Session) keep(arn, user string) Identity {
	id := Identity{ARN: arn, UserID: user, Account: accountOf(arn)}
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		id.Partition = parts[1]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = id
	return id
}
