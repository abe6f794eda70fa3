package input

import (
	"slices"
	"strings"
)

// Names that a deploy does not have, but that say what is wanted of it: those of
// other tools for what an input of ours does, of the fields of a function's
// definition, and words that ask for less than a whole deployment. A deploy that
// went on without them would do something else than it was asked for.

// elsewhere are other tools' names (of drone-lambda, lambda-action,
// aws-lambda-deploy, lambroll, the AWS CLI) by what this program calls them.
var elsewhere = map[string]string{
	"region": "aws-region", "defaultregion": "aws-region", "awsdefaultregion": "aws-region",
	"accesskey": "aws-access-key-id", "accesskeyid": "aws-access-key-id", "awsaccesskey": "aws-access-key-id",
	"secretkey": "aws-secret-access-key", "secretaccesskey": "aws-secret-access-key", "awssecretkey": "aws-secret-access-key",
	"sessiontoken": "aws-session-token", "rolearn": "role-to-assume", "assumerole": "role-to-assume", "awsrole": "role-to-assume", "role": "role-to-assume",
	"externalid": "role-external-id", "sessionname": "role-session-name",
	"aliasname": "alias", "functionalias": "alias",
	"zipfile": "artifact", "zip": "artifact", "source": "artifact", "src": "artifact", "codeartifactsdir": "artifact",
	"image": "artifact", "imageuri": "artifact", "s3bucket": "artifact", "s3key": "artifact", "s3objectversion": "artifact",
	"definition": "function-definition", "definitionfile": "function-definition", "functionfile": "function-definition",
	"envvars": "environment-variables", "keepversion": "keep-versions", "verifypayload": "verify", "smoketest": "verify", "healthcheck": "verify",
}

// fields are those of a function's definition.
var fields = strings.Fields(`functionname runtime handler memorysize functiondescription layers tags subnets
	securitygroups subnetids securitygroupids vpcconfig tracingconfig tracingmode architectures ephemeralstorage
	kmskeyarn deadletterconfig filesystemconfigs imageconfig snapstart loggingconfig packagetype codesigningconfigarn`)

// lesser are words of which a setting's name may be made that asks for less than
// a whole deployment.
var lesser = []struct{ words, hint string }{
	{"dry dryrun noop nodeploy plan preview simulate simulation diff validate check test whatif no not only skip disable disabled", "command: plan shows what a deploy would do and changes nothing; command: validate checks the files"},
	{"canary weight weights percent percentage traffic linear stage stages bake", "traffic: 10%/5m, 50%/5m says how traffic shifts to the new version"},
	{"approve approval confirm", "a deploy does not wait for anybody: use an environment with reviewers, or traffic: 0% and a later step with command: shift"},
}

// foreignSetting tells what to write in place of a setting that is none of ours;
// "" where its name says nothing.
func foreignSetting(name string) (hint string) {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("_- .", r) })
	joined := strings.Join(words, "")
	if input := elsewhere[joined]; input != "" {
		if _, ours := find(input); ours {
			return "did you mean `" + input + "`?"
		}
	}
	if slices.Contains(fields, joined) {
		return "it belongs in the file that function-definition names"
	}
	for _, l := range lesser {
		if slices.ContainsFunc(words, func(word string) bool { return slices.Contains(strings.Fields(l.words), word) }) {
			return l.hint
		}
	}
	return ""
}
