package iam

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/secretsmanager"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/ssm"
)

// permission is one action on one resource that a call needs.
type permission struct{ action, resource string }

// Authorize decides about a call that the server has received, before its
// service sees it. What a service alone can know it asks by Allow: the function
// that CreateFunction names in its body, and the role that is passed.
func (s *Service) Authorize(r *http.Request, c api.Caller, service, operation string) *api.Error {
	if operation == "" || c.AccessKeyID == "" {
		return nil // the service refuses it in its own words, or needs no caller
	}
	if !s.concerns(c) {
		return nil
	}
	for _, p := range s.permissions(r, c, service, operation) {
		if refusal := s.Allow(c, p.action, p.resource, nil); refusal != "" {
			return api.NewError(http.StatusForbidden, "AccessDeniedException", refusal)
		}
	}
	return nil
}

// concerns reports whether a caller is held to any policy at all, so that the rest
// of a call costs nothing where it is not.
func (s *Service) concerns(c api.Caller) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, isSession := s.sessionRole(c)
	return isSession && (s.options.Enforce || r != nil && len(r.policies) > 0)
}

// permissions are the actions and resources of a call as the Service
// Authorization Reference lists them for each service.
func (s *Service) permissions(r *http.Request, c api.Caller, service, operation string) []permission {
	switch service {
	case "lambda":
		return lambdaPermissions(r, c, operation)
	case "s3":
		return s3Permissions(r, operation)
	case "ecr":
		return []permission{{"ecr:" + operation, repositoryARN(r, c, operation)}}
	case "sts":
		if operation == "AssumeRole" {
			return []permission{{"sts:AssumeRole", r.Form.Get("RoleArn")}}
		}
	case "iam":
		return []permission{{"iam:" + operation, s.iamResource(r, c)}}
	case "cloudtrail":
		return []permission{{"cloudtrail:" + operation, "*"}}
	case "tagging":
		return []permission{{"tag:" + operation, "*"}}
	case "logs":
		return []permission{{"logs:" + operation, logGroupARN(r, c)}}
	case "codedeploy":
		return codeDeployPermissions(r, c, operation)
	case "ssm":
		return parameterPermissions(r, c, operation)
	case "secretsmanager":
		return []permission{{"secretsmanager:" + operation, secretARN(r, c, operation)}}
	case "monitoring":
		return []permission{{"cloudwatch:" + operation, alarmResource(c, operation)}}
	}
	return nil
}

// lambdaActions are the operations whose action has another name.
var lambdaActions = map[string]string{"Invoke": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}

// wholeFunction are the operations that name an alias, or a version to delete
// or list, but are authorized on the function itself.
var wholeFunction = map[string]bool{
	"CreateAlias": true, "GetAlias": true, "UpdateAlias": true, "DeleteAlias": true, "ListAliases": true,
	"PublishVersion": true, "ListVersionsByFunction": true, "UpdateFunctionCode": true, "UpdateFunctionConfiguration": true,
}

// lambdaPermissions: a request that names a version or an alias is authorized
// on that ARN, so that a policy on the bare function does not cover it
// ("Identity-based policies: resources", function ARNs with a qualifier).
func lambdaPermissions(r *http.Request, c api.Caller, operation string) []permission {
	action := operation
	if other, ok := lambdaActions[operation]; ok {
		action = other
	}
	one := func(resource string) []permission { return []permission{{"lambda:" + action, resource}} }
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	if len(segments) < 3 {
		if operation == "CreateFunction" {
			return nil // Lambda asks, once it has read the name
		}
		return one("*")
	}
	name, err := url.PathUnescape(segments[2])
	if err != nil {
		return one("*")
	}
	switch segments[1] {
	case "functions":
		qualifier := r.URL.Query().Get("Qualifier")
		return one(FunctionARN(c, name, qualifier, wholeFunction[operation]))
	case "tags":
		return one(name)
	case "event-source-mappings":
		return one("arn:" + api.Partition(c.Region) + ":lambda:" + c.Region + ":" + c.Account + ":event-source-mapping:" + name)
	case "layers":
		return one(
			"arn:" + api.Partition(
				c.Region,
			) + ":lambda:" + c.Region + ":" + c.Account + ":layer:" + strings.TrimSuffix(
				name+":"+version(segments),
				":",
			),
		)
	}
	return one("*")
}

