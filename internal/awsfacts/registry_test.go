package awsfacts

import (
	"strings"
	"testing"
)

func TestForeignRegistryTellsImagesFromPathsAndFromPrivateECR(t *testing.T) {
	t.Parallel()
	digest := "@sha256:" + strings.Repeat("0f", 32)
	for ref, want := range map[string]string{
		"public.ecr.aws/lambda/nodejs:22":                     "public.ecr.aws",
		"public.ecr.aws/lambda/nodejs":                        "public.ecr.aws",
		"ghcr.io/acme/shop:1":                                 "ghcr.io",
		"docker.io/library/nginx":                             "docker.io",
		"docker://ghcr.io/acme/shop:1":                        "ghcr.io",
		"europe-docker.pkg.dev/p/r/app:1":                     "europe-docker.pkg.dev",
		"acme.azurecr.io/shop:1":                              "acme.azurecr.io",
		"registry.acme.example:5000/team/shop:1":              "registry.acme.example:5000",
		"registry.acme.example/shop" + digest:                 "registry.acme.example",
		"nginx:1.29":                                          "docker.io",
		"acme/shop:latest":                                    "docker.io",
		"acme/shop" + digest:                                  "docker.io",
		"shop" + digest:                                       "docker.io",
		"localhost:5000/shop:1":                               "localhost:5000",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1": "",
		"dist/function.zip":                                   "",
		"build":                                               "",
		"./src":                                               "",
		"../out.d/app":                                        "",
		"/abs/path:1":                                         "",
		"dist/app:1.zip":                                      "",
		"C:\\code\\app.zip":                                   "",
		"app.v2/dist":                                         "",
	} {
		if got, is := ForeignRegistry(ref); got != want || is != (want != "") {
			t.Errorf("%s: got %q, %t; want %q", ref, got, is, want)
		}
	}
}
