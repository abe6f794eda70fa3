package artifact

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// newest finds the object that was written last among those whose key the
// pattern fits.
func newest(ctx context.Context, s *session.Session, ref Ref, region string) (Ref, error) {
	name := "s3://" + ref.Bucket + "/" + ref.KeyPattern
	fits, err := parseKeyPattern(ref.KeyPattern)
	if err != nil {
		return Ref{}, fmt.Errorf("artifact %s: %w", name, err)
	}
	if ref.Region != "" {
		region = ref.Region
	}
	best, err := fits.newest(ctx, NewS3(s, region), ref.Bucket)
	if elsewhere := session.BucketRegion(err); elsewhere != "" && elsewhere != region {
		ref.Region = elsewhere
		best, err = fits.newest(ctx, NewS3(s, elsewhere), ref.Bucket)
	}
	if err != nil {
		return Ref{}, fmt.Errorf("artifact %s: %w", name, session.Explain(err,
			session.Call{Action: "s3:ListBucket", Resource: "arn:" + awsfacts.PartitionOf(region).ID + ":s3:::" + ref.Bucket}))
	}
	if best == "" {
		return Ref{}, fmt.Errorf("artifact %s: no object's key matches", name)
	}
	ref.Key, ref.KeyPattern = best, ""
	return ref, nil
}

// keyPattern is what Harness calls filePathRegex. Harness reads it as wildcards:
// a dot is a dot, `*` stands for anything and `?` for one character or none. Who
// took the name at its word has written a regular expression: a key that it fits
// as a whole is taken, too.
type keyPattern struct {
	prefix          string
	wildcard, whole *regexp.Regexp
}

func parseKeyPattern(pattern string) (keyPattern, error) {
	p := keyPattern{prefix: pattern}
	if special := strings.IndexAny(pattern, `*?.[](){}\+^$|`); special >= 0 {
		p.prefix = pattern[:special]
	}
	var wildcardErr, wholeErr error
	p.wildcard, wildcardErr = regexp.Compile(strings.NewReplacer(".", `\.`, "?", ".?", "*", ".*?").Replace(pattern))
	p.whole, wholeErr = regexp.Compile(`^(?:` + pattern + `)$`)
	if wildcardErr != nil && wholeErr != nil {
		return keyPattern{}, wildcardErr
	}
	return p, nil
}

func (p keyPattern) fits(key string) bool {
	if strings.HasSuffix(key, "/") {
		return false
	}
	return p.wildcard != nil && p.wildcard.MatchString(key) || p.whole != nil && p.whole.MatchString(key)
}

// newest lists the bucket page by page and keeps only the newest key that fits.
func (p keyPattern) newest(ctx context.Context, client *s3.Client, bucket string) (key string, err error) {
	var best types.Object
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &p.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, o := range page.Contents {
			if p.fits(aws.ToString(o.Key)) && aws.ToTime(o.LastModified).After(aws.ToTime(best.LastModified)) {
				best = o
			}
		}
	}
	return aws.ToString(best.Key), nil
}
