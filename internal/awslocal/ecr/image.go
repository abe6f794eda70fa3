package ecr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// maxManifest is the longest imageManifest ("PutImage").
const maxManifest = 4 << 20

type imageID struct {
	Digest string `json:"imageDigest,omitempty"`
	Tag    string `json:"imageTag,omitempty"`
}

func (id imageID) String() string {
	quote := func(s string) string {
		if s == "" {
			return "'null'"
		}
		return "'" + s + "'"
	}
	return "{imageDigest:" + quote(id.Digest) + ", imageTag:" + quote(id.Tag) + "}"
}

// lookup returns the digest that an id names, "" for none.
func (r *repository) lookup(id imageID) string {
	digest := id.Digest
	if id.Tag != "" {
		digest = r.Tags[id.Tag]
	}
	if _, ok := r.Images[digest]; !ok || id.Digest != "" && id.Digest != digest {
		return ""
	}
	return digest
}

// tagsOf are the tags of a digest, sorted.
func (r *repository) tagsOf(digest string) []string {
	var tags []string
	for tag, d := range r.Tags {
		if d == digest {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

type putImageInput struct {
	named
	Manifest  string `json:"imageManifest"`
	MediaType string `json:"imageManifestMediaType"`
	Tag       string `json:"imageTag"`
	Digest    string `json:"imageDigest"`
}

type imageOutput struct {
	RegistryID     string  `json:"registryId"`
	RepositoryName string  `json:"repositoryName"`
	ImageID        imageID `json:"imageId"`
	Manifest       string  `json:"imageManifest"`
	MediaType      string  `json:"imageManifestMediaType"`
}

var imageTag = lazyregexp.New(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// putImage rests on "PutImage". Layers are taken as being there.
func (s *Service) putImage(c api.Caller, in *putImageInput) (any, *api.Error) {
	mediaType, err := checkManifest(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(c, in.named, "ecr:PutImage")
	if err != nil {
		return nil, err
	}
	blob, failure := s.store.PutBlobBytes([]byte(in.Manifest))
	if failure != nil {
		return nil, api.NewError(http.StatusInternalServerError, "ServerException", failure.Error())
	}
	digest := "sha256:" + blob.SHA256
	if in.Digest != "" && in.Digest != digest {
		return nil, api.NewError(
			http.StatusBadRequest,
			"ImageDigestDoesNotMatchException",
			"The specified image digest does not match the digest that Amazon ECR calculated for the image",
		)
	}
	if err := r.mayPut(in.Tag, digest); err != nil {
		return nil, err
	}
	next := r.copy()
	if _, ok := next.Images[digest]; !ok {
		next.Images[digest] = image{MediaType: mediaType, Size: sizeOf(in.Manifest), Pushed: s.now().UTC()}
	}
	if in.Tag != "" {
		next.Tags[in.Tag] = digest
	}
	if err := s.keep(next); err != nil {
		return nil, err
	}
	return map[string]imageOutput{"image": {r.Account, r.Name, imageID{digest, in.Tag}, in.Manifest, mediaType}}, nil
}

// checkManifest returns the manifest's media type, which the request may give
// and which must not contradict the document.
func checkManifest(in *putImageInput) (string, *api.Error) {
	var doc struct {
		MediaType string `json:"mediaType"`
	}
	switch {
	case len(in.Manifest) == 0 || len(in.Manifest) > maxManifest:
		return "", invalid("'ImageManifest' failed to satisfy constraint: 'must have length between 1 and 4194304'")
	case json.Unmarshal([]byte(in.Manifest), &doc) != nil:
		return "", invalid("'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")
	case in.Tag != "" && !imageTag.MatchString(in.Tag):
		return "", invalid("'imageTag' failed to satisfy constraint: 'must satisfy regular expression '%s''", imageTag)
	case in.MediaType == "":
		in.MediaType = doc.MediaType
	case doc.MediaType != "" && doc.MediaType != in.MediaType:
		return "", invalid(
			"'ImageManifest' failed to satisfy constraint: 'Manifest media type does not match the media type that was given'",
		)
	}
	if in.MediaType == "" {
		return "", invalid("'ImageManifest' failed to satisfy constraint: 'Invalid media type'")
	}
	return in.MediaType, nil
}

// mayPut refuses what is there already, and to move a tag that must not move.
func (r *repository) mayPut(tag, digest string) *api.Error {
	_, exists := r.Images[digest]
	switch {
	case tag == "" && exists, tag != "" && r.Tags[tag] == digest:
		return api.NewError(
			http.StatusBadRequest,
			"ImageAlreadyExistsException",
			fmt.Sprintf(
				"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
				digest,
				tag,
				r.Name,
				r.Account,
			),
		)
	case tag != "" && r.Mutability == "IMMUTABLE" && r.Tags[tag] != "":
		return api.NewError(
			http.StatusBadRequest,
			"ImageTagAlreadyExistsException",
			fmt.Sprintf(
				"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.",
				tag,
				r.Name,
			),
		)
	}
	return nil
}

// sizeOf adds up what a manifest says its parts weigh.
func sizeOf(manifest string) int64 {
	type sized struct {
		Size int64 `json:"size"`
	}
	var doc struct {
		Config    sized   `json:"config"`
		Layers    []sized `json:"layers"`
		Manifests []sized `json:"manifests"`
	}
	if json.Unmarshal([]byte(manifest), &doc) != nil {
		return 0
	}
	total := doc.Config.Size
	for _, part := range append(doc.Layers, doc.Manifests...) {
		total += part.Size
	}
	return total
}

type imagesInput struct {
	named
	ImageIDs   []imageID `json:"imageIds"`
	MaxResults *int      `json:"maxResults"`
	NextToken  string    `json:"nextToken"`
	Filter     struct {
		TagStatus string `json:"tagStatus"`
	} `json:"filter"`
	Accepted []string `json:"acceptedMediaTypes"`
}

type imageDetail struct {
	RegistryID     string   `json:"registryId"`
	RepositoryName string   `json:"repositoryName"`
	Digest         string   `json:"imageDigest"`
	Tags           []string `json:"imageTags,omitempty"`
	Size           int64    `json:"imageSizeInBytes"`
	PushedAt       float64  `json:"imagePushedAt"`
	MediaType      string   `json:"imageManifestMediaType"`
}

// describeImages rests on "DescribeImages": one image that is missing fails
// the call.
func (s *Service) describeImages(c api.Caller, in *imagesInput) (any, *api.Error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(c, in.named, "ecr:DescribeImages")
	if err != nil {
		return nil, err
	}
	var digests []string
	for _, id := range in.ImageIDs {
		digest := r.lookup(id)
		if digest == "" {
			return nil, api.NewError(
				http.StatusBadRequest,
				"ImageNotFoundException",
				fmt.Sprintf(
					"The image with imageId %s does not exist within the repository with name '%s' in the registry with id '%s'",
					id,
					r.Name,
					r.Account,
				),
			)
		}
		if !slices.Contains(digests, digest) {
			digests = append(digests, digest)
		}
	}
	if in.ImageIDs == nil {
		digests = r.filtered(in.Filter.TagStatus)
	}
	digests, next, err := page(digests, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	details := []imageDetail{}
	for _, digest := range digests {
		i := r.Images[digest]
		details = append(details, imageDetail{r.Account, r.Name, digest, r.tagsOf(digest), i.Size, seconds(i.Pushed), i.MediaType})
	}
	return struct {
		Details   []imageDetail `json:"imageDetails"`
		NextToken *string       `json:"nextToken,omitempty"`
	}{details, next}, nil
}

// filtered are the digests of a tag status, sorted.
func (r *repository) filtered(status string) []string {
	digests := slices.Sorted(maps.Keys(r.Images))
	return slices.DeleteFunc(digests, func(d string) bool {
		tagged := len(r.tagsOf(d)) > 0
		return status == "TAGGED" && !tagged || status == "UNTAGGED" && tagged
	})
}

// listImages rests on "ListImages": one entry a tag, one for each image without.
func (s *Service) listImages(c api.Caller, in *imagesInput) (any, *api.Error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(c, in.named, "ecr:ListImages")
	if err != nil {
		return nil, err
	}
	ids := []imageID{}
	for _, digest := range r.filtered(in.Filter.TagStatus) {
		tags := r.tagsOf(digest)
		for _, tag := range tags {
			ids = append(ids, imageID{digest, tag})
		}
		if len(tags) == 0 {
			ids = append(ids, imageID{Digest: digest})
		}
	}
	ids, next, err := page(ids, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return struct {
		IDs       []imageID `json:"imageIds"`
		NextToken *string   `json:"nextToken,omitempty"`
	}{ids, next}, nil
}

type imageFailure struct {
	ImageID imageID `json:"imageId"`
	Code    string  `json:"failureCode"`
	Reason  string  `json:"failureReason"`
}

// notFound is a batch's answer for an image that is not there.
func notFound(id imageID) imageFailure {
	return imageFailure{id, "ImageNotFound", "Requested image not found"}
}

func checkBatch(ids []imageID) *api.Error {
	if len(ids) == 0 || len(ids) > 100 {
		return invalid("'imageIds' failed to satisfy constraint: 'must have length between 1 and 100'")
	}
	return nil
}

// batchGetImage rests on "BatchGetImage": what is missing is reported beside what
// is there.
func (s *Service) batchGetImage(c api.Caller, in *imagesInput) (any, *api.Error) {
	if err := checkBatch(in.ImageIDs); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(c, in.named, "ecr:BatchGetImage")
	if err != nil {
		return nil, err
	}
	images, failures := []imageOutput{}, []imageFailure{}
	for _, id := range in.ImageIDs {
		digest := r.lookup(id)
		mediaType := r.Images[digest].MediaType
		switch {
		case digest == "":
			failures = append(failures, notFound(id))
			continue
		case in.Accepted != nil && !slices.Contains(in.Accepted, mediaType):
			failures = append(failures, imageFailure{id, "ImageNotFound", "Requested image is of none of the accepted media types"})
			continue
		}
		manifest, err := s.manifest(digest)
		if err != nil {
			return nil, err
		}
		images = append(images, imageOutput{r.Account, r.Name, imageID{digest, id.Tag}, manifest, mediaType})
	}
	return struct {
		Images   []imageOutput  `json:"images"`
		Failures []imageFailure `json:"failures"`
	}{images, failures}, nil
}

func (s *Service) manifest(digest string) (string, *api.Error) {
	f, err := s.store.OpenBlob(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		return "", api.NewError(http.StatusInternalServerError, "ServerException", err.Error())
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return "", api.NewError(http.StatusInternalServerError, "ServerException", err.Error())
	}
	return string(b), nil
}

// batchDeleteImage rests on "BatchDeleteImage": a tag alone is untagged, and
// its image goes with its last tag; a digest goes with all its tags.
func (s *Service) batchDeleteImage(c api.Caller, in *imagesInput) (any, *api.Error) {
	if err := checkBatch(in.ImageIDs); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(c, in.named, "ecr:BatchDeleteImage")
	if err != nil {
		return nil, err
	}
	next := r.copy()
	deleted, failures := []imageID{}, []imageFailure{}
	for _, id := range in.ImageIDs {
		digest := next.lookup(id)
		if digest == "" {
			failures = append(failures, notFound(id))
			continue
		}
		maps.DeleteFunc(next.Tags, func(tag, d string) bool { return tag == id.Tag || id.Tag == "" && d == digest })
		if len(next.tagsOf(digest)) == 0 {
			delete(next.Images, digest)
		}
		deleted = append(deleted, imageID{digest, id.Tag})
	}
	if err := s.keep(next); err != nil {
		return nil, err
	}
	return struct {
		IDs      []imageID      `json:"imageIds"`
		Failures []imageFailure `json:"failures"`
	}{deleted, failures}, nil
}

type authorization struct {
	Token    string  `json:"authorizationToken"`
	Expires  float64 `json:"expiresAt"`
	Endpoint string  `json:"proxyEndpoint"`
}

// getAuthorizationToken rests on "GetAuthorizationToken": good for 12 hours.
func (s *Service) getAuthorizationToken(c api.Caller, _ *struct{}) (any, *api.Error) {
	r := repository{Account: c.Account, Region: c.Region}
	token := base64.StdEncoding.EncodeToString([]byte("AWS:" + api.NewID()))
	return map[string][]authorization{"authorizationData": {{token, seconds(s.now().Add(12 * time.Hour)), "https://" + r.host()}}}, nil
}

// imageURI is ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME with a tag or a digest.
var imageURI = lazyregexp.New(
	`^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

// Image resolves an image's URI for Lambda, in the registry that it names, for
// the caller of ctx: digest and media type of the manifest. Errors are
// *api.Error, of ECR's own codes.
func (s *Service) Image(ctx context.Context, uri string) (digest, mediaType string, err error) {
	m := imageURI.FindStringSubmatch(uri)
	if m == nil {
		return "", "", invalid("'imageUri': %s names no repository of ECR", uri)
	}
	c := api.From(ctx)
	c.Region = m[2]
	id := imageID{Tag: m[4], Digest: m[5]}
	switch {
	case id.Digest != "":
		id.Tag = "" // a digest says more
	case id.Tag == "":
		id.Tag = "latest"
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, refusal := s.find(c, named{m[1], m[3]}, "ecr:BatchGetImage")
	if refusal != nil {
		return "", "", refusal
	}
	if refusal := s.openToLambda(c, r); refusal != nil {
		return "", "", refusal
	}
	if digest = r.lookup(id); digest == "" {
		return "", "", api.NewError(
			http.StatusBadRequest,
			"ImageNotFoundException",
			"The image with imageId "+id.String()+" does not exist",
		)
	}
	return digest, r.Images[digest].MediaType, nil
}

// openToLambda: where the repository's policy does not let Lambda in, Lambda
// opens it with the caller's rights ("Create a Lambda function using a container
// image", Amazon ECR permissions). Here they are checked and the policy stays.
func (s *Service) openToLambda(c api.Caller, r *repository) *api.Error {
	if s.access == nil || strings.Contains(r.Policy, "lambda.amazonaws.com") {
		return nil
	}
	for _, action := range []string{"ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"} {
		if refusal := s.access.Allow(c, action, r.arn(), nil); refusal != "" {
			return api.NewError(http.StatusBadRequest, "AccessDeniedException", refusal)
		}
	}
	return nil
}
