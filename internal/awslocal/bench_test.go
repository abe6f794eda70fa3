package awslocal_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// BenchmarkCreateToActive is a function made and found Active, through the SDK.
// It is to stay under 5 ms.
func BenchmarkCreateToActive(b *testing.B) {
	for _, kept := range []string{"memory", "disk"} {
		b.Run(kept, func(b *testing.B) {
			o := awslocal.Options{}
			if kept == "disk" {
				o.Dir = b.TempDir()
			}
			h := start(b, o)
			code := awstest.Zip(b, "index.py", "1")
			for n := 0; b.Loop(); n++ {
				name := fmt.Sprint("fn", n)
				_, err := h.lambda.CreateFunction(b.Context(), &awslambda.CreateFunctionInput{FunctionName: &name, Role: aws.String(awstest.Role),
					Runtime: types.RuntimePython312, Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: code}})
				if err != nil {
					b.Fatal(err)
				}
				if state := h.get(b, name, "").Configuration.State; state != types.StateActive {
					b.Fatalf("state %s", state)
				}
			}
		})
	}
}

// BenchmarkGetFunction is to reach 2,000 calls a second on two cores, client
// included.
func BenchmarkGetFunction(b *testing.B) {
	h := start(b, awslocal.Options{})
	h.create(b, "fn")
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			h.get(b, "fn", "")
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkStart is a server on a folder with a hundred functions, opened and
// closed. It is to stay under 50 ms.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	first := start(b, awslocal.Options{Dir: dir})
	for n := range 100 {
		first.create(b, fmt.Sprint("fn", n))
	}
	if err := first.Close(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		s, err := awslocal.New(awslocal.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
