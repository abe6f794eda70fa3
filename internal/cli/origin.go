package cli

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
)

// origin says for the log where a Target's code came from: in Harness' order,
// and in its words where the same was done. An image, and an object that Lambda
// reads by itself, are looked up and not downloaded.
func origin(identifier string, code *artifact.Result) []string {
	kind, label, place := "Local", "Path", code.Pinned
	doing, done := "Resolving", "resolved"
	switch code.Kind {
	case artifact.S3:
		kind, label = "AmazonS3", "S3 Object Path"
		place, _, _ = strings.Cut(strings.TrimPrefix(place, "s3://"), "?versionId=")
		if code.Fetched() {
			doing, done = "Downloading", "downloaded"
		}
	case artifact.ECR:
		kind, label = "Ecr", "Image Path"
	case artifact.File:
		doing, done = "Reading", "read"
	case artifact.Folder:
		doing, done = "Zipping", "zipped"
	}
	return []string{
		fmt.Sprintf("%s %s artifact with identifier: %s", doing, kind, identifier),
		label + ": " + place,
		"Successfully " + done + " artifact..",
	}
}
