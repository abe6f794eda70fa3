package lambdaapi

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func (c *Client) deleteSetting(ctx context.Context, function string, key definition.SettingKey) (operation string, _ middleware.Metadata, err error) {
	qualifier := nonEmpty(key.Qualifier)
	switch key.Kind {
	case definition.ReservedConcurrencySetting:
		out, err := c.api.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &function}, once)
		if err != nil {
			return "", middleware.Metadata{}, err
		}
		return "DeleteFunctionConcurrency", out.ResultMetadata, nil
	case definition.ProvisionedConcurrencySetting:
		out, err := c.api.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: qualifier}, once)
		if err != nil {
			return "", middleware.Metadata{}, err
		}
		return "DeleteProvisionedConcurrencyConfig", out.ResultMetadata, nil
	case definition.FunctionURLSetting:
		out, err := c.api.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: &function, Qualifier: qualifier}, once)
		if err != nil {
			return "", middleware.Metadata{}, err
		}
		return "DeleteFunctionUrlConfig", out.ResultMetadata, nil
	case definition.PermissionSetting:
		out, err := c.api.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: &function, Qualifier: qualifier, StatementId: &key.Sid}, once)
		if err != nil {
			return "", middleware.Metadata{}, err
		}
		return "RemovePermission", out.ResultMetadata, nil
	case definition.EventInvokeSetting:
		out, err := c.api.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &function, Qualifier: qualifier}, once)
		if err != nil {
			return "", middleware.Metadata{}, err
		}
		return "DeleteFunctionEventInvokeConfig", out.ResultMetadata, nil
	case definition.RecursiveLoopSetting, definition.RuntimeManagementSetting, definition.ScalingSetting:
	}
	return "", middleware.Metadata{}, fmt.Errorf("there is no call that removes %s", key.Kind)
}

func (c *Client) addPermission(ctx context.Context, function string, key definition.SettingKey, p definition.Permission) (definition.SettingValue, error) {
	out, err := c.api.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: &function, Qualifier: nonEmpty(key.Qualifier), StatementId: &key.Sid, Action: &p.Action, Principal: &p.Principal,
		SourceArn: nonEmpty(p.SourceArn), SourceAccount: nonEmpty(p.SourceAccount), EventSourceToken: nonEmpty(p.EventSourceToken),
		PrincipalOrgID: nonEmpty(p.PrincipalOrgID), FunctionUrlAuthType: types.FunctionUrlAuthType(p.FunctionUrlAuthType),
		InvokedViaFunctionUrl: p.InvokedViaFunctionUrl,
	}, once)
	if err != nil {
		return nil, err
	}
	var s statement
	if err := json.Unmarshal([]byte(aws.ToString(out.Statement)), &s); err != nil || s.Sid != key.Sid {
		return nil, &AnswerError{Operation: "AddPermission", Subject: function}
	}
	return s.permission(), nil
}

// statements reads a resource policy by Sid; there is none of a qualifier that
// does not exist.
func (c *Client) statements(ctx context.Context, function, qualifier string) (map[string]definition.Permission, error) {
	out, err := c.api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &function, Qualifier: nonEmpty(qualifier)})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the policy of %s: %w", join(function, qualifier), err)
	}
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &document); err != nil || document.Statement == nil {
		return nil, fmt.Errorf("read the policy of %s: %w", join(function, qualifier), &AnswerError{Operation: "GetPolicy", Subject: function})
	}
	all := map[string]definition.Permission{}
	for _, s := range document.Statement {
		all[s.Sid] = s.permission()
	}
	return all, nil
}

// statement is one of a policy, as AWS writes it.
type statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage
	Action    json.RawMessage
	Condition map[string]map[string]json.RawMessage
}

