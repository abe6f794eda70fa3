package awslocal_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// ask is one request of somebody who knows the embedded AWS's port.
type ask struct {
	method, path, body string
	host               string
	header             map[string]string
}

func (h *harness) ask(t testing.TB, a ask) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), a.method, h.URL+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.host != "" {
		req.Host = a.host
	}
	for name, value := range a.header {
		req.Header.Set(name, value)
	}
	resp, err := h.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func signedFor(service string) string {
	return "AWS4-HMAC-SHA256 Credential=test/20261102/us-east-1/" + service + "/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0f", 32)
}

// everyService is one request to each service, and to what is no service.
func everyService(code string) map[string]ask {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	return map[string]ask{
		"lambda":     {method: "POST", path: "/2015-03-31/functions", body: `{"FunctionName":"evil"}`},
		"invoke":     {method: "POST", path: "/2015-03-31/functions/fn/invocations", body: `{}`},
		"read":       {method: "GET", path: "/2015-03-31/functions/fn"},
		"s3":         {method: "PUT", path: "/evil-bucket"},
		"s3 object":  {method: "PUT", path: "/artifacts/key", body: "x"},
		"s3 list":    {method: "GET", path: "/artifacts?list-type=2"},
		"ecr":        {method: "POST", path: "/", body: `{"repositoryName":"evil"}`, header: map[string]string{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.CreateRepository"}},
		"sts":        {method: "POST", path: "/", body: "Action=AssumeRole&Version=2011-06-15&RoleSessionName=evil&RoleArn=" + awstest.Role, header: form},
		"iam":        {method: "POST", path: "/", body: "Action=CreateRole&Version=2010-05-08&RoleName=evil&AssumeRolePolicyDocument={}", header: form},
		"cloudwatch": {method: "POST", path: "/", body: "Action=SetAlarmState&Version=2010-08-01", header: form},
		"cloudtrail": {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "CloudTrail_20131101.LookupEvents"}},
		"logs":       {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}},
		"tagging":    {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.GetResources"}},
		"ssm":        {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "AmazonSSM.PutParameter"}},
		"secrets":    {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "secretsmanager.CreateSecret"}},
		"codedeploy": {method: "POST", path: "/", body: "{}", header: map[string]string{"X-Amz-Target": "CodeDeploy_20141006.CreateDeployment"}},
		"switches":   {method: "POST", path: "/_local/clock", body: `{"Advance":"1h"}`},
		"code":       {method: "GET", path: code},
	}
}

func guarded(t *testing.T) (h *harness, code string) {
	h = start(t, awslocal.Options{Control: true})
	awstest.CreateBucket(t, h.S3(), "artifacts")
	h.create(t, "fn")
	code = strings.TrimPrefix(*h.get(t, "fn", "").Code.Location, h.URL)
	h.ResetCalls()
	return h, code
}

func TestNoPageOfAnotherSiteIsAnswered(t *testing.T) {
	t.Parallel()
	h, code := guarded(t)
	for name, a := range everyService(code) {
		for page, header := range map[string][2]string{
			"origin": {"Origin", "https://evil.example"}, "sandboxed frame": {"Origin", "null"}, "no origin": {"Sec-Fetch-Site", "cross-site"},
		} {
			for _, signature := range []string{"", signedFor("lambda")} {
				b := a
				b.header = map[string]string{"Content-Type": "text/plain", header[0]: header[1]}
				for k, v := range a.header {
					b.header[k] = v
				}
				if signature != "" {
					b.header["Authorization"] = signature
				}
				if status, body := h.ask(t, b); status != http.StatusForbidden || !strings.Contains(body, "no web pages") {
					t.Errorf("%s, %s: %d %s", name, page, status, body)
				}
			}
		}
	}
	wantNothingDone(t, h)
}

func TestNoForeignHostNameIsAnswered(t *testing.T) {
	t.Parallel()
	h, code := guarded(t)
	for name, a := range everyService(code) {
		for _, host := range []string{"evil.example", "evil.example:4566", "localhost.evil.example", "artifacts.s3.amazonaws.com"} {
			b := a
			b.host = host
			b.header = map[string]string{"Authorization": signedFor("lambda")}
			if status, body := h.ask(t, b); status != http.StatusForbidden || !strings.Contains(body, "no loopback name") {
				t.Errorf("%s under %s: %d %s", name, host, status, body)
			}
		}
	}
	wantNothingDone(t, h)
}