func version(segments []string) string {
	if len(segments) > 4 && segments[3] == "versions" {
		return segments[4]
	}
	return ""
}

// FunctionARN is the ARN of what a request names: a name, a part of an ARN or
// an ARN, with a qualifier inside or beside it, unless whole asks for the
// function alone.
func FunctionARN(c api.Caller, name, qualifier string, whole bool) string {
	account, region, rest := c.Account, c.Region, name
	switch parts := strings.Split(name, ":"); {
	case strings.HasPrefix(name, "arn:") && len(parts) > 6:
		region, account, rest = parts[3], parts[4], strings.Join(parts[6:], ":")
	case len(parts) > 2 && parts[1] == "function":
		account, rest = parts[0], strings.Join(parts[2:], ":")
	}
	rest, inside, _ := strings.Cut(rest, ":")
	if qualifier == "" {
		qualifier = inside
	}
	arn := "arn:" + api.Partition(region) + ":lambda:" + region + ":" + account + ":function:" + rest
	if qualifier == "" || whole {
		return arn
	}
	return arn + ":" + qualifier
}

// s3Actions are the operations whose action has another name ("Actions defined
// by Amazon S3").
var s3Actions = map[string]string{
	"HeadObject": "GetObject", "HeadBucket": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions",
	"ListBuckets": "ListAllMyBuckets", "DeleteObjects": "DeleteObject", "CopyObject": "PutObject", "CreateMultipartUpload": "PutObject",
	"UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject", "ListParts": "ListMultipartUploadParts",
}

// s3Permissions takes the bucket from the path: a policy's bucket is found the
// same however the host is written.
func s3Permissions(r *http.Request, operation string) []permission {
	action := operation
	if other, ok := s3Actions[operation]; ok {
		action = other
	}
	if r.URL.Query().Has("versionId") && (action == "GetObject" || action == "DeleteObject") {
		action += "Version"
	}
	resource := api.RecordOf(r.Context()).Resource
	switch operation {
	case "ListBuckets":
		return []permission{{"s3:" + action, "*"}}
	case "DeleteObjects":
		resource += "/*"
	}
	all := []permission{{"s3:" + action, "arn:aws:s3:::" + resource}}
	if source := r.Header.Get("x-amz-copy-source"); source != "" {
		path, _, _ := strings.Cut(strings.TrimPrefix(source, "/"), "?")
		if plain, err := url.PathUnescape(path); err == nil {
			all = append(all, permission{"s3:GetObject", "arn:aws:s3:::" + plain})
		}
	}
	return all
}

// maxPeek is the most of a body that is read to find what it names.
const maxPeek = 9 << 20

// repositoryARN reads the repository out of an ECR request, whose body it puts
// back.
func repositoryARN(r *http.Request, c api.Caller, operation string) string {
	if operation == "GetAuthorizationToken" || operation == "CreateRepository" {
		return "*"
	}
	var in struct {
		RepositoryName string `json:"repositoryName"`
		RegistryID     string `json:"registryId"`
	}
	if !peek(r, &in) || in.RepositoryName == "" {
		return "*"
	}
	if in.RegistryID == "" {
		in.RegistryID = c.Account
	}
	return "arn:" + api.Partition(c.Region) + ":ecr:" + c.Region + ":" + in.RegistryID + ":repository/" + in.RepositoryName
}

// peek reads a request's document into v and puts the body back.
func peek(r *http.Request, v any) bool {
	read, err := io.ReadAll(io.LimitReader(r.Body, maxPeek))
	r.Body = readCloser{io.MultiReader(bytes.NewReader(read), r.Body), r.Body}
	return err == nil && json.Unmarshal(read, v) == nil
}

