package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// Settings reads settings of a function, side by side: those of keys, nil for one
// that is not set, and every statement in the policies of these qualifiers. A
// policy is read once, whatever number of its statements is asked for. What
// hangs on an alias that does not exist is not set.
func (c *Client) Settings(ctx context.Context, function string, keys []definition.SettingKey, policies []string) (map[definition.SettingKey]definition.SettingValue, error) {
	policies = slices.Clone(policies)
	var single []definition.SettingKey
	for _, key := range keys {
		switch {
		case key.Kind != definition.PermissionSetting:
			single = append(single, key)
		case !slices.Contains(policies, key.Qualifier):
			policies = append(policies, key.Qualifier)
		}
	}
	found := make([]definition.SettingValue, len(single))
	statements := make([]map[string]definition.Permission, len(policies))
	group, call := errgroup.WithContext(ctx)
	for i, key := range single {
		group.Go(func() (err error) { found[i], err = c.setting(call, function, key); return err })
	}
	for i, qualifier := range policies {
		group.Go(func() (err error) { statements[i], err = c.statements(call, function, qualifier); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := map[definition.SettingKey]definition.SettingValue{}
	for _, key := range keys {
		all[key] = nil
	}
	for i, key := range single {
		all[key] = found[i]
	}
	for i, qualifier := range policies {
		for sid, p := range statements[i] {
			all[definition.SettingKey{Kind: definition.PermissionSetting, Qualifier: qualifier, Sid: sid}] = p
		}
	}
	return all, nil
}

// Unreserved is how much concurrency the account has that is reserved for no
// function. What others have provisioned is part of it
// (https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html).
func (c *Client) Unreserved(ctx context.Context) (int32, error) {
	out, err := c.api.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return 0, fmt.Errorf("read the concurrency of the account: %w", err)
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		return 0, &AnswerError{Operation: "GetAccountSettings", Subject: "the account"}
	}
	return *out.AccountLimit.UnreservedConcurrentExecutions, nil
}

// AllProvisioned is how much provisioned concurrency is asked for, by alias and version.
func (c *Client) AllProvisioned(ctx context.Context, function string) (map[string]int32, error) {
	all := map[string]int32{}
	pages := lambda.NewListProvisionedConcurrencyConfigsPaginator(c.api, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the provisioned concurrency of %s: %w", function, err)
		}
		for _, p := range page.ProvisionedConcurrencyConfigs {
			arn := aws.ToString(p.FunctionArn)
			all[arn[strings.LastIndex(arn, ":")+1:]] = aws.ToInt32(p.RequestedProvisionedConcurrentExecutions)
		}
	}
	return all, nil
}

// CodeStorage is how many bytes of code the account has in the Region, and how many it may
// have.
func (c *Client) CodeStorage(ctx context.Context) (used, limit int64, err error) {
	out, err := c.api.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return 0, 0, fmt.Errorf("read the code storage of the account: %w", err)
	}
	if out.AccountLimit == nil || out.AccountUsage == nil {
		return 0, 0, &AnswerError{Operation: "GetAccountSettings", Subject: "the account"}
	}
	return out.AccountUsage.TotalCodeSize, out.AccountLimit.TotalCodeSize, nil
}

// setting reads one setting that is no statement of a policy.
func (c *Client) setting(ctx context.Context, function string, key definition.SettingKey) (definition.SettingValue, error) {
	value, err := c.readSetting(ctx, function, key)
	var none *types.ProvisionedConcurrencyConfigNotFoundException
	if notFound(err) || errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of function %s: %w", key, function, err)
	}
	return value, nil
}