// An HTTP/1.0 request names no host at all.
func TestARequestWithoutHostIsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /2015-03-31/functions HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestWhatIsNotSignedIsRefusedByEachService(t *testing.T) {
	t.Parallel()
	h, code := guarded(t)
	for name, a := range everyService(code) {
		if name == "switches" || name == "code" {
			continue
		}
		for _, authorization := range []string{"", "Bearer x", "AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 Credential=test/20261102/us-east-1/lambda/aws4_request",
			"AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=00", "AWS4-HMAC-SHA256 Credential=test/20261102/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=z"} {
			b := a
			b.header = map[string]string{"Authorization": authorization}
			for k, v := range a.header {
				b.header[k] = v
			}
			if status, body := h.ask(t, b); status != http.StatusForbidden && status != http.StatusBadRequest || !strings.Contains(body, "Authent") && !strings.Contains(body, "Signature") && !strings.Contains(body, "AccessDenied") {
				t.Errorf("%s with %q: %d %s", name, authorization, status, body)
			}
		}
		b := a
		b.path += map[bool]string{true: "&", false: "?"}[strings.Contains(a.path, "?")] + "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
		if status, body := h.ask(t, b); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Errorf("%s with half a query: %d %s", name, status, body)
		}
	}
	wantNothingDone(t, h)
}

func TestASignatureIsWellFormedInEachPart(t *testing.T) {
	t.Parallel()
	h, code := guarded(t)
	a := everyService(code)["lambda"]
	const scope, headers, digest = "test/20261102/us-east-1/lambda/aws4_request", "host;x-amz-date", "0f"
	for _, parts := range [][3]string{
		{"/20261102/us-east-1/lambda/aws4_request", headers, digest}, {"20261102/us-east-1/lambda/aws4_request", headers, digest},
		{"test/2026110/us-east-1/lambda/aws4_request", headers, digest}, {"test/2026110x/us-east-1/lambda/aws4_request", headers, digest},
		{"test/20261102/US/lambda/aws4_request", headers, digest}, {"test/20261102//lambda/aws4_request", headers, digest},
		{"test/20261102/us-east-1/lambda/aws4", headers, digest}, {"te st/20261102/us-east-1/lambda/aws4_request", headers, digest},
		{scope, "", digest}, {scope, "host;", digest}, {scope, "Host", digest}, {scope, "host x", digest},
		{scope, headers, ""}, {scope, headers, "0F"}, {scope, headers, "0g"},
	} {
		a.header = map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=" + parts[0] + ", SignedHeaders=" + parts[1] + ", Signature=" + parts[2]}
		if status, body := h.ask(t, a); status != http.StatusForbidden || !strings.Contains(body, "well-formed") {
			t.Errorf("%q: %d %s", parts, status, body)
		}
	}
	wantNothingDone(t, h)
	a.header["Authorization"] = "AWS4-HMAC-SHA256 Credential=a/b/20261102/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0f"
	if status, body := h.ask(t, a); strings.Contains(body, "well-formed") {
		t.Errorf("an id with a slash: %d %s", status, body)
	}
}

// wantNothingDone fails where a refused request had an effect.
func wantNothingDone(t testing.TB, h *harness) {
	t.Helper()
	calls := h.Calls()
	if len(calls) == 0 {
		t.Error("no request reached the server")
	}
	for _, c := range calls {
		if c.Changed || c.Status < 400 {
			t.Errorf("done: %+v", c)
		}
	}
	state, err := h.Dump(awstest.Account)
	if err != nil || len(state.Functions) != 1 {
		t.Errorf("functions %v, %v", state.Functions, err)
	}
}

