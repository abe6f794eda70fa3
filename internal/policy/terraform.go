package policy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Terraform prints the documents as data sources of Terraform's AWS provider,
// for an aws_iam_role and its policy.
func Terraform(sets []Set) []byte {
	var b bytes.Buffer
	for i, s := range sets {
		suffix := ""
		if len(sets) > 1 {
			suffix = fmt.Sprintf("_%d", i+1)
			fmt.Fprintf(&b, "# account %s %s\n", s.Account, s.Role)
		}
		hclDocument(&b, "lambda_rollout"+suffix, s.Permissions)
		b.WriteString("\n")
		hclDocument(&b, "lambda_rollout_trust"+suffix, s.Trust)
		if i < len(sets)-1 {
			b.WriteString("\n")
		}
	}
	return b.Bytes()
}

func hclDocument(b *bytes.Buffer, name string, d Document) {
	fmt.Fprintf(b, "data \"aws_iam_policy_document\" %s {\n", hclString(name))
	for i, s := range d.Statement {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("  statement {\n")
		if s.Sid != "" {
			fmt.Fprintf(b, "    sid = %s\n", hclString(s.Sid))
		}
		hclList(b, "actions", s.Action)
		hclList(b, "resources", s.Resource)
		for _, kind := range slices.Sorted(maps.Keys(s.Principal)) {
			fmt.Fprintf(b, "\n    principals {\n      type        = %s\n      identifiers = [%s]\n    }\n", hclString(kind), hclString(s.Principal[kind]))
		}
		for _, test := range slices.Sorted(maps.Keys(s.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(s.Condition[test])) {
				fmt.Fprintf(b, "\n    condition {\n      test     = %s\n      variable = %s\n      values   = [%s]\n    }\n",
					hclString(test), hclString(key), hclStrings(s.Condition[test][key]))
			}
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
}

// hclList writes one value a line, as terraform fmt leaves it.
func hclList(b *bytes.Buffer, name string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s = [\n", name)
	for _, v := range values {
		fmt.Fprintf(b, "      %s,\n", hclString(v))
	}
	b.WriteString("    ]\n")
}

// hclStrings are the elements of a list on one line.
func hclStrings(values []string) string {
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, hclString(v))
	}
	return strings.Join(quoted, ", ")
}

// hclString quotes for HCL, in which ${ and %{ start templates. The AWS
// provider reads &{ as IAM's own ${.
func hclString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "${", "&{", "%{", "%%{").Replace(s) + `"`
}
