package artifact

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const registry = ours + ".dkr.ecr." + region + ".amazonaws.com"

// push makes a repository with one image and gives its digest.
func (w *world) push(t testing.TB, repository, tag, mediaType string) (digest string) {
	t.Helper()
	client := ecr.NewFromConfig(w.session(t, ours).Config(region))
	if _, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository}); err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"size":10,"digest":"sha256:%064d"},"layers":[{"size":32,"digest":"sha256:%064d"}]}`, mediaType, 1, 2)
	if strings.Contains(mediaType, "index") || strings.Contains(mediaType, "list") {
		manifest = fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[
{"digest":"sha256:%064d","platform":{"os":"linux","architecture":"arm64"}},
{"digest":"sha256:%064d","platform":{"os":"unknown","architecture":"unknown"}}]}`, mediaType, 3, 4)
	}
	out, err := client.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest, ImageManifestMediaType: &mediaType, ImageTag: &tag})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Image.ImageId.ImageDigest)
}

func imageRefOf(t testing.TB, uri string) Ref {
	t.Helper()
	ref, err := ParseRef(uri)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestATagIsPinnedToItsDigest(t *testing.T) {
	t.Parallel()
	w := serve(t)
	digest := w.push(t, "team/app", "v1", "application/vnd.oci.image.manifest.v1+json")
	pinned := registry + "/team/app@" + digest
	for _, uri := range []string{registry + "/team/app:v1", pinned, registry + "/team/app:gone@" + digest} {
		r, err := w.resolve(t, imageRefOf(t, uri), nil)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		want := definition.Code{ImageUri: pinned, Sha256: strings.TrimPrefix(digest, "sha256:"), Size: r.Code.Size}
		if diff := cmp.Diff(want, r.Code); diff != "" || r.Pinned != pinned || r.Kind != ECR {
			t.Errorf("%s: %s %s (-want +got):\n%s", uri, r.Kind, r.Pinned, diff)
		}
		if code, err := r.Prepare(t.Context()); err != nil || code != want {
			t.Errorf("%s: Prepare gave %+v, %v", uri, code, err)
		}
		if _, _, err := r.Listing(t.Context()); err == nil {
			t.Errorf("%s: an image was listed as a zip", uri)
		}
	}
}

func TestAnIndexIsRefusedBeforeLambdaWould(t *testing.T) {
	t.Parallel()
	for _, mediaType := range []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"} {
		w := serve(t)
		w.push(t, "app", "v1", mediaType)
		_, err := w.resolve(t, imageRefOf(t, registry+"/app:v1"), nil)
		if err == nil || !strings.Contains(err.Error(), "docker buildx build --provenance=false --platform linux/amd64") {
			t.Errorf("%s: got %v, want the command that builds another", mediaType, err)
		}
		want := fmt.Sprintf("; its image for linux/arm64 is %s/app@sha256:%064d", registry, 3)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q at its end", mediaType, err, want)
		}
	}
}

func TestWhatIsWrongWithAnImageHasItsOwnWords(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.push(t, "app", "v1", "application/vnd.docker.distribution.manifest.v2+json")
	for uri, want := range map[string]string{
		registry + "/app:v2": "no image with the tag v2: was it pushed?",
		registry + "/app@sha256:" + strings.Repeat("0", 64): "no image with this digest",
		registry + "/nothing:v1":                            "account " + ours + " has no repository nothing in " + region,
		ours + ".dkr.ecr.us-east-1.amazonaws.com/app:v1":    "is in us-east-1, the function in eu-west-1",
	} {
		if _, err := w.resolve(t, imageRefOf(t, uri), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", uri, err, want)
		}
	}
	_, err := w.resolve(t, imageRefOf(t, registry+"/app:v1"), func(o *Options) { o.Source = w.session(t, theirs) })
	want := `"Action":"ecr:DescribeImages","Resource":["arn:aws:ecr:` + region + ":" + ours + `:repository/app"]`
	if !errors.As(err, new(session.Denied)) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
