package ecr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/servicetest"
)

const (
	owner = "111122223333"
	host  = owner + ".dkr.ecr.eu-west-1.amazonaws.com"
	oci   = "application/vnd.oci.image.manifest.v1+json"
)

var scope = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/`)

type served struct {
	*Service
	url string
}

// lenient is an IAM that lets account 444455556666 in where there is a policy.
type lenient struct{}

func (lenient) RepositoryAccess(c api.Caller, _, action, resource string) string {
	if c.Account == "444455556666" {
		return ""
	}
	return action + " on " + resource + " is denied"
}

func (lenient) Allow(api.Caller, string, string, map[string][]string) string { return "" }

func serve(t *testing.T, dir string) *served {
	t.Helper()
	s, err := New(servicetest.OpenStore(t, dir), time.Now, lenient{})
	if err != nil {
		t.Fatal(err)
	}
	return &served{s, servicetest.Serve(t, s, func(r *http.Request) api.Caller {
		m := scope.FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			m = []string{"", owner, "eu-west-1"}
		}
		return api.Caller{Account: m[1], Region: m[2], AccessKeyID: m[1], PrincipalARN: "arn:aws:iam::" + m[1] + ":root"}
	})}
}

func (w *served) client(account string) *ecr.Client {
	return ecr.New(ecr.Options{Region: "eu-west-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(account, "s", "")})
}

func manifest(layer string) *string {
	return aws.String(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"size":10},"layers":[{"size":32,"digest":%q}]}`, oci, layer))
}

func digestOf(manifest *string) string {
	sum := sha256.Sum256([]byte(*manifest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// repository3 makes one with images a, b and c, tagged so.
func repository3(t *testing.T, c *ecr.Client, name string) {
	t.Helper()
	if _, err := c.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"a", "b", "c"} {
		if _, err := c.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: &name, ImageManifest: manifest(tag), ImageTag: &tag}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImagesAreFoundByTagAndByDigest(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	c := w.client(owner)
	repository3(t, c, "team/app")
	name := aws.String("team/app")
	want := digestOf(manifest("b"))
	for _, id := range []types.ImageIdentifier{{ImageTag: aws.String("b")}, {ImageDigest: &want}, {ImageTag: aws.String("b"), ImageDigest: &want}} {
		out, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{id}})
		if err != nil {
			t.Fatal(err)
		}
		d := out.ImageDetails[0]
		if *d.ImageDigest != want || d.ImageTags[0] != "b" || *d.ImageManifestMediaType != oci || *d.ImageSizeInBytes != 42 || time.Since(*d.ImagePushedAt) > time.Minute {
			t.Errorf("%+v", d)
		}
	}
	for _, id := range []types.ImageIdentifier{{ImageTag: aws.String("x")}, {ImageTag: aws.String("a"), ImageDigest: &want}} {
		if _, err := c.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{id}}); servicetest.Code(err) != "ImageNotFoundException" {
			t.Errorf("%+v: %v", id, err)
		}
	}
	got, err := c.BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("a")}, {ImageTag: aws.String("x")}}})
	if err != nil || len(got.Images) != 1 || *got.Images[0].ImageManifest != *manifest("a") || got.Failures[0].FailureCode != types.ImageFailureCodeImageNotFound {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client(owner)
	repository3(t, c, "app")
	n := 0
	pages := ecr.NewDescribeImagesPaginator(c, &ecr.DescribeImagesInput{RepositoryName: aws.String("app"), MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(out.ImageDetails)
	}
	if n != 3 {
		t.Errorf("%d images, want 3", n)
	}
}

func TestPutImageRules(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client(owner)
	repository3(t, c, "app")
	put := func(in ecr.PutImageInput) error {
		in.RepositoryName = aws.String("app")
		_, err := c.PutImage(t.Context(), &in)
		return err
	}
	tests := map[string]struct {
		in   ecr.PutImageInput
		want string
	}{
		"same tag, same image":   {ecr.PutImageInput{ImageManifest: manifest("a"), ImageTag: aws.String("a")}, "ImageAlreadyExistsException"},
		"no tag, same image":     {ecr.PutImageInput{ImageManifest: manifest("a")}, "ImageAlreadyExistsException"},
		"wrong digest":           {ecr.PutImageInput{ImageManifest: manifest("d"), ImageDigest: aws.String(digestOf(manifest("e")))}, "ImageDigestDoesNotMatchException"},
		"no JSON":                {ecr.PutImageInput{ImageManifest: aws.String("{")}, "InvalidParameterException"},
		"no media type":          {ecr.PutImageInput{ImageManifest: aws.String("{}")}, "InvalidParameterException"},
		"media type given":       {ecr.PutImageInput{ImageManifest: aws.String(`{"schemaVersion":2}`), ImageManifestMediaType: aws.String(oci)}, ""},
		"media type contradicts": {ecr.PutImageInput{ImageManifest: manifest("z"), ImageManifestMediaType: aws.String("application/x")}, "InvalidParameterException"},
		"tag moves":              {ecr.PutImageInput{ImageManifest: manifest("f"), ImageTag: aws.String("c")}, ""},
	}
	for name, test := range tests {
		if got := servicetest.Code(put(test.in)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if _, err := c.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("fixed"), ImageTagMutability: types.ImageTagMutabilityImmutable}); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{"1", ""}, {"2", "ImageTagAlreadyExistsException"}} {
		_, err := c.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: aws.String("fixed"), ImageManifest: manifest(step[0]), ImageTag: aws.String("t")})
		if got := servicetest.Code(err); got != step[1] {
			t.Errorf("immutable tag, image %s: %s, want %s", step[0], got, step[1])
		}
	}
}