// logGroupARN is the group whose logs are asked for, which a policy names with
// ":*" behind it.
func logGroupARN(r *http.Request, c api.Caller) string {
	var in struct{ LogGroupName, LogGroupIdentifier string }
	if !peek(r, &in) || in.LogGroupName+in.LogGroupIdentifier == "" {
		return "arn:" + api.Partition(c.Region) + ":logs:" + c.Region + ":" + c.Account + ":log-group::log-stream:"
	}
	if strings.HasPrefix(in.LogGroupIdentifier, "arn:") {
		return strings.TrimSuffix(in.LogGroupIdentifier, ":*") + ":*"
	}
	return "arn:" + api.Partition(c.Region) + ":logs:" + c.Region + ":" + c.Account + ":log-group:" + in.LogGroupName + in.LogGroupIdentifier + ":*"
}

// codeDeployPermissions: GetDeployment is authorized on the group of the
// deployment, and CreateDeployment on the configuration too; CodeDeploy alone knows
// these and asks for them. StopDeployment knows no resource.
func codeDeployPermissions(r *http.Request, c api.Caller, operation string) []permission {
	var in struct{ ApplicationName, DeploymentGroupName, DeploymentConfigName string }
	start := "arn:" + api.Partition(c.Region) + ":codedeploy:" + c.Region + ":" + c.Account + ":"
	resource := "*"
	switch read := peek(r, &in); {
	case operation == "GetDeployment":
		return nil
	case !read, operation == "StopDeployment", operation == "PutLifecycleEventHookExecutionStatus":
	case operation == "CreateApplication":
		resource = start + "application:" + in.ApplicationName
	case operation == "CreateDeploymentConfig", operation == "GetDeploymentConfig":
		resource = start + "deploymentconfig:" + in.DeploymentConfigName
	default:
		resource = start + "deploymentgroup:" + in.ApplicationName + "/" + in.DeploymentGroupName
	}
	needed := []permission{{"codedeploy:" + operation, resource}}
	if operation == "CreateDeployment" {
		needed = append(needed, permission{"codedeploy:RegisterApplicationRevision", start + "application:" + in.ApplicationName})
	}
	return needed
}

// parameterPermissions asks for each parameter that a request names, without its
// version or label.
func parameterPermissions(r *http.Request, c api.Caller, operation string) []permission {
	var in struct {
		Name, Path string
		Names      []string
	}
	if !peek(r, &in) {
		return []permission{{"ssm:" + operation, "*"}}
	}
	names := in.Names
	if in.Name+in.Path != "" {
		names = append(names, in.Name+in.Path)
	}
	var all []permission
	for _, name := range names {
		if _, after, ok := strings.Cut(name, ":parameter/"); ok {
			name = after
		}
		name, _, _ = strings.Cut(name, ":")
		all = append(all, permission{"ssm:" + operation, ssm.ARN(c, name)})
	}
	return all
}

// secretARN is the secret that a request names; a batch is asked for on "*".
func secretARN(r *http.Request, c api.Caller, operation string) string {
	var in struct{ SecretID, Name string }
	if operation == "BatchGetSecretValue" || !peek(r, &in) || in.SecretID+in.Name == "" {
		return "*"
	}
	return secretsmanager.ARN(c, in.SecretID+in.Name)
}

type readCloser struct {
	io.Reader
	io.Closer
}

// iamResource is the role that a request names, with its path where it is known.
func (s *Service) iamResource(r *http.Request, c api.Caller) string {
	if source := r.Form.Get("PolicySourceArn"); source != "" {
		return source
	}
	name := r.Form.Get("RoleName")
	if name == "" {
		return "*"
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if known := s.roles[roleKey(c.Account, name)]; known != nil {
		return known.ARN
	}
	path := r.Form.Get("Path")
	if path == "" {
		path = "/"
	}
	return "arn:" + api.Partition(c.Region) + ":iam::" + c.Account + ":role" + path + name
}

// alarmResource: which alarms a call names is not read; a policy needs all of
// them, or any resource.
func alarmResource(c api.Caller, operation string) string {
	if strings.HasSuffix(operation, "MetricData") {
		return "*"
	}
	return "arn:" + api.Partition(c.Region) + ":cloudwatch:" + c.Region + ":" + c.Account + ":alarm:*"
}
