data "aws_iam_policy_document" "lambda_rollout" {
  statement {
    sid = "Lambda"
    actions = [
      "lambda:CreateAlias",
      "lambda:CreateFunction",
      "lambda:DeleteFunction",
      "lambda:GetAlias",
      "lambda:GetFunction",
      "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionConcurrency",
      "lambda:GetFunctionRecursionConfig",
      "lambda:GetPolicy",
      "lambda:GetRuntimeManagementConfig",
      "lambda:ListAliases",
      "lambda:ListFunctionEventInvokeConfigs",
      "lambda:ListFunctionUrlConfigs",
      "lambda:ListProvisionedConcurrencyConfigs",
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
      "lambda:PublishVersion",
      "lambda:TagResource",
    ]
    resources = [
      "arn:aws:lambda:eu-west-1:123456789012:function:hello",
      "arn:aws:lambda:eu-west-1:123456789012:function:hello:*",
      "arn:aws:lambda:eu-west-1:123456789012:function:other",
      "arn:aws:lambda:eu-west-1:123456789012:function:other:*",
    ]
  }

  statement {
    sid = "Iam"
    actions = [
      "iam:PassRole",
    ]
    resources = [
      "arn:aws:iam::123456789012:role/service-role/new",
    ]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  statement {
    sid = "Lambda2"
    actions = [
      "lambda:ListEventSourceMappings",
    ]
    resources = [
      "*",
    ]
  }

  statement {
    sid = "S3"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::code",
    ]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["app/*"]
    }
  }

  statement {
    sid = "S32"
    actions = [
      "s3:GetObject",
    ]
    resources = [
      "arn:aws:s3:::code/app/1&{$}{x}.zip",
    ]
  }

  statement {
    sid = "Kms"
    actions = [
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:Encrypt",
    ]
    resources = [
      "arn:aws:kms:eu-west-1:123456789012:key/*",
    ]

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = ["alias/app"]
    }
  }
}

data "aws_iam_policy_document" "lambda_rollout_trust" {
  statement {
    actions = [
      "sts:AssumeRoleWithWebIdentity",
    ]

    principals {
      type        = "Federated"
      identifiers = ["arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:octo/app:*", "repo:octo@*/app@*:*"]
    }

    condition {
      test     = "StringNotLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:octo@*:*/app@*:*"]
    }
  }
}