func (c *Client) readSetting(ctx context.Context, function string, key definition.SettingKey) (definition.SettingValue, error) {
	qualifier := nonEmpty(key.Qualifier)
	switch key.Kind {
	case definition.ReservedConcurrencySetting:
		out, err := c.api.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &function})
		switch {
		case err != nil:
			return nil, err
		case out.ReservedConcurrentExecutions == nil && emptyAnswer(out.ResultMetadata):
			return nil, &AnswerError{Operation: "GetFunctionConcurrency", Subject: function}
		case out.ReservedConcurrentExecutions == nil:
			return nil, nil
		}
		return definition.ReservedConcurrency{Executions: *out.ReservedConcurrentExecutions}, nil
	case definition.ProvisionedConcurrencySetting:
		out, err := c.api.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: &key.Qualifier})
		if err != nil || out.RequestedProvisionedConcurrentExecutions == nil {
			return nil, unanswered(err, "GetProvisionedConcurrencyConfig", function)
		}
		return definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: aws.ToInt32(out.RequestedProvisionedConcurrentExecutions)}, nil
	case definition.EventInvokeSetting:
		out, err := c.api.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &function, Qualifier: qualifier})
		if err != nil || out.FunctionArn == nil {
			return nil, unanswered(err, "GetFunctionEventInvokeConfig", function)
		}
		return flattenEventInvoke(out.MaximumEventAgeInSeconds, out.MaximumRetryAttempts, out.DestinationConfig), nil
	case definition.FunctionURLSetting:
		out, err := c.api.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &function, Qualifier: qualifier})
		if err != nil || out.AuthType == "" {
			return nil, unanswered(err, "GetFunctionUrlConfig", function)
		}
		return flattenURL(out.AuthType, out.InvokeMode, out.Cors, out.FunctionUrl), nil
	case definition.RecursiveLoopSetting:
		out, err := c.api.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: &function})
		if err != nil || out.RecursiveLoop == "" {
			return nil, unanswered(err, "GetFunctionRecursionConfig", function)
		}
		return definition.RecursiveLoop{Mode: string(out.RecursiveLoop)}, nil
	case definition.RuntimeManagementSetting:
		out, err := c.api.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigInput{FunctionName: &function})
		if err != nil || out.UpdateRuntimeOn == "" {
			return nil, unanswered(err, "GetRuntimeManagementConfig", function)
		}
		return definition.RuntimeManagement{UpdateRuntimeOn: string(out.UpdateRuntimeOn), RuntimeVersionArn: aws.ToString(out.RuntimeVersionArn)}, nil
	case definition.ScalingSetting:
		out, err := c.api.GetFunctionScalingConfig(ctx, &lambda.GetFunctionScalingConfigInput{FunctionName: &function, Qualifier: &key.Qualifier})
		if err != nil || out.FunctionArn == nil {
			return nil, unanswered(err, "GetFunctionScalingConfig", function)
		}
		return flattenScaling(out.RequestedFunctionScalingConfig), nil
	}
	return nil, fmt.Errorf("there is no way to read %s", key.Kind)
}

// unanswered is a read's error; where it has none, its answer lacks what AWS's always
// has.
func unanswered(err error, operation, function string) error {
	if err != nil {
		return err
	}
	return &AnswerError{Operation: operation, Subject: function}
}

// PutSetting sets a setting once and returns what AWS answered. replaces reports whether
// it is set already, where AWS has another call for that.
func (c *Client) PutSetting(ctx context.Context, function string, s definition.Setting, replaces bool) (definition.SettingValue, error) {
	answer, err := c.putSetting(ctx, function, s, replaces)
	if err != nil {
		return nil, fmt.Errorf("set %s of function %s: %w", s.SettingKey, function, err)
	}
	if !definition.SameSetting(answer, s.Value) {
		return nil, fmt.Errorf("set %s of function %s: %w", s.SettingKey, function, &AnswerError{Operation: "set " + string(s.Kind), Subject: function})
	}
	return answer, nil
}

