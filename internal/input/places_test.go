package input

import (
	"strings"
	"testing"
)

// A journal that is not where its user believes is of no use when it is needed.
func TestAPlaceThatIsNoPathIsRefused(t *testing.T) {
	t.Parallel()
	parse := func(name, place string) error {
		args := map[string][]string{"local-dir": {"local"}, "output-dir": {"init", "--function=f"}}[name]
		if args == nil {
			args = []string{"deploy", "--service=s"}
		}
		_, err := Parse(Options{Args: append(args, "--"+name+"="+place)})
		return err
	}
	for _, name := range []string{"journal", "report", "local-dir", "output-dir"} {
		for place, want := range map[string]string{
			"S3://bucket/x": "is not a path", "s3:/bucket/x": "is not a path", "gs://b/c": "is not a path", "https://h/x": "is not a path", "file:///tmp/x": "is not a path",
			"arn:aws:s3:::bucket": "is not a path", "arn:aws-cn:s3:::bucket": "is not a path", "~/x": "is not expanded", "~": "is not expanded",
		} {
			if err := parse(name, place); err == nil || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v", name, place, err)
			}
		}
		for _, place := range []string{"j.jsonl", "/tmp/a:b/x", "a/b", "./s3:", "C:/x", "~x", "/dev/stdout"} {
			if err := parse(name, place); err != nil {
				t.Errorf("%s %s: %v", name, place, err)
			}
		}
	}
	if err := parse("journal", "s3://bucket/prefix"); err != nil {
		t.Error(err)
	}
	if err := parse("report", "s3://bucket/prefix"); err == nil {
		t.Error("a report is written to S3")
	}
}
