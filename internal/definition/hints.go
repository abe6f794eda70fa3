package definition

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// ownTags begins the tags by which this program knows what it created.
const ownTags = "lambda-rollout:"

const (
	reported  = "remove it: Lambda reports it, a deployment cannot set it"
	apart     = "remove it: a deployment does not change it"
	codeInput = "remove it: the artifact says where the code comes from"
)

// answers are keys that `aws lambda get-function-configuration` prints, or that
// belong to other calls or to templates of SAM, by their path in AWS's
// spelling, with what to do about each.
var answers = map[string]string{
	"CodeSha256":                   reported,
	"CodeSize":                     reported,
	"ConfigSha256":                 reported,
	"FunctionArn":                  "functionName takes the ARN too",
	"LastModified":                 reported,
	"LastUpdateStatus":             reported,
	"LastUpdateStatusReason":       reported,
	"LastUpdateStatusReasonCode":   reported,
	"MasterArn":                    reported,
	"ResponseMetadata":             reported,
	"RevisionId":                   reported,
	"RuntimeVersionConfig":         reported,
	"SigningJobArn":                reported,
	"SigningProfileVersionArn":     reported,
	"State":                        reported,
	"StateReason":                  reported,
	"StateReasonCode":              reported,
	"Version":                      reported,
	"Environment.Error":            reported,
	"SnapStart.OptimizationStatus": reported,
	"VpcConfig.VpcId":              "remove it: the subnets say which VPC it is",
	"Configuration":                "write what is below it at the top of the file",
	"ImageConfigResponse":          "write the content of its ImageConfig as imageConfig",
	"DryRun":                       "remove it: the command plan says what would change",
	"ImageUri":                     codeInput,
	"S3Bucket":                     codeInput,
	"S3Key":                        codeInput,
	"S3ObjectVersion":              codeInput,
	"S3ObjectStorageMode":          codeInput,
	"SourceKMSKeyArn":              codeInput,
	"ZipFile":                      codeInput,
	"CodeUri":                      codeInput,
	"EnvironmentVariables":         "write environment: {variables: …}",
	"Env":                          "write environment: {variables: …}",
	"ReservedConcurrentExecutions": apart,
	"Concurrency":                  apart,
	"ProvisionedConcurrencyConfig": apart,
	"FunctionUrl":                  apart,
	"FunctionUrlConfig":            apart,
	"EventInvokeConfig":            apart,
	"Events":                       apart,
	"Policies":                     "remove it: the role defines what the code may do",
	"AutoPublishAlias":             "remove it: the input alias names the aliases",
}

// aliasAnswers are keys of `aws lambda get-alias` and of CreateAlias that a
// deployment sets itself.
var aliasAnswers = map[string]string{
	"AliasArn":        reported,
	"RevisionId":      reported,
	"FunctionName":    "remove it: the alias belongs to the function of its service",
	"FunctionVersion": "remove it: the alias gets the version that is deployed",
	"RoutingConfig":   "remove it: the input traffic says how the alias moves",
}

// answer is the hint for a key that is AWS's but no definition's.
func (d *decoder) answer(path, key string) (string, bool) {
	if key == "" {
		return "", false
	}
	known := answers
	if d.alias {
		known = aliasAnswers
	}
	hint, is := known[path+strings.ToUpper(key[:1])+key[1:]]
	return hint, is
}

// misplaced is the hint for a key that is one level too high.
func misplaced(key string, fields []field) string {
	for i := range fields {
		if find(fields[i].members, key) != nil && fields[i].kind == object {
			return "it belongs below " + fields[i].lower()
		}
	}
	return ""
}

// shapeHint says how a value of the wrong shape is written right.
func shapeHint(f *field, n *yaml.Node, name string) string {
	switch {
	case f.kind == list && n.Kind != yaml.MappingNode:
		return "write [" + written(n) + "]"
	case f.kind == object && len(f.members) == 1 && n.Kind != yaml.MappingNode:
		return "write it as " + f.members[0].lower() + " below " + name
	}
	return ""
}

// textHint is for lists of ARNs pasted from AWS's answer, where each is a
// mapping.
func textHint(n *yaml.Node) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if arn := n.Content[i+1].Value; strings.EqualFold(n.Content[i].Value, "arn") && strings.HasPrefix(arn, "arn:") {
			return "write the ARN alone: " + shown(arn)
		}
	}
	return ""
}

var quantity = lazyregexp.New(`(?i)^\s*(\d+)\s*(s|sec|second|seconds|mb|mib|m)\s*$`)

// numberHint is for numbers with a unit.
func numberHint(f *field, n *yaml.Node) string {
	if m := quantity.FindStringSubmatch(n.Value); m != nil && !strings.EqualFold(m[2], "m") {
		return "write " + m[1] + "; it counts " + f.unit
	}
	return ""
}
