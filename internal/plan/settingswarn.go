package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// checkSettings adds what AWS would refuse, and what is worth a look, about the
// settings as the deployment leaves them.
func (p *Plan) checkSettings(w Wanted, o Observation, after Settings) {
	p.checkConcurrency(w, after)
	managed := w.Function.CapacityProviderConfig != nil || o.Latest != nil && o.Latest.CapacityProviderConfig != nil
	for _, key := range sortedKeys(after) {
		switch v := after[key].(type) {
		case definition.FunctionURL:
			p.checkURL(w, after, key)
			p.checkPolicyUnnamed(w, o.Settings[key], v, key)
		case definition.Permission:
			p.checkStatement(w, key, v)
		case definition.Scaling:
			if !managed && !definition.SameSetting(v, definition.DefaultSetting(v.Kind())) {
				p.Blockers = append(p.Blockers, "scalingConfig is for functions on managed instances, and this one has no capacityProviderConfig")
			}
		case definition.ReservedConcurrency, definition.ProvisionedConcurrency, definition.EventInvoke, definition.RecursiveLoop,
			definition.RuntimeManagement:
		}
	}
}

// settingsAfter are the settings as a deployment leaves them.
func settingsAfter(now Settings, steps []Step) Settings {
	after := maps.Clone(now)
	if after == nil {
		after = Settings{}
	}
	for _, s := range steps {
		if left, is := SettingOf(s); is {
			after[left.SettingKey] = left.Value
		}
	}
	return after
}

// checkConcurrency compares what is reserved with what is provisioned: AWS
// refuses less ("ReservedConcurrentExecutions should not be lower than
// function's total provisioned concurrency").
func (p *Plan) checkConcurrency(w Wanted, after Settings) {
	total := Provisioned(after)
	reserved, is := after[definition.SettingKey{Kind: definition.ReservedConcurrencySetting}].(definition.ReservedConcurrency)
	switch {
	case is && reserved.Executions < total:
		p.Blockers = append(p.Blockers, fmt.Sprintf("reservedConcurrency is %d, less than the provisionedConcurrency of %d that must fit into it", reserved.Executions, total))
	case is && reserved.Executions == 0:
		p.Warnings = append(p.Warnings, "reservedConcurrency is 0, which switches the function off: AWS refuses every invocation")
	}
	if total == 0 || w.Traffic.Last() == 100 {
		return
	}
	for _, key := range sortedKeys(after) {
		if key.Kind == definition.ProvisionedConcurrencySetting && after[key] != nil && named(w.Aliases, key.Qualifier) {
			// https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
			p.Warnings = append(p.Warnings, fmt.Sprintf("alias %s keeps sharing its traffic, and AWS changes no provisioned concurrency of an alias that does", key.Qualifier))
		}
	}
}

func named(aliases []definition.Alias, name string) bool {
	return slices.ContainsFunc(aliases, func(a definition.Alias) bool { return a.Name == name })
}

// checkURL warns of a URL that answers everybody with 403: since October 2025 a
// caller needs both actions
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
func (p *Plan) checkURL(w Wanted, after Settings, key definition.SettingKey) {
	url, _ := after[key].(definition.FunctionURL)
	if key.Qualifier == "" && len(w.Aliases) > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the function URL belongs to $LATEST, which changes at once: with qualifier: %s its callers would move with the alias", w.Aliases[0].Name))
	}
	if !w.Settings.Names(definition.PermissionSetting) {
		return
	}
	if url.AuthType != "NONE" {
		p.checkServices(after, key)
		return
	}
	var byURL, invoke bool
	for k, v := range after {
		s, is := v.(definition.Permission)
		if !is || k.Qualifier != key.Qualifier || s.Principal != "*" {
			continue
		}
		byURL = byURL || s.Action == "lambda:InvokeFunctionUrl" && (s.FunctionUrlAuthType == "" || s.FunctionUrlAuthType == "NONE")
		invoke = invoke || s.Action == "lambda:InvokeFunction"
	}
	const advice = "the %s has the AuthType NONE and answers with 403: it needs a permission for principal * with the action %s and %s"
	if !byURL {
		p.Warnings = append(p.Warnings, fmt.Sprintf(advice, urlOf(key), "lambda:InvokeFunctionUrl", "functionUrlAuthType: NONE"))
	}
	if !invoke {
		p.Warnings = append(p.Warnings, fmt.Sprintf(advice, urlOf(key), "lambda:InvokeFunction", "invokedViaFunctionUrl: true"))
	}
}

// checkServices warns of services, as CloudFront with its origin access control, that
// may use one of the two actions alone
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html).
func (p *Plan) checkServices(after Settings, url definition.SettingKey) {
	invokes := map[string]bool{}
	for k, v := range after {
		if s, is := v.(definition.Permission); is && k.Qualifier == url.Qualifier && s.Action != "lambda:InvokeFunctionUrl" {
			invokes[s.Principal] = true
		}
	}
	for _, k := range sortedKeys(after) {
		s, is := after[k].(definition.Permission)
		if is && k.Qualifier == url.Qualifier && s.Action == "lambda:InvokeFunctionUrl" && strings.HasSuffix(s.Principal, ".amazonaws.com") && !invokes[s.Principal] {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s lets %s use lambda:InvokeFunctionUrl alone, and the %s answers it with 403: it needs lambda:InvokeFunction with invokedViaFunctionUrl: true, too", k, s.Principal, urlOf(url)))
		}
	}
}

// checkPolicyUnnamed warns where a URL opens to everybody and the document says
// nothing about the permissions that this takes.
func (p *Plan) checkPolicyUnnamed(w Wanted, now definition.SettingValue, url definition.FunctionURL, key definition.SettingKey) {
	was, _ := now.(definition.FunctionURL)
	if url.AuthType == "NONE" && was.AuthType != "NONE" && !w.Settings.Names(definition.PermissionSetting) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the %s gets the AuthType NONE and the settings name no permissions: unless its policy lets principal * use both lambda:InvokeFunctionUrl and lambda:InvokeFunction, callers get 403", urlOf(key)))
	}
}

// checkStatement warns of a statement of the document that lets everybody in, and
// not only through the URL.
func (p *Plan) checkStatement(w Wanted, key definition.SettingKey, s definition.Permission) {
	ours := false
	for _, one := range w.Settings.Named {
		ours = ours || one.SettingKey == key
	}
	restricted := s.SourceArn+s.SourceAccount+s.PrincipalOrgID+s.EventSourceToken != "" || s.InvokedViaFunctionUrl != nil && *s.InvokedViaFunctionUrl
	if ours && s.Principal == "*" && s.Action != "lambda:InvokeFunctionUrl" && !restricted {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s lets everybody with an AWS account use %s on the function, past its URL: add invokedViaFunctionUrl: true", key, s.Action))
	}
}
