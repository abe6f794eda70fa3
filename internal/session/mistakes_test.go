package session

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const claims = `{"iss":"https://token.actions.githubusercontent.com","aud":"sts.amazonaws.com","sub":"repo:octo/app:ref:refs/heads/main"}`

// What AWS sends for the usual mistakes of a first deploy, and what must be said:
// the texts are those of
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html and of
// reports by users of aws-actions/configure-aws-credentials.
func TestEachRefusalOfARoleNamesWhatHelps(t *testing.T) {
	t.Parallel()
	const (
		byToken = "AssumeRoleWithWebIdentity"
		byKeys  = "AssumeRole"
	)
	tests := map[string]struct {
		claims, action, says string
		want                 []string
		without              string
	}{
		"another subject": {claims, byToken, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			[]string{"token.actions.githubusercontent.com:aud is sts.amazonaws.com", "token.actions.githubusercontent.com:sub matches repo:octo/app:ref:refs/heads/main", "subject of this job's token",
				"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com", "the command policy"}, "numbers of owner"},
		"a subject with ids": {strings.ReplaceAll(claims, "octo/app", "octo@1/app@2"), byToken, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			[]string{"sub matches repo:octo@1/app@2:ref:refs/heads/main", "since July 2026", "repo:OWNER/REPO:*"}, ""},
		"a pull request": {strings.ReplaceAll(claims, "ref:refs/heads/main", "pull_request"), byToken, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			[]string{"whatever its branch is"}, ""},
		"a token that cannot be read": {"", byToken, "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			[]string{"the audience sts.amazonaws.com and a sub condition"}, ""},
		"no provider": {claims, byToken, "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com",
			[]string{"account 111122223333 has no OIDC provider", "create-open-id-connect-provider --url https://token.actions.githubusercontent.com --client-id-list sts.amazonaws.com", "no thumbprint"}, ""},
		"no provider for a server": {strings.ReplaceAll(claims, "token.actions.githubusercontent.com", "git.example/_services/token"), byToken, "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://git.example/_services/token",
			[]string{"--url https://git.example/_services/token"}, ""},
		"another audience": {strings.ReplaceAll(claims, "sts.amazonaws.com", "mine"), byToken, "InvalidIdentityToken: Incorrect token audience",
			[]string{"the token's audience is mine", "add-client-id-to-open-id-connect-provider --client-id mine"}, ""},
		"a thumbprint": {claims, byToken, "InvalidIdentityToken: OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
			[]string{"github.com and ghe.com need no thumbprint"}, ""},
		"a server that AWS cannot reach": {strings.ReplaceAll(claims, "token.actions.githubusercontent.com", "git.example/_services/token"), byToken,
			"InvalidIdentityToken: Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
			[]string{"https://git.example/_services/token/.well-known/openid-configuration", "from the internet"}, ""},
		"a longer session than the role's": {claims, byToken, "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			[]string{"role-duration-seconds is 7200", "aws iam update-role --role-name deploy --max-session-duration 7200"}, "chain"},
		"a chain above an hour": {"", byKeys, "ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
			[]string{"role-duration-seconds is 7200", "at most 3600"}, "OIDC"},
		"a Region without STS": {claims, byToken, "RegionDisabledException: STS is not activated in this region for account:111122223333.",
			[]string{"activate STS"}, ""},
		"a caller whom nobody trusts": {"", byKeys, "AccessDenied: User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sts:AssumeRole on resource: " + roleOne,
			[]string{"must name the caller as principal", "role-external-id"}, "OIDC"},
		"the root user": {"", byKeys, "AccessDenied: Roles may not be assumed by root accounts.", []string{"root user cannot assume"}, ""},
		"a service control policy": {"", byKeys, "AccessDenied: User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sts:AssumeRole on resource: " + roleOne + " with an explicit deny in a service control policy",
			[]string{"with an explicit deny in a service control policy", "Deny comes before every Allow"}, "principal"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := githubEnv
			if test.action == byKeys {
				e = keysEnv
			}
			s := openInBubble(t, &fakeAWS{claims: test.claims, refuse: map[string]string{test.action: test.says}}, e, Options{Role: &Role{ARN: roleOne, Duration: 2 * 3600e9}})
			refused, ok := errors.AsType[AssumeRefused](s)
			if !ok || refused.Role != roleOne || refused.Action != "sts:"+test.action {
				t.Fatalf("got %v, want AssumeRefused with role and action", s)
			}
			text := s.Error()
			for _, want := range append(test.want, test.says) {
				if !strings.Contains(text, want) {
					t.Errorf("it says %s\nwithout %q", text, want)
				}
			}
			if test.without != "" && strings.Contains(text, test.without) {
				t.Errorf("it says %s\nwith %q", text, test.without)
			}
		})
	}
}

func TestAJobWithoutTokenEndpointGetsTheReason(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{"push": "reusable workflow", "pull_request": "no token to a pull request from a fork"} {
		e := env{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event}
		err := openInBubble(t, &fakeAWS{}, e, Options{Role: &Role{ARN: roleOne}})
		if !errors.As(err, new(NoIDToken)) || !strings.Contains(err.Error(), "permissions: id-token: write") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want NoIDToken with %q", event, err, want)
		}
		if strings.Contains(err.Error(), "fork") != (event == "pull_request") {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func TestEachDeniedCallNamesWhoMustChangeWhat(t *testing.T) {
	t.Parallel()
	const (
		caller = "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: "
		layer  = "arn:aws:lambda:eu-west-1:901920570463:layer:otel:3"
		key    = "arn:aws:kms:eu-west-1:111122223333:key/1"
	)
	tests := map[string]struct {
		code, says string
		want       []string
		// statement is true where a statement in the caller's own policy helps.
		statement bool
	}{
		"an own policy": {"AccessDeniedException", caller + "lambda:GetFunction on resource: arn:aws:lambda:eu-west-1:111122223333:function:f because no identity-based policy allows the lambda:GetFunction action", nil, true},
		"a layer of another account": {"AccessDeniedException", caller + "lambda:GetLayerVersion on resource: " + layer + " because no resource-based policy allows the lambda:GetLayerVersion action",
			[]string{"because no resource-based policy allows", "account 901920570463, which owns the layer", "add-layer-version-permission --layer-name otel --version-number 3 --region eu-west-1", "--principal 111122223333"}, false},
		"a boundary": {"AccessDeniedException", caller + "lambda:CreateAlias on resource: r because no permissions boundary allows the lambda:CreateAlias action",
			[]string{"because no permissions boundary allows", "does not help"}, false},
		"an organization": {"AccessDeniedException", caller + "lambda:CreateAlias on resource: r because no service control policy allows the lambda:CreateAlias action",
			[]string{"a service control policy of the organization must allow it"}, false},
		"a resource control policy": {"AccessDenied", caller + `s3:GetObject on resource: "arn:aws:s3:::b/k" because no resource control policy allows the s3:GetObject action`,
			[]string{"a resource control policy"}, false},
		"a session policy": {"AccessDeniedException", caller + "lambda:CreateAlias on resource: r because no session policy allows the lambda:CreateAlias action",
			[]string{"the policy that the session was opened with"}, false},
		"an endpoint of a VPC": {"AccessDeniedException", caller + "lambda:CreateAlias on resource: r because no VPC endpoint policy allows the lambda:CreateAlias action",
			[]string{"the policy of the VPC endpoint"}, false},
		"an explicit deny": {"AccessDeniedException", caller + "lambda:CreateAlias on resource: r with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
			[]string{"a policy that says Deny", "p-1"}, false},
		"a bucket of another account": {"AccessDenied", caller + `s3:GetObject on resource: "arn:aws:s3:::b/k" because no resource-based policy allows the s3:GetObject action`,
			[]string{"the bucket's own policy must allow it to arn:aws:sts::111122223333:assumed-role/ci/run"}, true},
		"a repository of another account": {"AccessDeniedException", caller + "ecr:DescribeImages on resource: arn:aws:ecr:eu-west-1:999999999999:repository/app because no resource-based policy allows the ecr:DescribeImages action",
			[]string{"the repository's own policy must allow it"}, true},
		"a key, quoted by Lambda": {"KMSAccessDeniedException", "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: " + caller + "kms:Decrypt on resource: " + key + " because no identity-based policy allows the kms:Decrypt action",
			[]string{"kms:Decrypt on " + key}, true},
		"a key's own policy": {"InvalidParameterValueException", "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. KMS Exception: AccessDeniedException KMS Message: " + caller + "kms:CreateGrant on resource: " + key + " because no resource-based policy allows the kms:CreateGrant action",
			[]string{"kms:CreateGrant on " + key, "the key's own policy must allow it"}, true},
		"a role that is passed": {"AccessDeniedException", caller + "iam:PassRole on resource: " + roleOne + " because no identity-based policy allows the iam:PassRole action",
			[]string{`"iam:PassedToService":"lambda.amazonaws.com"`}, true},
	}
	for name, test := range tests {
		err := &smithy.OperationError{ServiceID: "Lambda", OperationName: "X", Err: &smithy.GenericAPIError{Code: test.code, Message: test.says}}
		denied, ok := errors.AsType[Denied](Explain(err, Call{Action: "lambda:X"}))
		if !ok {
			t.Errorf("%s: not recognised", name)
			continue
		}
		text := denied.Error()
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: it says %s\nwithout %q", name, text, want)
			}
		}
		if strings.Contains(text, `"Effect"`) != test.statement {
			t.Errorf("%s: a statement helps: %t, but it says %s", name, test.statement, text)
		}
	}
	head := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: errors.New("Forbidden")}
	if !errors.As(Explain(head, Call{"s3:GetObject", "r"}), new(Denied)) {
		t.Error("a 403 without a body is not recognised")
	}
}
