package deploy

import (
	"slices"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// What a deploy left is found by its tag, by a pattern and by its name.
func TestTheFunctionsOfAnAccountAreRead(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		c := f.connect()
		region, created, err := List(f.Context(), c)
		if err != nil || region != awstest.Region || len(created) != 1 || created[0].Function != "shop" || created[0].Run == "" {
			f.Errorf("listed in %s: %+v, %v", region, created, err)
		}
		arns, pattern, err := c.Patterns(f.Context(), []string{"shop", "sh*"})
		want := []string{"arn:aws:lambda:" + awstest.Region + ":000000000000:function:shop", "arn:aws:lambda:" + awstest.Region + ":000000000000:function:sh*"}
		if err != nil || !pattern || !slices.Equal(arns, want) {
			f.Errorf("the names mean %q, %v", arns, err)
		}
		seen, err := LookAt(f.Context(), c, []string{"sh*", "shop"}, nil, 2)
		if err != nil || len(seen) != 1 || seen[0].Label() != "shop in "+awstest.Region || seen[0].Differs() {
			f.Fatalf("looked at %+v, %v", seen, err)
		}
		if len(seen[0].Aliases) != 1 {
			f.Errorf("aliases %+v", seen[0].Aliases)
		}
		if _, err := LookAt(f.Context(), c, []string{"nothing"}, nil, 2); err == nil {
			f.Error("a function that does not exist was looked at")
		}
		sources, err := ReadFunctions(f.Context(), c, "sh*", f.TempDir(), 2)
		if err != nil || len(sources) != 1 || len(sources[0].Aliases) != 1 || sources[0].Aliases[0].Version != "2" {
			f.Errorf("read %+v, %v", sources, err)
		}
	})
}
