package session

import (
	"fmt"
	"strings"
)

// AssumeRefused is a role that cannot be assumed.
type AssumeRefused struct {
	Role string
	// Action is the STS action that was refused.
	Action string
	// Token is what the job's OIDC token says, empty where credentials asked.
	Token Claims
	// Seconds is the duration that was asked for.
	Seconds int
	Err     error
}

// Error names role and action, STS's reason, and what helps.
func (e AssumeRefused) Error() string {
	return fmt.Sprintf("cannot assume %s by %s: %s (%s)", e.Role, e.Action, serviceText(e.Err), e.advice())
}

// Unwrap is the service's error.
func (e AssumeRefused) Unwrap() error { return e.Err }

// noVerificationKey is in STS's answer when it could not read the keys of the
// token's issuer.
const noVerificationKey = "retrieve verification key"

// refusals are the ways in which STS refuses a role, by its code and a part of
// its message, with the sentence that helps. The first one that fits counts.
var refusals = []struct {
	code, message string
	advice        func(e AssumeRefused) string
}{
	{"InvalidIdentityToken", "No OpenIDConnect provider found", func(e AssumeRefused) string {
		return fmt.Sprintf("account %s has no OIDC provider for this issuer: aws iam create-open-id-connect-provider --url %s --client-id-list %s; no thumbprint is needed",
			accountOf(e.Role), e.issuer(), e.Token.Audience)
	}},
	{"InvalidIdentityToken", "ncorrect token audience", func(e AssumeRefused) string {
		return fmt.Sprintf("the token's audience is %s: set the input audience to one that the OIDC provider of account %s lists, or add this one: "+
			"aws iam add-client-id-to-open-id-connect-provider --client-id %s --open-id-connect-provider-arn %s",
			e.Token.Audience, accountOf(e.Role), e.Token.Audience, e.providerARN())
	}},
	{"InvalidIdentityToken", "thumbprint", func(e AssumeRefused) string {
		return fmt.Sprintf("github.com and ghe.com need no thumbprint; for a server whose certificate no public authority signed, "+
			"aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn %s must hold that of its authority", e.providerARN())
	}},
	{"InvalidIdentityToken", noVerificationKey, unreachableIssuer},
	{"IDPCommunicationError", "", unreachableIssuer},
	{"InvalidIdentityToken", "", func(e AssumeRefused) string {
		return fmt.Sprintf("account %s needs the OIDC provider %s with the audience %s", accountOf(e.Role), hostOf(e.issuer()), e.Token.Audience)
	}},
	{"ExpiredToken", "", func(AssumeRefused) string {
		return "the job's token is minted for each attempt: is the clock of the machine, or of the Enterprise Server that mints it, off?"
	}},
	{"ValidationError", "MaxSessionDuration", func(e AssumeRefused) string {
		return fmt.Sprintf("role-duration-seconds is %d, more than the role's maximum session duration: lower it, or raise the role's: aws iam update-role --role-name %s --max-session-duration %d",
			e.Seconds, roleName(e.Role), e.Seconds)
	}},
	{"ValidationError", "role chaining", func(e AssumeRefused) string {
		return fmt.Sprintf("role-duration-seconds is %d: a role that is assumed by a role gets at most 3600; the credentials are renewed when they end", e.Seconds)
	}},
	{"ValidationError", "DurationSeconds", func(AssumeRefused) string {
		return "role-duration-seconds is from 900 to the role's maximum session duration"
	}},
	{"RegionDisabledException", "", func(AssumeRefused) string {
		return "activate STS for this Region in the account's settings, or set another aws-region"
	}},
	{"AccessDenied", "Roles may not be assumed by root", func(AssumeRefused) string {
		return "the root user cannot assume a role: use the keys of a user or role"
	}},
	{"AccessDenied", "explicit deny", func(AssumeRefused) string {
		return "a policy that says Deny comes before every Allow: whoever manages it must exempt this role"
	}},
}

func unreachableIssuer(e AssumeRefused) string {
	return fmt.Sprintf("AWS must be able to read %s/.well-known/openid-configuration and the keys it names from the internet", e.issuer())
}

// advice is the sentence that helps.
func (e AssumeRefused) advice() string {
	code, message := strings.TrimSuffix(errorCode(e.Err), "Exception"), errorMessage(e.Err)
	for _, r := range refusals {
		if strings.TrimSuffix(r.code, "Exception") == code && strings.Contains(message, r.message) {
			return r.advice(e)
		}
	}
	if e.Token == (Claims{}) {
		return fmt.Sprintf("the role must exist, its trust policy must name the caller as principal (and role-external-id, where it asks for one), "+
			"and, in another account, the caller's own policy must allow %s on it", e.Action)
	}
	return e.trustAdvice()
}

// trustAdvice compares the token with what the trust policy must say. STS's own
// answer is the same for a role that does not exist and for every condition that
// does not match.
func (e AssumeRefused) trustAdvice() string {
	text := fmt.Sprintf("the role must exist, and its trust policy must allow %s to %s", e.Action, e.providerARN())
	if e.Token.Subject == "" {
		return text + fmt.Sprintf(", with the audience %s and a sub condition that matches this repository, branch or environment", e.Token.Audience)
	}
	text += fmt.Sprintf(" where %s:aud is %s and %s:sub matches %s, which is the subject of this job's token",
		hostOf(e.issuer()), e.Token.Audience, hostOf(e.issuer()), e.Token.Subject)
	if owner, _, found := strings.Cut(strings.TrimPrefix(e.Token.Subject, "repo:"), "/"); found && strings.Contains(owner, "@") {
		text += "; since July 2026 GitHub also puts the numbers of owner and repository into the subject, which a condition such as repo:OWNER/REPO:* does not match"
	}
	if strings.HasSuffix(e.Token.Subject, ":pull_request") {
		text += "; a pull request has this subject whatever its branch is"
	}
	return text + "; the command policy prints the trust policy"
}

// issuer is who minted the token; GitHub where it does not say.
func (e AssumeRefused) issuer() string {
	if e.Token.Issuer != "" {
		return e.Token.Issuer
	}
	return "https://token.actions.githubusercontent.com"
}

// providerARN is the ARN of the issuer's OIDC provider in the role's account.
func (e AssumeRefused) providerARN() string {
	partition, _, _ := strings.Cut(strings.TrimPrefix(e.Role, "arn:"), ":")
	_, address, _ := strings.Cut(e.issuer(), "://")
	return "arn:" + partition + ":iam::" + accountOf(e.Role) + ":oidc-provider/" + address
}

// roleName is the name in a role's ARN, without its path.
func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
