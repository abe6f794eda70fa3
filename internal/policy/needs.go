package policy

import (
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Target is one function of a deployment and its plan.
type Target struct {
	Account, Partition, Region string
	Wanted                     plan.Wanted
	Before                     plan.Observation
	Plan                       plan.Plan
	Artifact                   Artifact
	// StagingBucket takes what a call cannot carry; empty where nothing is
	// staged, forward or back.
	StagingBucket string
	// KeepNewFunction leaves a new function in place when the deployment is rolled
	// back.
	KeepNewFunction bool
	// Prunes reports whether old versions are deleted after the deployment.
	Prunes bool
	// Invoked reports whether the new version is invoked before it gets traffic,
	// and the old one where the two are compared.
	Invoked bool
	// Guarded reports whether the metrics of the versions are compared while they
	// share the traffic.
	Guarded bool
	// Alarmed reports whether alarms are watched.
	Alarmed bool
}

// Artifact is where the code is read from. Its zero value is a zip or folder on
// this machine.
type Artifact struct {
	// Bucket and Key name an object, Version pins it.
	Bucket, Key, Version string
	// Pinned reports whether the input named the version, so that nobody asks for the
	// newest.
	Pinned bool
	// Prefix, where Listed is set, is what the keys begin with among which the
	// newest is taken.
	Listed bool
	Prefix string
	// RegistryAccount and Repository name an image's.
	RegistryAccount, Repository string
	// Elsewhere reports whether a connector of its own reads the artifact: its role
	// needs the reading, not the deployment's.
	Elsewhere bool
}

// Needs are the actions of the deployment of t and of its rollback, wherever
// it is cut off.
func Needs(t Target) []Need {
	n := needs{t: t}
	n.reads()
	n.invocations()
	n.watching()
	for _, s := range t.Plan.Steps {
		n.step(s)
	}
	n.rollback()
	n.callers()
	n.pruning()
	n.artifact()
	n.keys()
	n.staging()
	return n.all
}

// PlanNeeds are the actions of a plan, which reads and changes nothing.
func PlanNeeds(t Target) []Need {
	t.Plan, t.StagingBucket, t.Invoked, t.Prunes = plan.Plan{}, "", false, false
	t.Guarded, t.Alarmed = false, false
	return Needs(t)
}

// RehearsalNeeds are the actions of a rehearsal, which reads what surrounds a function
// that exists.
func RehearsalNeeds(t Target) []Need {
	n := needs{t: t, all: PlanNeeds(t)}
	n.watching()
	n.all = append(n.all, Need{Action: "lambda:GetAccountSettings", Resources: []string{"*"}, Without: "whether the account has room for the code is not known"})
	if t.Before.Latest != nil {
		n.function("ListTags")
		n.lookUps("ListAliases", "ListVersionsByFunction", "GetFunctionConcurrency", "GetFunctionRecursionConfig", "GetRuntimeManagementConfig")
		n.attachments()
	}
	return n.all
}

// ServiceNeeds are the actions of every deployment of what t's files name, and
// of its rollback: the first one, and each later one whatever differs then. A
// role, layer or key that the files do not name yet is not in it.
func ServiceNeeds(t Target) []Need {
	first, later := t, t
	first.Before = plan.Observation{}
	first.Plan = plan.Forward(t.Wanted, first.Before)
	if later.Before.Latest == nil {
		later.Before.Latest = &definition.Observed{Function: t.Wanted.Function}
	}
	f := t.Wanted.Function
	later.Plan = plan.Plan{Steps: []plan.Step{
		plan.UpdateConfiguration{Patch: f}, plan.UpdateCode{Code: t.Wanted.Code}, plan.PublishVersion{},
	}}
	for _, a := range t.Wanted.Aliases {
		later.Plan.Steps = append(later.Plan.Steps, plan.CreateAlias{Name: a.Name}, plan.UpdateAlias{Alias: a})
		if g := t.Wanted.CodeDeploy; g != nil {
			later.Plan.Steps = append(later.Plan.Steps, plan.CreateDeployment{Alias: a.Name, Group: g.For(f.FunctionName, a.Name)})
		}
	}
	if f.Tags != nil {
		later.Plan.Steps = append(later.Plan.Steps, plan.UntagResource{})
	}
	for _, s := range t.Wanted.Settings.Wanted(t.Wanted.Aliases) {
		later.Plan.Steps = append(later.Plan.Steps, plan.PutSetting{Setting: s, Replaces: true}, plan.DeleteSetting{Key: s.SettingKey})
	}
	if f.CodeSigningConfigArn != nil {
		later.Plan.Steps = append(later.Plan.Steps, plan.PutCodeSigning{Arn: *f.CodeSigningConfigArn})
	}
	return slices.Concat(Needs(first), Needs(later))
}

type needs struct {
	t   Target
	all []Need
}

func (n *needs) add(action string, resources ...string) {
	n.all = append(n.all, Need{Action: action, Resources: resources})
}

// qualified is an action that a call makes on these versions or aliases: AWS
// checks it on the qualified ARN.
func (n *needs) qualified(action string, qualifiers ...string) {
	need := Need{Action: "lambda:" + action, Resources: []string{n.arn(), n.arn() + ":*"}}
	for _, q := range qualifiers {
		need.Checked = append(need.Checked, n.arn()+":"+q)
	}
	n.all = append(n.all, need)
}

func (n *needs) arn() string {
	return "arn:" + n.t.Partition + ":lambda:" + n.t.Region + ":" + n.t.Account + ":function:" + n.t.Wanted.Function.FunctionName
}

// function is an action on the function, its versions and its aliases. AWS
// checks some calls against the one and some against the other ARN and says
// nowhere which.
func (n *needs) function(actions ...string) {
	for _, a := range actions {
		n.all = append(n.all, Need{Action: "lambda:" + a, Resources: []string{n.arn(), n.arn() + ":*"}, Checked: []string{n.arn()}})
	}
}

// has reports whether the plan makes one of these operations.
func (n *needs) has(operations ...plan.Step) bool {
	return slices.ContainsFunc(n.t.Plan.Steps, func(s plan.Step) bool {
		return slices.ContainsFunc(operations, func(o plan.Step) bool { return o.Operation() == s.Operation() })
	})
}

func (n *needs) reads() {
	n.function("GetFunction")
	n.groups()
	f := n.t.Wanted.Function
	if f.Tags != nil || n.has(plan.CreateFunction{}) {
		// GetFunction shows the tags to those alone who may list them.
		n.function("ListTags")
	}
	if aliases := n.t.Wanted.Aliases; len(aliases) > 0 {
		n.function("GetAlias")
		n.qualified("GetFunction", aliases[0].Name)
	}
	if len(n.t.Plan.OtherQualifiers(n.t.Wanted, n.t.Before.Settings)) > 0 {
		n.function("GetAlias")
	}
	if f.CodeSigningConfigArn != nil {
		n.function("GetFunctionCodeSigningConfig")
	}
	for _, kind := range n.t.Wanted.Settings.Kinds {
		n.function(plan.ReadsSetting(kind))
	}
	n.versions()
	if _, changes := n.t.Plan.Reserves(); changes {
		n.all = append(n.all, Need{Action: "lambda:ListProvisionedConcurrencyConfigs", Resources: []string{n.arn(), n.arn() + ":*"}, Checked: []string{n.arn()},
			Without: "whether what is reserved is enough for what is provisioned shows only when AWS is asked to reserve it"})
	}
	for _, s := range n.t.Plan.Steps {
		if name := plan.MovedAlias(s); name != "" {
			n.qualified("GetProvisionedConcurrencyConfig", name)
		}
	}
	if n.t.Wanted.Traffic.Last() < 100 && n.t.Before.Latest != nil {
		// The shifts that are to come.
		for _, a := range n.t.Wanted.Aliases {
			n.function("UpdateAlias")
			n.qualified("GetProvisionedConcurrencyConfig", a.Name)
		}
	}
}

// versions is what provisioned concurrency of versions takes beside reading it: who
// else uses the old version, and the account's room.
func (n *needs) versions() {
	if len(n.t.Wanted.Settings.OnVersions()) == 0 {
		return
	}
	n.function("GetProvisionedConcurrencyConfig")
	n.all = append(n.all,
		Need{Action: "lambda:ListAliases", Resources: []string{n.arn()}, Without: "the old version keeps its provisioned concurrency then"},
		Need{Action: "lambda:GetAccountSettings", Resources: []string{"*"}, Without: "whether there is room for both versions shows only when AWS provisions the new one"})
}

// invocations are made of versions, by their numbers: nobody knows the new one's
// before it is published.
func (n *needs) invocations() {
	if n.t.Invoked && !n.t.Plan.Empty() {
		n.all = append(n.all, Need{Action: "lambda:InvokeFunction", Resources: []string{n.arn() + ":*"}, Checked: []string{n.arn() + ":1"}})
	}
}

// watching is what the guard and the alarms read. CloudWatch knows no resource for
// metrics, and returns composite alarms to those alone who may read all
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html).
func (n *needs) watching() {
	if n.t.Guarded {
		n.add("cloudwatch:GetMetricData", "*")
	}
	if n.t.Alarmed {
		n.add("cloudwatch:DescribeAlarms", "*")
	}
}

