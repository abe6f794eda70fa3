package artifact

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefReadsEachForm(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("ab", 32)
	tests := map[string]Ref{
		"dist/function.zip":                 {Kind: Path, Path: "dist/function.zip"},
		"target/app.jar":                    {Kind: Path, Path: "target/app.jar"},
		"./src":                             {Kind: Path, Path: "./src"},
		"s3://bucket/a/b.zip":               {Kind: S3, Bucket: "bucket", Key: "a/b.zip"},
		"s3://bucket/a b+c.zip?versionId=v": {Kind: S3, Bucket: "bucket", Key: "a b+c.zip", VersionID: "v"},
		"s3://bucket/what?.zip":             {Kind: S3, Bucket: "bucket", Key: "what?.zip"},
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1": {Kind: ECR, Image: Image{
			Registry: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", Account: "123456789012", Region: "eu-west-1", Repository: "team/app", Tag: "v1"}},
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app@" + digest: {Kind: ECR, Image: Image{
			Registry: "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Account: "123456789012", Region: "cn-north-1", Repository: "app", Digest: digest}},
		"123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/app:v1@" + digest: {Kind: ECR, Image: Image{
			Registry: "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com", Account: "123456789012", Region: "us-gov-west-1", Repository: "app", Tag: "v1", Digest: digest}},
	}
	for in, want := range tests {
		got, err := ParseRef(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseRefSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                            "the artifact is empty",
		"  ":                          "the artifact is empty",
		"s3://":                       `"" is not the name of a bucket`,
		"s3://b/key":                  `"b" is not the name of a bucket`,
		"s3://bucket":                 "it names no object",
		"s3://bucket/":                "it names no object",
		"s3://bucket/folder/":         "it names no object",
		"s3://bucket/key?versionId=":  "versionId is empty",
		"arn:aws:s3:::bucket/key.zip": "name an object as s3://bucket/key",
		"arn:aws:ecr:eu-west-1:123456789012:repository/app": "an image by its address",
		"https://bucket/key":                                    "only s3:// addresses",
		"public.ecr.aws/lambda/go:1":                            "private ECR repositories of its own Region only",
		"ghcr.io/acme/shop:1":                                   "the image is in the registry ghcr.io",
		"nginx:1.29":                                            "the image is in the registry docker.io",
		"1.dkr.ecr.x.amazonaws.com/a":                           "not an ECR image",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app":      "neither a tag nor a digest",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@sha1": "not an ECR image",
	}
	for in, want := range tests {
		if _, err := ParseRef(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", in, err, want)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"a.zip", "s3://bucket/key?versionId=v", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err != nil {
			return
		}
		var again string
		switch ref.Kind {
		case Path:
			again = ref.Path
		case S3:
			if again = "s3://" + ref.Bucket + "/" + ref.Key; ref.VersionID != "" {
				again += "?versionId=" + ref.VersionID
			}
		case ECR:
			if ref.Image.Tag != "" && ref.Image.Digest != "" {
				return
			}
			again = ref.Image.URI()
		}
		if again != s {
			t.Errorf("%q was read as %q", s, again)
		}
	})
}
