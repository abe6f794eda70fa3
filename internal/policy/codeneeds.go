package policy

import (
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// artifact is what it takes to read, send and stage the code, the new and the old.
func (n *needs) artifact() {
	a := n.t.Artifact
	sends := n.has(plan.CreateFunction{}, plan.UpdateCode{})
	switch {
	case a.Bucket != "":
		if a.Elsewhere {
			return
		}
		if a.Listed {
			n.list(a)
		}
		n.object(a.Bucket, a.Key, a.Version, !a.Pinned)
	case a.Repository != "":
		repository := "arn:" + n.t.Partition + ":ecr:" + n.t.Region + ":" + a.RegistryAccount + ":repository/" + a.Repository
		if !a.Elsewhere {
			n.add("ecr:DescribeImages", repository)
		}
		if sends {
			n.image(repository, a.RegistryAccount)
		}
	}
	n.oldCode(sends)
}

func (n *needs) list(a Artifact) {
	need := Need{Action: "s3:ListBucket", Resources: []string{n.bucket(a.Bucket)}}
	if a.Prefix != "" {
		need.Condition = Condition{"StringLike": {"s3:prefix": {literal.Replace(a.Prefix) + "*"}}}
	}
	n.all = append(n.all, need)
}

func (n *needs) bucket(name string) string { return "arn:" + n.t.Partition + ":s3:::" + name }

// object is reading one object: the newest version of it, the named one, or
// both. Lambda fetches it with the caller's permission, too.
func (n *needs) object(bucket, key, version string, newest bool) {
	need := Need{Resources: []string{n.bucket(bucket) + "/" + literal.Replace(key)}, Checked: []string{n.bucket(bucket) + "/" + key}}
	if newest || version == "" {
		need.Action = "s3:GetObject"
		n.all = append(n.all, need)
	}
	if version != "" {
		need.Action = "s3:GetObjectVersion"
		n.all = append(n.all, need)
	}
}

// literal keeps what a name holds from being read as a wildcard or a variable
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars).
var literal = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// image is what Lambda checks when it takes an image: in the caller's account
// the caller may have to let Lambda into the repository
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions),
// from another account the caller must be able to read it.
func (n *needs) image(repository, account string) {
	actions := []string{"ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"}
	if account != n.t.Account {
		actions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	}
	for _, a := range actions {
		n.add(a, repository)
	}
}

// oldCode is what a rollback sends again, where that is a reference.
func (n *needs) oldCode(changes bool) {
	was := n.t.Before.Latest
	if was == nil || !changes {
		return
	}
	if o := was.ResolvedS3Object; o != nil {
		n.object(o.S3Bucket, o.S3Key, o.S3ObjectVersion, false)
	}
	if account, name, ok := registry(was.ResolvedImageUri); ok {
		repository := "arn:" + n.t.Partition + ":ecr:" + n.t.Region + ":" + account + ":repository/" + name
		n.add("ecr:DescribeImages", repository) // is it still there?
		n.image(repository, account)
	}
}

// registry takes an image's URI apart: ACCOUNT.dkr.ecr.REGION.…/REPOSITORY@DIGEST.
func registry(uri string) (account, repository string, ok bool) {
	host, path, ok := strings.Cut(uri, "/")
	if !ok {
		return "", "", false
	}
	account, _, _ = strings.Cut(host, ".")
	repository, _, _ = strings.Cut(path, "@")
	return account, repository, true
}

// keys are the customer's own: without them nobody reads the environment, and
// nobody sets it
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html).
func (n *needs) keys() {
	changes := len(n.t.Plan.Steps) > 0
	for _, arn := range n.keysOf(func(f definition.Function) *string { return f.KMSKeyArn }) {
		n.key(arn, "kms:Decrypt")
		if changes {
			n.key(arn, "kms:Encrypt")
			n.key(arn, "kms:CreateGrant")
		}
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/encrypt-zip-package.html
	source := []string{n.t.Wanted.Code.SourceKMSKeyArn}
	if n.t.Before.Latest != nil {
		source = append(source, n.t.Before.Latest.SourceKMSKeyArn)
	}
	for _, arn := range source {
		if arn == "" {
			continue
		}
		n.key(arn, "kms:Decrypt")
		if n.has(plan.CreateFunction{}, plan.UpdateCode{}) {
			n.key(arn, "kms:GenerateDataKey")
		}
	}
}

func (n *needs) keysOf(field func(definition.Function) *string) []string {
	functions := []definition.Function{n.t.Wanted.Function}
	if n.t.Before.Latest != nil {
		functions = append(functions, n.t.Before.Latest.Function)
	}
	var arns []string
	for _, f := range functions {
		if arn := field(f); arn != nil && *arn != "" && !slices.Contains(arns, *arn) {
			arns = append(arns, *arn)
		}
	}
	return arns
}

// key grants one key. KMS knows no alias as a resource
// (https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html).
func (n *needs) key(arn, action string) {
	need := Need{Action: action, Resources: []string{arn}}
	if place, alias, is := strings.Cut(arn, ":alias/"); is {
		need.Resources = []string{place + ":key/*"}
		need.Condition = Condition{"ForAnyValue:StringEquals": {"kms:ResourceAliases": {"alias/" + alias}}}
	}
	n.all = append(n.all, need)
}

// stagingKeys is where package artifact puts what it stages.
const stagingKeys = "/lambda-rollout/*"

func (n *needs) staging() {
	if n.t.StagingBucket == "" {
		return
	}
	for _, action := range []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"} {
		n.add(action, n.bucket(n.t.StagingBucket)+stagingKeys)
	}
}