// callers is what the warning of a canary that nobody calls asks: who may call the
// alias. It asks nothing where CloudWatch is not read.
func (n *needs) callers() {
	if !n.t.Guarded || len(n.t.Wanted.Aliases) == 0 {
		return
	}
	const without = "whether anybody calls the aliases that share their traffic is not looked at then"
	for _, action := range []string{"GetPolicy", "ListFunctionUrlConfigs"} {
		n.all = append(n.all, Need{Action: "lambda:" + action, Resources: []string{n.arn(), n.arn() + ":*"}, Checked: []string{n.arn()}, Without: without})
	}
	n.all = append(n.all, Need{Action: "lambda:ListEventSourceMappings", Resources: []string{"*"}, Without: without})
}

// step is one call forward, and the one that undoes it where that is another.
func (n *needs) step(s plan.Step) {
	switch s := s.(type) {
	case plan.CreateFunction:
		n.function("CreateFunction", "TagResource")
		n.configuration(s.Function, definition.Function{})
	case plan.UpdateConfiguration:
		n.function("UpdateFunctionConfiguration")
		n.configuration(s.Patch, n.t.Before.Latest.Function)
	case plan.CreateAlias:
		n.function("CreateAlias")
		if n.t.Before.Latest != nil {
			n.function("DeleteAlias")
			n.attachments()
		}
	case plan.PublishLatest:
		n.function(s.Operation())
		if s.New && n.t.Before.Latest != nil {
			n.attachments()
		}
	case plan.TagResource:
		n.function("TagResource")
		for key := range s.Tags {
			if _, had := n.t.Before.Latest.Tags[key]; !had {
				n.function("UntagResource")
			}
		}
	case plan.UntagResource:
		n.function("UntagResource", "TagResource")
	case plan.PutCodeSigning, plan.DeleteCodeSigning:
		n.codeSigning()
	case plan.PutSetting, plan.DeleteSetting:
		n.function(plan.SettingOperations(s)...)
	case plan.CreateDeployment:
		n.codeDeploy(s)
	case plan.StopDeployment:
		n.add("codedeploy:StopDeployment", "*")
	case plan.UpdateCode, plan.PublishRestorePoint, plan.PublishVersion, plan.MoveAlias, plan.LeaveLatest, plan.UpdateAlias,
		plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion:
		n.function(s.Operation())
	}
}

