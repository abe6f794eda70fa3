package convert

import (
	"strings"
)

// A peer is a step of another tool that deploys Lambda functions. What each of its
// inputs becomes is one line of a table: the input, what kind of value it is, and
// where that goes.
//
//	text, number, json, list, pairs   a field of the function's definition
//	input                             an input of this program
//	flag                              an input that is true or false
//	is VALUE                          nothing where it has the value: that is so here
//	left                              nothing: the sentence says what is different here,
//	                                  and the workflow stops
//	note                              nothing: the sentence says what does the same
//
// The tables are complete for aws-lambda-deploy v1.1.1 and lambda-action and
// drone-lambda v1.3.8
// (https://github.com/aws-actions/aws-lambda-deploy/blob/main/action.yml,
// https://github.com/appleboy/drone-lambda, both read on 2026-11-29).
const awsLambdaDeploy = `
function-name text functionName
package-type package
image-uri input artifact
code-artifacts-dir input artifact
handler text handler
runtime text runtime
s3-bucket input staging-bucket
s3-key left an uploaded zip is named after its content, and only one above 50 MB is uploaded
publish is true
dry-run dry
revision-id left every change is made to the revision that was just read, and no other
architectures list architectures
source-kms-key-arn text code.sourceKmsKeyArn
role text role
function-description text description
memory-size number memorySize
timeout number timeout
vpc-config json vpcConfig
environment json environment.variables
dead-letter-config json deadLetterConfig
kms-key-arn text kmsKeyArn
tracing-config json tracingConfig
layers json layers
file-system-configs json fileSystemConfigs
image-config json imageConfig
ephemeral-storage number ephemeralStorage.size
snap-start json snapStart
logging-config json loggingConfig
code-signing-config-arn text codeSigningConfigArn
durable-config json durableConfig
tags json tags`

const lambdaAction = `
region input aws-region
aws-region input aws-region
access-key input aws-access-key-id
aws-access-key-id input aws-access-key-id
secret-key input aws-secret-access-key
aws-secret-access-key input aws-secret-access-key
session-token input aws-session-token
aws-session-token input aws-session-token
profile left credentials come from role-to-assume or aws-access-key-id, or from the environment
aws-profile left credentials come from role-to-assume or aws-access-key-id, or from the environment
function-name text functionName
s3-bucket object bucket
s3-key object key
s3-object-version object version
zip-file input artifact
source source
image-uri input artifact
dry-run dry
debug flag verbose
publish is true
reversion-id left every change is made to the revision that was just read, and no other
memory-size number memorySize
timeout number timeout
handler text handler
role text role
runtime text runtime
description text description
environment pairs environment.variables
layers list layers
subnets list vpcConfig.subnetIds
securitygroups list vpcConfig.securityGroupIds
security-groups list vpcConfig.securityGroupIds
ipv6-dual-stack truth vpcConfig.ipv6AllowedForDualStack
tracing-mode text tracingConfig.mode
architectures list architectures
kms-key-arn text kmsKeyArn
pull ignored
max-attempts left the inputs timeout and rollback-timeout bound how long it waits`

// lambrollOptions are the keys of lambroll's option file and of its section deploy
// (https://github.com/fujiwara/lambroll/blob/v1/cli.go, read on 2026-11-29).
const lambrollOptions = `
region input aws-region
tfstate path tfstate
prefixed-tfstate paths prefixed-tfstate
envfile files envfile
ext-str map ext-str
ext-code map ext-code
extstr map ext-str
extcode map ext-code
function function
log-level ignored
color ignored
profile note the workflow assumes the role that role-to-assume names
endpoint left the embedded AWS is the input local; another endpoint is AWS_ENDPOINT_URL in the environment
src src
alias input alias
function-url path settings
keep-versions input keep-versions
publish is true
dry-run dry
skip-archive skip
alias-to-latest left an alias points to a published version here
skip-configuration left leave the fields out of the definition: what it does not name stays as it is
skip-function left a deploy that finds the code and the definition unchanged changes the settings alone
ignore left leave the field out of the definition: what it does not name stays as it is
exclude-file left its patterns belong in the file .lambdaignore of the folder that is zipped
symlink is true`

// rule is what one input becomes: the kind of the table, and its target or sentence.
type rule struct{ kind, target string }

// ruleOf finds an input in a table; names are compared without regard to case, and
// to - and _.
func ruleOf(table, name string) (rule, bool) {
	name = inputName(name)
	for line := range strings.Lines(table) {
		input, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if input == name && name != "" {
			kind, target, _ := strings.Cut(rest, " ")
			return rule{kind, target}, true
		}
	}
	return rule{}, false
}

// inputName is the name as tables have it.
func inputName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// host is how the file writes steps in which a peer is used.
type host struct {
	// uses is the key that names the peer, settings the one of its inputs.
	uses, settings string
	// program is what takes the peer's place.
	program string
	// dash joins the words of an input's name.
	dash string
	// opening and closing mark what the host fills in.
	opening, closing string
}

var (
	gitHub = host{"uses", "with", action, "-", gitHubOpening, "}}"}
	drone  = host{"image", "settings", "ghcr.io/lambda-rollout/lambda-rollout", "_", "${", "}"}
)

// peerOf returns the table of what a step uses; "" where it is no peer.
func peerOf(uses string) (name, table string) {
	uses = strings.TrimPrefix(strings.ToLower(uses), "docker://")
	uses, _, _ = strings.Cut(uses, "@")
	if i := strings.LastIndexByte(uses, ':'); i > strings.LastIndexByte(uses, '/') {
		uses = uses[:i]
	}
	for _, registry := range []string{"index.docker.io/", "docker.io/", "ghcr.io/"} {
		uses = strings.TrimPrefix(uses, registry)
	}
	switch uses {
	case "aws-actions/aws-lambda-deploy":
		return "aws-lambda-deploy", awsLambdaDeploy
	case "appleboy/lambda-action":
		return "lambda-action", lambdaAction
	case "appleboy/drone-lambda":
		return "drone-lambda", lambdaAction
	}
	return "", ""
}

// spans splits a text at what the host fills in: the parts with an odd index are
// what is between the marks.
func (h host) spans(text string) []string {
	var out []string
	for {
		before, rest, found := strings.Cut(text, h.opening)
		out = append(out, before)
		if !found {
			return out
		}
		end := expressionEnd(rest)
		if h.closing != "}}" {
			end = strings.Index(rest, h.closing) + len(h.closing)
		}
		if end < len(h.closing) || !strings.HasSuffix(rest[:end], h.closing) {
			out[len(out)-1] += h.opening + rest
			return out
		}
		out, text = append(out, strings.TrimSpace(rest[:end-len(h.closing)])), rest[end:]
	}
}

// filledIn reports whether the host fills in a part of a text.
func (h host) filledIn(text string) bool { return len(h.spans(text)) > 1 }
