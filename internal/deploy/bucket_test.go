package deploy

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func TestAnObjectOfAJournalIsReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		awstest.CreateBucket(t, a.S3(), "journals")
		awstest.PutObject(t, a.S3(), "journals", "run", []byte("0123456789"))
		for limit, want := range map[int64]string{maxRecord: "", 10: "", 9: "read s3://journals/run: it is larger than 9 bytes"} {
			content, _, err := (&bucket{client: a.S3(), name: "journals", limit: limit}).Get(t.Context(), "run")
			switch {
			case want == "" && (err != nil || string(content) != "0123456789"):
				t.Errorf("limit %d: %q, %v", limit, content, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want) || content != nil):
				t.Errorf("limit %d: %q, %v, want %q", limit, content, err, want)
			}
		}
	})
}