// configuration is what Lambda checks of the caller when fields are set: to the
// new values, and in a rollback to the old ones.
func (n *needs) configuration(patch, old definition.Function) {
	if patch.Role != nil {
		n.passRole(patch.Role)
		n.passRole(old.Role)
	}
	if patch.Layers != nil {
		for _, layer := range slices.Concat(patch.Layers, old.Layers) {
			n.add("lambda:GetLayerVersion", layer)
		}
	}
	if v := patch.VpcConfig; v != nil && len(v.SubnetIds)+subnets(old) > 0 {
		// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
		for _, what := range []string{"SecurityGroups", "Subnets", "Vpcs"} {
			n.add("ec2:Describe"+what, "*")
		}
	}
	if len(patch.FileSystemConfigs) > 0 || patch.FileSystemConfigs != nil && len(old.FileSystemConfigs) > 0 {
		// https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
		n.add("elasticfilesystem:DescribeMountTargets", "*")
	}
	if patch.CapacityProviderConfig != nil {
		// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html
		for _, c := range []*definition.CapacityProviderConfig{patch.CapacityProviderConfig, old.CapacityProviderConfig} {
			if c != nil && c.LambdaManagedInstancesCapacityProviderConfig != nil && c.LambdaManagedInstancesCapacityProviderConfig.CapacityProviderArn != nil {
				n.add("lambda:PassCapacityProvider", *c.LambdaManagedInstancesCapacityProviderConfig.CapacityProviderArn)
			}
		}
	}
}