func TestWhatNeedsNoSignatureIsAnswered(t *testing.T) {
	t.Parallel()
	h, code := guarded(t)
	awstest.PutObject(t, h.S3(), "artifacts", "open", []byte("public"))
	presigned, err := awss3.NewPresignClient(h.S3()).PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("open")})
	if err != nil {
		t.Fatal(err)
	}
	object := strings.TrimPrefix(presigned.URL, h.URL)
	for name, a := range map[string]ask{
		"presigned":   {method: "GET", path: object},
		"code":        {method: "GET", path: code},
		"*.localhost": {method: "GET", path: "/open?" + strings.SplitN(object, "?", 2)[1], host: "artifacts.localhost:4566"},
		"[::1]":       {method: "GET", path: object, host: "[::1]:4566"},
	} {
		if status, body := h.ask(t, a); status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	public := ask{method: "GET", path: "/artifacts/open"}
	if status, body := h.ask(t, public); status != http.StatusForbidden || !strings.Contains(body, "AccessDenied") {
		t.Errorf("a private object: %d %s", status, body)
	}
	if err := h.SetBucketReaders("artifacts", []string{"*"}); err != nil {
		t.Fatal(err)
	}
	if status, body := h.ask(t, public); status != http.StatusOK || body != "public" {
		t.Errorf("a public object: %d %s", status, body)
	}
	public.method, public.body = "PUT", "other"
	if status, body := h.ask(t, public); status != http.StatusForbidden {
		t.Errorf("a write of a public object: %d %s", status, body)
	}
	if _, err := h.STS().AssumeRoleWithWebIdentity(t.Context(), &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(awstest.Role), RoleSessionName: aws.String("run"), WebIdentityToken: aws.String("e30.e30.e30"),
	}); awstest.Code(err) != "InvalidIdentityToken" {
		t.Errorf("a web identity: %v", err)
	}
}

// slowly gives its bytes in steps that each take a time.
type slowly struct {
	left, step int
	every      time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.every)
	n := min(s.left, s.step, len(p))
	clear(p[:n])
	s.left -= n
	return n, nil
}

func TestASlowUploadLives(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		awstest.CreateBucket(t, a.S3(), "artifacts")
		const size = 5 << 20
		begun := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.URL+"/artifacts/big", &slowly{size, 4 << 10, 9 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		req.Header.Set("Authorization", signedFor("s3"))
		resp, err := a.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if took := time.Since(begun); resp.StatusCode != http.StatusOK || took < 3*time.Hour {
			t.Errorf("%s after %s", resp.Status, took)
		}
	})
}

// 60 connections that were left with half a body end within the bound and hold
// nothing, whether a handler wants the body or not; one that drips a byte now and then
// does too.
func TestHalfABodyEndsItsConnection(t *testing.T) {
	t.Parallel()
	for name, drips := range map[string]bool{"silence": false, "a byte in three seconds": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) { halfABody(t, drips) })
		})
	}
}

// halves are requests with a body: three whose handler reads it, one that is refused
// before, and two whose handler has no use for it, one of them with a long answer.
var halves = []struct{ target, host, service string }{
	{"POST /2015-03-31/functions", "localhost", "lambda"},
	{"PUT /artifacts/key", "localhost", "s3"},
	{"POST /2015-03-31/functions/fn/invocations", "localhost", "lambda"},
	{"POST /2015-03-31/functions", "evil.example", "lambda"},
	{"GET /nothing", "localhost", "s3"},
	{"GET /artifacts/long", "localhost", "s3"},
}

func halfABody(t *testing.T, drips bool) {
	a := awstest.StartInProcess(t, awslocal.Options{})
	awstest.CreateBucket(t, a.S3(), "artifacts")
	if _, err := a.S3().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("long"), Body: strings.NewReader(strings.Repeat("x", 1<<16))}); err != nil {
		t.Fatal(err)
	}
	count := 60
	if drips {
		count = len(halves)
	}
	begun := time.Now()
	ended := make(chan error, count)
	var dripping sync.WaitGroup
	defer dripping.Wait()
	for n := range count {
		conn, err := a.Dial(context.Background(), "tcp", "localhost:80")
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(begun.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		to := halves[n%len(halves)]
		half := fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: 100000\r\n\r\n{", to.target, to.host, signedFor(to.service))
		if _, err := io.Copy(conn, strings.NewReader(half)); err != nil {
			t.Fatal(err)
		}
		if drips {
			dripping.Go(func() { _, _ = io.Copy(conn, &slowly{1000, 1, 3 * time.Second}) }) // ends with the connection
		}
		go func() {
			_, err := io.Copy(io.Discard, conn)
			ended <- err
		}()
	}
	for range count {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("ended after %s", took)
	}
}