// permission is what AddPermission would take for it. What that cannot say is
// kept aside, so that the statement equals no other.
func (s statement) permission() definition.Permission {
	var p definition.Permission
	other := map[string]any{}
	if s.Effect != "Allow" {
		other["Effect"] = s.Effect
	}
	if json.Unmarshal(s.Action, &p.Action) != nil {
		other["Action"] = s.Action
	}
	var by map[string]string
	switch {
	case json.Unmarshal(s.Principal, &p.Principal) == nil:
	case json.Unmarshal(s.Principal, &by) == nil && len(by) == 1:
		p.Principal = by["Service"] + by["AWS"] + by["Federated"]
	default:
		other["Principal"] = s.Principal
	}
	for operator, conditions := range s.Condition {
		for key, raw := range conditions {
			var value string
			if json.Unmarshal(raw, &value) != nil || !setCondition(&p, operator+" "+key, value) {
				other[operator+" "+key] = raw
			}
		}
	}
	if len(other) > 0 {
		text, _ := json.Marshal(other) // of texts and what was JSON before
		p.Other = string(text)
	}
	return p
}

// setCondition sets the parameter of AddPermission that writes a condition.
func setCondition(p *definition.Permission, condition, value string) bool {
	switch condition {
	case "ArnLike AWS:SourceArn", "ArnLike aws:SourceArn":
		p.SourceArn = value
	case "StringEquals AWS:SourceAccount", "StringEquals aws:SourceAccount":
		p.SourceAccount = value
	case "StringEquals lambda:EventSourceToken":
		p.EventSourceToken = value
	case "StringEquals aws:PrincipalOrgID":
		p.PrincipalOrgID = value
	case "StringEquals lambda:FunctionUrlAuthType":
		p.FunctionUrlAuthType = value
	case "Bool lambda:InvokedViaFunctionUrl":
		via := value == "true"
		p.InvokedViaFunctionUrl = &via
	default:
		return false
	}
	return true
}

func flattenEventInvoke(age, retries *int32, to *types.DestinationConfig) definition.EventInvoke {
	out := definition.EventInvoke{MaximumEventAgeInSeconds: age, MaximumRetryAttempts: retries}
	if to == nil {
		return out
	}
	d := &definition.EventInvokeDestination{}
	if to.OnSuccess != nil && aws.ToString(to.OnSuccess.Destination) != "" {
		d.OnSuccess = &definition.Destination{Destination: *to.OnSuccess.Destination}
	}
	if to.OnFailure != nil && aws.ToString(to.OnFailure.Destination) != "" {
		d.OnFailure = &definition.Destination{Destination: *to.OnFailure.Destination}
	}
	if d.OnSuccess != nil || d.OnFailure != nil {
		out.DestinationConfig = d
	}
	return out
}

func expandDestinations(d *definition.EventInvokeDestination) *types.DestinationConfig {
	if d == nil {
		return nil
	}
	out := &types.DestinationConfig{}
	if d.OnSuccess != nil && d.OnSuccess.Destination != "" {
		out.OnSuccess = &types.OnSuccess{Destination: &d.OnSuccess.Destination}
	}
	if d.OnFailure != nil && d.OnFailure.Destination != "" {
		out.OnFailure = &types.OnFailure{Destination: &d.OnFailure.Destination}
	}
	return out
}

func flattenURL(auth types.FunctionUrlAuthType, mode types.InvokeMode, cors *types.Cors, url *string) definition.FunctionURL {
	out := definition.FunctionURL{AuthType: string(auth), InvokeMode: string(mode), URL: aws.ToString(url)}
	if cors != nil {
		out.Cors = &definition.Cors{
			AllowCredentials: cors.AllowCredentials, AllowHeaders: cors.AllowHeaders, AllowMethods: cors.AllowMethods,
			AllowOrigins: cors.AllowOrigins, ExposeHeaders: cors.ExposeHeaders, MaxAge: cors.MaxAge,
		}
	}
	return out
}

func expandCors(c *definition.Cors) *types.Cors {
	if c == nil {
		return nil
	}
	return &types.Cors{
		AllowCredentials: c.AllowCredentials, AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
		AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders, MaxAge: c.MaxAge,
	}
}

func flattenScaling(c *types.FunctionScalingConfig) definition.SettingValue {
	if c == nil {
		return definition.Scaling{}
	}
	return definition.Scaling{MinExecutionEnvironments: c.MinExecutionEnvironments, MaxExecutionEnvironments: c.MaxExecutionEnvironments}
}
