package cli

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// everySetting sets all that AWS keeps beside the configuration, of the function and of
// its alias live.
func (b *bench) everySetting(c *lambda.Client) {
	b.t.Helper()
	ctx, name, live := b.t.Context(), aws.String(fn), aws.String("live")
	var errs []error
	did := func(err error) { errs = append(errs, err) }
	_, err := c.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(7)})
	did(err)
	_, err = c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: live, ProvisionedConcurrentExecutions: aws.Int32(2)})
	did(err)
	_, err = c.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: name, RecursiveLoop: types.RecursiveLoopAllow})
	did(err)
	_, err = c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: name, UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate})
	did(err)
	for _, qualifier := range []*string{nil, live} {
		_, err = c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
			FunctionName: name, Qualifier: qualifier, AuthType: types.FunctionUrlAuthTypeAwsIam, InvokeMode: types.InvokeModeResponseStream,
			Cors: &types.Cors{AllowCredentials: aws.Bool(true), AllowHeaders: []string{"x-a"}, AllowMethods: []string{"GET"}, AllowOrigins: []string{"https://shop.example"}, ExposeHeaders: []string{"x-b"}, MaxAge: aws.Int32(60)},
		})
		did(err)
		_, err = c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: name, Qualifier: qualifier, MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(90),
			DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:eu-central-1:000000000000:failed")}},
		})
		did(err)
		for sid, in := range map[string]*lambda.AddPermissionInput{
			"account": {Principal: aws.String("111122223333"), Action: aws.String("lambda:InvokeFunction")},
			"events":  {Principal: aws.String("events.amazonaws.com"), Action: aws.String("lambda:InvokeFunction"), SourceArn: aws.String("arn:aws:events:eu-central-1:000000000000:rule/r"), SourceAccount: aws.String("000000000000")},
			"org":     {Principal: aws.String("*"), Action: aws.String("lambda:GetFunction"), PrincipalOrgID: aws.String("o-a1b2c3d4e5")},
			"url":     {Principal: aws.String("*"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: types.FunctionUrlAuthTypeAwsIam},
			"via":     {Principal: aws.String("111122223333"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
		} {
			in.FunctionName, in.Qualifier, in.StatementId = name, qualifier, &sid
			_, err = c.AddPermission(ctx, in)
			did(err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		b.t.Fatal(err)
	}
}