func TestLambdaResolvesURIsInTheRegistryTheyName(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	repository3(t, w.client(owner), "team/app")
	a := digestOf(manifest("a"))
	ctx := api.With(context.Background(), api.Caller{Account: owner, Region: "us-east-1"}, &api.Record{})
	for uri, want := range map[string]string{
		host + "/team/app:a":          a,
		host + "/team/app@" + a:       a,
		host + "/team/app:moved@" + a: a,
		host + "/team/app":            "ImageNotFoundException",
		host + "/team/lost:a":         "RepositoryNotFoundException",
		"public.ecr.aws/team/app:a":   "InvalidParameterException",
		strings.Replace(host, "eu-west-1", "us-east-1", 1) + "/team/app:a": "RepositoryNotFoundException",
		strings.Replace(host, owner, "444455556666", 1) + "/team/app:a":    "AccessDeniedException",
	} {
		got, mediaType, err := w.Image(ctx, uri)
		var refusal *api.Error
		if errors.As(err, &refusal) {
			got, mediaType = refusal.Code, oci
		}
		if got != want || mediaType != oci {
			t.Errorf("%s: %s (%s), want %s", uri, got, mediaType, want)
		}
	}
}

func TestAnotherAccountNeedsTheRepositorysPolicy(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	mine, theirs := w.client(owner), w.client("444455556666")
	repository3(t, mine, "app")
	look := func() string {
		_, err := theirs.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String(owner), RepositoryName: aws.String("app")})
		return servicetest.Code(err)
	}
	if got := look(); got != "AccessDeniedException" {
		t.Errorf("without a policy: %s", got)
	}
	if _, err := mine.GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String("app")}); servicetest.Code(err) != "RepositoryPolicyNotFoundException" {
		t.Errorf("no policy: %v", err)
	}
	if _, err := mine.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(`{"Version":"2012-10-17"}`)}); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != "" {
		t.Errorf("with a policy: %s", got)
	}
}

func TestDeletedImagesAreGone(t *testing.T) {
	t.Parallel()
	c := serve(t, "").client(owner)
	repository3(t, c, "app")
	name := aws.String("app")
	if _, err := c.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: name}); servicetest.Code(err) != "RepositoryNotEmptyException" {
		t.Errorf("delete with images: %v", err)
	}
	out, err := c.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("a")}, {ImageDigest: aws.String(digestOf(manifest("b")))}}})
	if err != nil || len(out.ImageIds) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	left, err := c.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: name})
	if err != nil || len(left.ImageIds) != 1 || *left.ImageIds[0].ImageTag != "c" {
		t.Errorf("%+v, %v", left, err)
	}
}

func TestStateSurvivesAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { repository3(t, serve(t, dir).client(owner), "team/app") })
	w := serve(t, dir)
	out, err := w.client(owner).DescribeRepositories(t.Context(), nil)
	if err != nil || *out.Repositories[0].RepositoryUri != host+"/team/app" {
		t.Errorf("%+v, %v", out, err)
	}
	n := 0
	for range w.Blobs {
		n++
	}
	if n != 3 {
		t.Errorf("%d blobs are live, want 3", n)
	}
}

func TestAuthorizationTokens(t *testing.T) {
	t.Parallel()
	out, err := serve(t, "").client(owner).GetAuthorizationToken(t.Context(), nil)
	if err != nil || *out.AuthorizationData[0].ProxyEndpoint != "https://"+host || time.Until(*out.AuthorizationData[0].ExpiresAt) < 11*time.Hour {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestBadRequestsGetTheServicesError(t *testing.T) {
	t.Parallel()
	w := serve(t, "")
	for body, want := range map[string][]string{
		"{":                                {"DescribeImages", "400 SerializationException"},
		"{}":                               {"Nonsense", "400 UnknownOperationException"},
		`{"repositoryName":"UPPER"}`:       {"CreateRepository", "400 InvalidParameterException"},
		strings.Repeat("x", maxBody+1):     {"PutImage", "413 RequestEntityTooLargeException"},
		`{"maxResults":0}`:                 {"DescribeRepositories", "400 InvalidParameterException"},
		`{"maxResults":1,"nextToken":"!"}`: {"DescribeRepositories", "400 InvalidParameterException"},
	} {
		r, err := http.NewRequest(http.MethodPost, w.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target+want[0])
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 500)
		n, _ := answer.Body.Read(b)
		answer.Body.Close()
		_, kind, _ := strings.Cut(string(b[:n]), `"__type":"`)
		kind, _, _ = strings.Cut(kind, `"`)
		if diff := cmp.Diff(want[1], fmt.Sprintf("%d %s", answer.StatusCode, kind)); diff != "" {
			t.Errorf("%.30s: %s", body, diff)
		}
	}
}
