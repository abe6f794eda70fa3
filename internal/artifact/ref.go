package artifact

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Kind is where code comes from.
type Kind string

// The kinds of artifacts. Path becomes File or Folder once it was looked at.
const (
	S3     Kind = "s3"
	ECR    Kind = "ecr"
	Path   Kind = "path"
	File   Kind = "file"
	Folder Kind = "folder"
)

// Ref names an artifact as the user wrote it.
type Ref struct {
	Kind Kind
	// Path is a zip, jar or folder.
	Path string
	// Lambroll is the folder of the definition of lambroll that a folder is zipped for,
	// relative to the workspace; empty for every other definition.
	Lambroll string
	// Bucket and Key name an object. KeyPattern is set instead of Key where the
	// newest of several objects is wanted.
	Bucket, Key, KeyPattern string
	// VersionID pins the object; empty means the newest version.
	VersionID string
	// Region is the bucket's where it is known, else empty.
	Region string
	// Image is set for ECR.
	Image Image
}

// Image is a private ECR image.
type Image struct {
	// Registry is the host, which contains Account and Region.
	Registry, Account, Region string
	Repository                string
	// Tag and Digest: at least one is set. Where both are, the digest counts.
	Tag, Digest string
}

// URI is the image by its digest where that is known, else by its tag.
func (i Image) URI() string {
	if i.Digest != "" {
		return i.Registry + "/" + i.Repository + "@" + i.Digest
	}
	return i.Registry + "/" + i.Repository + ":" + i.Tag
}

// The names of private registries (https://docs.aws.amazon.com/general/latest/gr/ecr.html):
// account.dkr.ecr[-fips].region.amazonaws.com, .com.cn in China, and the
// isolated partitions' own domains.
var (
	imageRef = lazyregexp.New(`^((\d{12})\.dkr\.ecr(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.(?:amazonaws\.com(?:\.cn)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+))/` +
		`([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)
	bucketName = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$`)
)

// ParseRef reads the short form of an artifact: s3://bucket/key[?versionId=…],
// an ECR image by tag or digest, or the path of a zip, a jar or a folder.
func ParseRef(s string) (Ref, error) {
	registry, foreign := awsfacts.ForeignRegistry(s)
	switch {
	case strings.TrimSpace(s) == "":
		return Ref{}, fmt.Errorf("the artifact is empty: name a zip, a jar, a folder, s3://bucket/key or an ECR image")
	case strings.HasPrefix(s, "s3://"):
		return parseObject(s)
	case foreign:
		return Ref{}, fmt.Errorf("artifact %s: the image is in the registry %s, but Lambda takes images from private ECR repositories of its own Region only: copy it into one", s, registry)
	case strings.Contains(s, "://"):
		return Ref{}, fmt.Errorf("artifact %s: only s3:// addresses are read; name a zip, a jar, a folder, s3://bucket/key or an ECR image", s)
	case strings.HasPrefix(s, "arn:"):
		return Ref{}, fmt.Errorf("artifact %s: an ARN is not read; name an object as s3://bucket/key, an image by its address", s)
	case strings.Contains(s, ".dkr.ecr"):
		image, err := ParseImage(s)
		return Ref{Kind: ECR, Image: image}, err
	}
	return Ref{Kind: Path, Path: s}, nil
}

func parseObject(s string) (Ref, error) {
	address, version, pinned := strings.Cut(strings.TrimPrefix(s, "s3://"), "?versionId=")
	bucket, key, _ := strings.Cut(address, "/")
	switch {
	case !bucketName.MatchString(bucket):
		return Ref{}, fmt.Errorf("artifact %s: %q is not the name of a bucket", s, bucket)
	case key == "" || strings.HasSuffix(key, "/"):
		return Ref{}, fmt.Errorf("artifact %s: it names no object: write s3://bucket/path/function.zip", s)
	case len(key) > 1024:
		return Ref{}, fmt.Errorf("artifact %s: the key is longer than 1024 bytes", s)
	case pinned && version == "":
		return Ref{}, fmt.Errorf("artifact %s: versionId is empty", s)
	}
	return Ref{Kind: S3, Bucket: bucket, Key: key, VersionID: version}, nil
}

// ParseImage reads the URI of a private ECR image, by tag or digest.
func ParseImage(s string) (Image, error) {
	m := imageRef.FindStringSubmatch(s)
	if m == nil {
		return Image{}, fmt.Errorf("image %s: not an ECR image: write 123456789012.dkr.ecr.eu-west-1.amazonaws.com/repository:tag, or @sha256:… for the tag", s)
	}
	if m[5] == "" && m[6] == "" {
		return Image{}, fmt.Errorf("image %s: neither a tag nor a digest: write %s:tag or %s@sha256:…", s, s, s)
	}
	return Image{Registry: m[1], Account: m[2], Region: m[3], Repository: m[4], Tag: m[5], Digest: m[6]}, nil
}
