package policy

// codeSigning is what it takes to set the configuration, and to set it back.
func (n *needs) codeSigning() {
	for _, arn := range []string{*n.t.Wanted.Function.CodeSigningConfigArn, n.t.Before.CodeSigning} {
		if arn == "" {
			n.function("DeleteFunctionCodeSigningConfig")
			continue
		}
		n.add("lambda:PutFunctionCodeSigningConfig", n.arn(), arn)
	}
}