// putSetting returns what AWS answered.
func (c *Client) putSetting(ctx context.Context, function string, s definition.Setting, replaces bool) (definition.SettingValue, error) {
	qualifier := nonEmpty(s.Qualifier)
	switch v := s.Value.(type) {
	case definition.ReservedConcurrency:
		out, err := c.api.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: &function, ReservedConcurrentExecutions: &v.Executions}, once)
		if err != nil || out.ReservedConcurrentExecutions == nil {
			return nil, err
		}
		return definition.ReservedConcurrency{Executions: *out.ReservedConcurrentExecutions}, nil
	case definition.ProvisionedConcurrency:
		out, err := c.api.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
			FunctionName: &function, Qualifier: qualifier, ProvisionedConcurrentExecutions: &v.ProvisionedConcurrentExecutions,
		}, once)
		if err != nil {
			return nil, err
		}
		return definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: aws.ToInt32(out.RequestedProvisionedConcurrentExecutions)}, nil
	case definition.EventInvoke:
		out, err := c.api.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: &function, Qualifier: qualifier, MaximumEventAgeInSeconds: v.MaximumEventAgeInSeconds,
			MaximumRetryAttempts: v.MaximumRetryAttempts, DestinationConfig: expandDestinations(v.DestinationConfig),
		}, once)
		if err != nil {
			return nil, err
		}
		return flattenEventInvoke(out.MaximumEventAgeInSeconds, out.MaximumRetryAttempts, out.DestinationConfig), nil
	case definition.Permission:
		return c.addPermission(ctx, function, s.SettingKey, v)
	case definition.FunctionURL:
		return c.putURL(ctx, function, s, replaces)
	case definition.RecursiveLoop:
		out, err := c.api.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: &function, RecursiveLoop: types.RecursiveLoop(v.Mode)}, once)
		if err != nil {
			return nil, err
		}
		return definition.RecursiveLoop{Mode: string(out.RecursiveLoop)}, nil
	case definition.RuntimeManagement:
		out, err := c.api.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{
			FunctionName: &function, UpdateRuntimeOn: types.UpdateRuntimeOn(v.UpdateRuntimeOn), RuntimeVersionArn: nonEmpty(v.RuntimeVersionArn),
		}, once)
		if err != nil {
			return nil, err
		}
		return definition.RuntimeManagement{UpdateRuntimeOn: string(out.UpdateRuntimeOn), RuntimeVersionArn: aws.ToString(out.RuntimeVersionArn)}, nil
	case definition.Scaling:
		out, err := c.api.PutFunctionScalingConfig(ctx, &lambda.PutFunctionScalingConfigInput{
			FunctionName: &function, Qualifier: qualifier,
			FunctionScalingConfig: &types.FunctionScalingConfig{MinExecutionEnvironments: v.MinExecutionEnvironments, MaxExecutionEnvironments: v.MaxExecutionEnvironments},
		}, once)
		if err != nil || out.FunctionState == "" {
			return nil, err
		}
		return v, nil // The answer has the function's state alone.
	}
	return nil, fmt.Errorf("there is no way to set %s", s.Kind)
}

// putURL creates a function URL, or changes the one that is there: there the
// members that are not named would stay, so all are.
func (c *Client) putURL(ctx context.Context, function string, s definition.Setting, replaces bool) (definition.SettingValue, error) {
	v, _ := s.Value.(definition.FunctionURL)
	qualifier, cors := nonEmpty(s.Qualifier), expandCors(v.Cors)
	if !replaces {
		out, err := c.api.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
			FunctionName: &function, Qualifier: qualifier, AuthType: types.FunctionUrlAuthType(v.AuthType), InvokeMode: types.InvokeMode(v.InvokeMode), Cors: cors,
		}, once)
		if err != nil {
			return nil, err
		}
		return flattenURL(out.AuthType, out.InvokeMode, out.Cors, out.FunctionUrl), nil
	}
	if cors == nil {
		cors = &types.Cors{}
	}
	mode := types.InvokeMode(v.InvokeMode)
	if mode == "" {
		mode = types.InvokeModeBuffered
	}
	out, err := c.api.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: &function, Qualifier: qualifier, AuthType: types.FunctionUrlAuthType(v.AuthType), InvokeMode: mode, Cors: cors,
	}, once)
	if err != nil {
		return nil, err
	}
	return flattenURL(out.AuthType, out.InvokeMode, out.Cors, out.FunctionUrl), nil
}

// DeleteSetting removes a setting; one that is not set is no error.
func (c *Client) DeleteSetting(ctx context.Context, function string, key definition.SettingKey) error {
	operation, metadata, err := c.deleteSetting(ctx, function, key)
	var none *types.ProvisionedConcurrencyConfigNotFoundException
	if notFound(err) || errors.As(err, &none) {
		return nil
	}
	if err == nil {
		err = acknowledged(operation, function, metadata)
	}
	if err != nil {
		return fmt.Errorf("remove %s of function %s: %w", key, function, err)
	}
	return nil
}
