package sts

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

const role = "arn:aws:iam::111122223333:role/team/deploy"

var scope = regexp.MustCompile(`Credential=([^/]+)/`)

type served struct {
	*Service
	url    string
	offset atomic.Int64 // added to the real time
}

func serve(t *testing.T, dir string, roles Roles) *served {
	t.Helper()
	w := &served{}
	var err error
	w.Service, err = New(servicetest.OpenStore(t, dir), func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }, roles)
	if err != nil {
		t.Fatal(err)
	}
	w.url = servicetest.Serve(t, w, func(r *http.Request) api.Caller {
		c := api.Caller{Region: "eu-west-1"}
		if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			c.AccessKeyID, c.Account, c.PrincipalARN = m[1], api.DefaultAccount, "arn:aws:iam::"+api.DefaultAccount+":root"
			if account, arn, ok := w.Principal(m[1]); ok {
				c.Account, c.PrincipalARN = account, arn
			}
		}
		return c
	})
	return w
}

func (w *served) client(key string) *sts.Client {
	return sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(key, "s", "")})
}

func assumeInput() *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("run-1")}
}

func TestUnknownKeysAreTheAccountsRoot(t *testing.T) {
	t.Parallel()
	out, err := serve(t, "", nil).client("AKIAANY").GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"000000000000", "arn:aws:iam::000000000000:root", "000000000000"}
	if diff := cmp.Diff(want, []string{*out.Account, *out.Arn, *out.UserId}); diff != "" {
		t.Error(diff)
	}
}

func TestASessionIsItsRoleUntilItEnds(t *testing.T) {
	t.Parallel()
	w := serve(t, "", nil)
	in := assumeInput()
	in.Tags = []types.Tag{{Key: aws.String("Repository"), Value: aws.String("a/b")}}
	in.DurationSeconds = aws.Int32(900)
	out, err := w.client("AKIAANY").AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	key := *out.Credentials.AccessKeyId
	if left := time.Until(*out.Credentials.Expiration); left > 15*time.Minute || left < 14*time.Minute {
		t.Errorf("expires in %s", left)
	}
	who, err := w.client(key).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != "arn:aws:sts::111122223333:assumed-role/deploy/run-1" || *who.UserId != RoleID(role)+":run-1" || *who.Account != "111122223333" {
		t.Errorf("%s, %s", *who.Arn, *who.UserId)
	}
	if session, _ := w.Session(key); session.Tags["Repository"] != "a/b" || session.RoleARN != role {
		t.Errorf("session %+v", session)
	}
	if w.Expired(key) || w.Expired("AKIAANY") {
		t.Error("expired before its time")
	}
	w.offset.Store(int64(15 * time.Minute))
	if !w.Expired(key) {
		t.Error("not expired in time")
	}
}

func TestSessionsSurviveAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var key string
	t.Run("before", func(t *testing.T) {
		out, err := serve(t, dir, nil).client("AKIAANY").AssumeRole(t.Context(), assumeInput())
		if err != nil {
			t.Fatal(err)
		}
		key = *out.Credentials.AccessKeyId
	})
	if _, arn, ok := serve(t, dir, nil).Principal(key); !ok || !strings.HasSuffix(arn, "deploy/run-1") {
		t.Errorf("principal %q, %v", arn, ok)
	}
}

