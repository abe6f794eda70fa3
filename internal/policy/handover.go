package policy

import "github.com/lambda-rollout/lambda-rollout/internal/plan"

// codeDeploy is what it takes to hand an alias over, and to take it back: by CodeDeploy
// where its deployment still runs, else by a call of this program's own. AWS checks
// StopDeployment on no resource
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html).
func (n *needs) codeDeploy(s plan.CreateDeployment) {
	n.function("UpdateAlias")
	group := n.groupARN(s.Group.String())
	for _, action := range []string{"CreateDeployment", "GetDeployment", "ListDeployments"} {
		n.add("codedeploy:"+action, group)
	}
	n.add("codedeploy:RegisterApplicationRevision", n.codeDeployARN("application:"+s.Group.Application))
	n.add("codedeploy:StopDeployment", "*")
}

// groups is what it takes to look at the deployment groups and at their configurations,
// whose names may change; CodeDeploy asks for these of whoever creates a deployment, too.
func (n *needs) groups() {
	g := n.t.Wanted.CodeDeploy
	if g == nil {
		return
	}
	for _, a := range n.t.Wanted.Aliases {
		n.add("codedeploy:GetDeploymentGroup", n.groupARN(g.For(n.t.Wanted.Function.FunctionName, a.Name).String()))
	}
	n.add("codedeploy:GetDeploymentConfig", n.codeDeployARN("deploymentconfig:*"))
}

func (n *needs) groupARN(name string) string {
	return n.codeDeployARN("deploymentgroup:" + name)
}

func (n *needs) codeDeployARN(resource string) string {
	return "arn:" + n.t.Partition + ":codedeploy:" + n.t.Region + ":" + n.t.Account + ":" + resource
}
