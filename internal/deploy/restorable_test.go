package deploy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// wantNoRollback expects that plan says it and that deploy does not start.
func (f *fixture) wantNoRollback(reasons ...string) {
	f.Helper()
	planned := f.plan("function.yaml")
	AskRestorable(f.Context(), planned, f.work())
	found := planned[0].Plan.Irreversible
	_, err := f.deploy(f.Context(), "function.yaml")
	var not *NotStartedError
	if !errors.As(err, &not) || len(found) == 0 {
		f.Fatalf("the plan finds %q, the deployment ends with %v", found, err)
	}
	for _, reason := range reasons {
		if !strings.Contains(found[0], reason) || !strings.Contains(err.Error(), reason) {
			f.Errorf("the plan finds %q, the deployment ends with %v, without %q", found, err, reason)
		}
	}
}

func TestTheFirstByteOfTheCurrentZipIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []int
		want    string
		asked   int32
	}{
		"there":             {[]int{206}, "", 1},
		"no ranges":         {[]int{200}, "", 1},
		"refused":           {[]int{403}, "answers with HTTP status 403", 1},
		"gone":              {[]int{404}, "answers with HTTP status 404", 1},
		"fails once":        {[]int{503, 206}, "", 2},
		"fails":             {[]int{503, 500, 502}, "answers with HTTP status 502, 3 times", 3},
		"hangs up once":     {[]int{0, 206}, "", 2},
		"hangs up":          {[]int{0, 0, 0}, "does not answer", 3},
		"hangs up, refuses": {[]int{0, 403}, "answers with HTTP status 403", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) {
				var asked atomic.Int32
				network := awstest.NewNetwork(t)
				address := network.Serve("tasks.localhost", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					status := tc.answers[asked.Add(1)-1]
					if status == 0 {
						panic(http.ErrAbortHandler)
					}
					w.WriteHeader(status)
				}))
				err := missingZip(t.Context(), network.Client(), address+"/code?X-Amz-Signature=secret")
				if asked.Load() != tc.asked {
					t.Errorf("asked %d times", asked.Load())
				}
				if tc.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "tasks.localhost") || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestCodeThatCannotBeDownloadedIsNoticedBeforehand(t *testing.T) {
	refuse := false
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		refuse = true
		f.wantNoRollback("the current zip cannot be downloaded", "answers with HTTP status 403")

		// Nobody needs the old code where it stays.
		f.write("code/index.js", "1")
		f.write("function.yaml", definitionOf("shop", "timeout: 9\n"))
		f.mustDeploy()

		f.write("code/index.js", "2")
		f.terms.AllowPartial = true
		f.mustDeploy()
		f.logged("a rollback could not restore everything: the current zip cannot be downloaded")
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refuse && r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

func TestAZipWhoseAddressDoesNotAnswerIsNoticedBeforehand(t *testing.T) {
	var silent atomic.Bool
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		silent.Store(true)
		began := time.Now()
		f.wantNoRollback("does not answer")
		if took := time.Since(began); took > 2*questionTimeout+time.Second {
			f.Errorf("it took %s", took)
		}
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if silent.Load() && r.Header.Get("Range") != "" {
				<-r.Context().Done()
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// untrusted is a network whose proxy nobody trusts.
type untrusted struct{ asked int }

func (u *untrusted) Do(r *http.Request) (*http.Response, error) {
	u.asked++
	return nil, session.UntrustedCertificate{Host: r.URL.Host, Err: errors.New("unknown authority")}
}

func TestACertificateThatIsNotTrustedIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	client := &untrusted{}
	err := missingZip(t.Context(), client, "https://code.example/x.zip?X-Amz-Signature=very-secret")
	if err == nil || !strings.Contains(err.Error(), "the certificate of code.example is not trusted") || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("got %v", err)
	}
	if client.asked != 1 {
		t.Errorf("%d requests, want 1", client.asked)
	}
}

const imageRepository = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app"

// push stores an image and returns its digest.
func (f *fixture) push(content string) string {
	f.Helper()
	client := f.aws.ECR()
	if _, err := client.DescribeRepositories(f.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}}); err != nil {
		if _, err := client.CreateRepository(f.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
			f.Fatal(err)
		}
	}
	manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {"digest": "sha256:%064d"}, "layers": [], "annotations": {"name": %q}}`, 0, content)
	out, err := client.PutImage(f.Context(), &ecr.PutImageInput{RepositoryName: aws.String("app"), ImageManifest: &manifest, ImageTag: aws.String("latest")})
	if err != nil {
		f.Fatal(err)
	}
	return *out.Image.ImageId.ImageDigest
}

func TestAnImageThatWasDeletedIsNoticedBeforehand(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.artifact = imageRepository + ":latest"
		f.write("function.yaml", "functionName: shop\nrole: "+awstest.Role+"\n")
		first := f.push("1")
		f.mustDeploy()
		f.push("2")
		f.mustDeploy()
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		_, err := f.aws.ECR().BatchDeleteImage(f.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &first}}})
		if err != nil {
			f.Fatal(err)
		}
		f.wantNoRollback("the current image cannot be deployed again", first)
	})
}

func TestAnImageThatMayNotBeLookedAtIsAWarning(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.artifact = imageRepository + ":latest"
		f.write("function.yaml", "functionName: shop\nrole: "+awstest.Role+"\n")
		f.push("1")
		f.mustDeploy()
		f.push("2")
		// The first question is about the new image.
		f.aws.Inject(awslocal.Fault{Operation: "DescribeImages", Nth: 2, Action: awslocal.Error, Status: 400, Code: "AccessDeniedException",
			Message: "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: ecr:DescribeImages on resource: app"})
		f.mustDeploy()
		f.logged("it is unknown whether the current code could be restored", "ecr:DescribeImages")
	})
}

// An emulator that does not know DryRun would change the function before there
// is a journal.
func TestAnEmulatorIsAskedForNoDryRun(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.aws.ResetCalls()
		f.deployCode("2")
		if n := f.called("UpdateFunctionCode"); n != 1 {
			f.Errorf("UpdateFunctionCode was called %d times", n)
		}
	})
}

func TestAWSIsAskedForADryRun(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{"": true, "http://127.0.0.1:4566": false} {
		access := Access{Timing: timing.Default()}
		access.Session.Region, access.Session.Endpoint, access.Session.Pinned = "us-east-1", endpoint, true
		c, err := Connect(t.Context(), access, "")
		if err != nil {
			t.Fatal(err)
		}
		t1 := Target{API: lambdaapi.New(c.Session(), "us-east-1", access.Timing)}
		if got := !t1.emulated(); got != want {
			t.Errorf("%q: asked is %v", endpoint, got)
		}
		t1.At.Endpoint = "local:/folder"
		if t1.emulated() {
			t.Errorf("%q: the embedded AWS is no emulator that changes what it should not", endpoint)
		}
	}
}