func TestChainedSessionsLastAnHourAtMost(t *testing.T) {
	t.Parallel()
	w := serve(t, "", nil)
	first, err := w.client("AKIAANY").AssumeRole(t.Context(), assumeInput())
	if err != nil {
		t.Fatal(err)
	}
	in := assumeInput()
	in.DurationSeconds = aws.Int32(3601)
	chained := w.client(*first.Credentials.AccessKeyId)
	if _, err := chained.AssumeRole(t.Context(), in); servicetest.Code(err) != "ValidationError" {
		t.Errorf("chained for too long: %v", err)
	}
	if _, err := chained.AssumeRole(t.Context(), assumeInput()); err != nil {
		t.Errorf("chained: %v", err)
	}
	if _, err := w.client("AKIAANY").AssumeRole(t.Context(), in); err != nil {
		t.Errorf("not chained: %v", err)
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	c := serve(t, "", nil).client("AKIAANY")
	tests := map[string]func(*sts.AssumeRoleInput){
		"no ARN":          func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("deploy") },
		"an ARN of users": func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::111122223333:user/x") },
		"session name":    func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") },
		"too short":       func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) },
		"too long":        func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) },
		"external id":     func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("!!") },
	}
	for name, change := range tests {
		in := assumeInput()
		change(in)
		if _, err := c.AssumeRole(t.Context(), in); servicetest.Code(err) != "ValidationError" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// strict is an IAM that knows one role and wants an external id.
type strict struct{}

func (strict) Trust(_ api.Caller, action, arn string, keys map[string][]string) (time.Duration, string) {
	if action == "sts:AssumeRole" && fmt.Sprint(keys["sts:ExternalId"]) != "[secret]" {
		return time.Hour, "User: x is not authorized to perform: sts:AssumeRole on resource: " + arn
	}
	return time.Hour, ""
}

func TestTheRolesOwnRulesCount(t *testing.T) {
	t.Parallel()
	c := serve(t, "", strict{}).client("AKIAANY")
	in := assumeInput()
	if _, err := c.AssumeRole(t.Context(), in); servicetest.Code(err) != "AccessDenied" {
		t.Errorf("without external id: %v", err)
	}
	in.ExternalId = aws.String("secret")
	if _, err := c.AssumeRole(t.Context(), in); err != nil {
		t.Error(err)
	}
	in.DurationSeconds = aws.Int32(3601)
	if _, err := c.AssumeRole(t.Context(), in); servicetest.Code(err) != "ValidationError" {
		t.Errorf("above the role's longest session: %v", err)
	}
}

func token(claims string) *string {
	enc := base64.RawURLEncoding.EncodeToString
	return aws.String(enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + ".c2ln")
}

func TestWebIdentityTokensAreReadAndRecorded(t *testing.T) {
	t.Parallel()
	w := serve(t, "", nil)
	exp := time.Now().Add(5 * time.Minute).Unix()
	good := fmt.Sprintf(`{"iss":"https://token.actions.githubusercontent.com","aud":"sts.amazonaws.com","sub":"repo:a/b:ref:refs/heads/main","exp":%d}`, exp)
	assume := func(token *string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return w.client("unused").AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(role), RoleSessionName: aws.String("run-1"), WebIdentityToken: token})
	}
	out, err := assume(token(good))
	if err != nil {
		t.Fatal(err)
	}
	if *out.SubjectFromWebIdentityToken != "repo:a/b:ref:refs/heads/main" || *out.Audience != "sts.amazonaws.com" {
		t.Errorf("%+v", out)
	}
	want := []WebIdentity{{Issuer: "https://token.actions.githubusercontent.com", Audience: []string{"sts.amazonaws.com"}, Subject: "repo:a/b:ref:refs/heads/main", RoleARN: role, Expires: time.Unix(exp, 0).UTC()}}
	if diff := cmp.Diff(want, w.WebIdentities()); diff != "" {
		t.Error(diff)
	}
	for bad, want := range map[*string]string{
		aws.String("not-a-jwt"): "InvalidIdentityToken",
		token(`{"iss":"x"}`):    "InvalidIdentityToken",
		token(`{"iss":"https://x","aud":["y"],"sub":"z","exp":1}`): "ExpiredTokenException",
	} {
		if _, err := assume(bad); servicetest.Code(err) != want {
			t.Errorf("%s: %v, want %s", *bad, err, want)
		}
	}
}

func TestBadFormsGetTheServicesError(t *testing.T) {
	t.Parallel()
	w := serve(t, "", nil)
	for body, want := range map[string]int{"Action=Nonsense": 400, "": 400, "%zz": 400, "a=" + strings.Repeat("x", 3<<20): 413} {
		answer, err := http.Post(w.url, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("%.20q: %s, want %d", body, answer.Status, want)
		}
		answer.Body.Close()
	}
}