func subnets(f definition.Function) int {
	if f.VpcConfig == nil {
		return 0
	}
	return len(f.VpcConfig.SubnetIds)
}

// passRole is the permission to give the very role to Lambda and to nobody else
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
func (n *needs) passRole(role *string) {
	if role == nil || *role == "" {
		return
	}
	n.all = append(n.all, Need{Action: "iam:PassRole", Resources: []string{*role},
		Condition: Condition{"StringEquals": {"iam:PassedToService": {"lambda.amazonaws.com"}}}})
}

// rollback adds what only a rollback calls.
func (n *needs) rollback() {
	switch {
	case n.has(plan.CreateFunction{}):
		if n.t.KeepNewFunction {
			return
		}
		n.function("DeleteFunction")
		n.lookUps("ListAliases", "ListVersionsByFunction", "GetFunctionConcurrency", "GetFunctionCodeSigningConfig",
			"GetFunctionRecursionConfig", "GetRuntimeManagementConfig")
		n.attachments()
	case n.has(plan.UpdateCode{}, plan.UpdateConfiguration{}, plan.PublishVersion{}):
		// After a lost answer one write of the description makes a late copy of
		// the lost call die of its RevisionId.
		n.function("UpdateFunctionConfiguration")
		if n.has(plan.PublishVersion{}) {
			// A version that AWS could not start; never the function.
			n.all = append(n.all, Need{Action: "lambda:DeleteFunction", Resources: []string{n.arn() + ":*"}, Checked: []string{n.arn() + ":1"}})
		}
	}
}

// pruning is what it takes to delete the versions that nothing needs.
func (n *needs) pruning() {
	if !n.t.Prunes {
		return
	}
	n.lookUps("ListAliases", "ListVersionsByFunction")
	n.attachments()
	if n.t.Wanted.Function.DurableConfig != nil {
		n.lookUps("ListDurableExecutionsByFunction")
	}
	n.all = append(n.all, Need{Action: "lambda:DeleteFunction", Resources: []string{n.arn() + ":*"}, Checked: []string{n.arn() + ":1"}})
}

// attachments is what a rollback asks before it deletes what the deployment
// created: who uses it by then.
func (n *needs) attachments() {
	n.lookUps("GetPolicy", "ListFunctionUrlConfigs", "ListFunctionEventInvokeConfigs", "ListProvisionedConcurrencyConfigs")
	n.all = append(n.all, Need{Action: "lambda:ListEventSourceMappings", Resources: []string{"*"}, LookUp: true})
}

// lookUps are actions on the function that only look.
func (n *needs) lookUps(actions ...string) {
	before := len(n.all)
	n.function(actions...)
	for i := range n.all[before:] {
		n.all[before+i].LookUp = true
	}
}
