package awsfacts

import (
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

var (
	// taggedImage is a reference with a tag or a digest, or both
	// (https://github.com/distribution/reference).
	taggedImage = lazyregexp.New(`^[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._/-]+[a-z0-9]+)*)?(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	// registryHost is a host name with a dot, or with a port.
	registryHost = lazyregexp.New(`^([a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?|[a-z0-9-]+:\d+)$`)
)

// publicRegistries are known hosts: a reference to one of them needs no tag to
// be known as an image.
var publicRegistries = []string{
	"public.ecr.aws", "ghcr.io", "docker.io", "index.docker.io", "registry-1.docker.io", "quay.io", "gcr.io",
	"mcr.microsoft.com", "registry.gitlab.com", "registry.k8s.io", "lscr.io",
}

// ForeignRegistry reports whether an artifact names a container image of another
// registry than private ECR, and which: Lambda takes images from private ECR
// repositories of its own Region only
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs).
// The path of a file is none.
func ForeignRegistry(ref string) (host string, is bool) {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker://"), "https://")
	host, rest, _ := strings.Cut(ref, "/")
	switch {
	case strings.Contains(host, ".dkr.ecr"):
		return "", false
	case rest != "" && (slices.Contains(publicRegistries, host) || strings.HasSuffix(host, ".pkg.dev") || strings.HasSuffix(host, ".gcr.io") || strings.HasSuffix(host, ".azurecr.io")):
		return host, true
	case !taggedImage.MatchString(ref) || strings.HasSuffix(ref, ".zip") || strings.HasSuffix(ref, ".jar"):
		return "", false
	case strings.Contains(ref, "@sha256:"), rest != "" && registryHost.MatchString(host) && strings.Contains(rest, ":"):
		if rest == "" || !registryHost.MatchString(host) {
			host = "docker.io"
		}
		return host, true
	case strings.Contains(rest, ":"), rest == "" && strings.Contains(ref, ":"):
		return "docker.io", true // Docker Hub's short names: nginx:1.29, library/nginx:1.29
	}
	return "", false
}
