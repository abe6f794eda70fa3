package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// place is a bucket's folder for journals, made first.
func (f *fixture) place(region string) string {
	f.Helper()
	awstest.CreateBucket(f, f.aws.S3In(region, awstest.Key), "journals")
	return "s3://journals/team"
}

// storage opens a place.
func (f *fixture) storage(place string) *Storage {
	f.Helper()
	c, err := Connect(f.Context(), f.access, AnyRegion)
	if err != nil {
		f.Fatal(err)
	}
	s, err := OpenStorage(f.Context(), c, place, nil)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// deployTo deploys with the journal in a place of S3.
func (f *fixture) deployTo(place string, definitions ...string) error {
	f.Helper()
	run := f.newRun()
	targets, err := f.resolve(f.Context(), run, definitions...)
	if err != nil {
		f.Fatal(err)
	}
	execution := f.execution(run)
	execution.Record.Storage = f.storage(place)
	_, err = f.change(f.Context(), targets, execution)
	return err
}

// sent counts what is sent to the bucket of the journals.
type sent struct {
	mu                     sync.Mutex
	requests, bytes, heads int
}

func (s *sent) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/journals/") {
			head, _ := httputil.DumpRequest(r, false)
			s.mu.Lock()
			s.requests++
			s.heads += len(head)
			s.bytes += int(max(r.ContentLength, 0))
			s.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// A journal in S3 grows with its run, not with its square: 15 kB for each
// function, heads of requests included.
func TestTheJournalOfManyFunctionsInS3IsSmall(t *testing.T) {
	const functions, most = 8, 8 * 15_000
	var to sent
	run(t, awslocal.Options{}, func(f *fixture) {
		place := f.place(awstest.Region)
		var files []string
		write := func(timeout int) {
			files = nil
			for i := range functions {
				name := fmt.Sprintf("function-%d", i)
				f.write(name+".yaml", definitionOf(name, fmt.Sprintf("timeout: %d\n", timeout)))
				files = append(files, name+".yaml")
			}
		}
		write(3)
		f.options.MaxParallel = 16
		if err := f.deployTo(place, files...); err != nil {
			f.Fatal(err)
		}
		to = sent{}
		write(9)
		f.write("code/index.js", "2")
		if err := f.deployTo(place, files...); err != nil {
			f.Fatal(err)
		}
		t.Logf("%d requests: %d bytes of records, %d bytes of heads", to.requests, to.bytes, to.heads)
		if all := to.bytes + to.heads; all > most || to.requests < functions*10 {
			f.Errorf("%d bytes in %d requests, want at most %d", all, to.requests, most)
		}
		runs, err := f.storage(place).List(f.Context(), "lambda-rollout-")
		if err != nil || len(runs) != 2 {
			f.Fatalf("%v, %v", runs, err)
		}
		for _, name := range runs {
			store, err := f.storage(place).Open(name)
			if err != nil {
				f.Fatal(err)
			}
			state, err := journal.Read(f.Context(), store)
			if err != nil || len(state.Targets) != functions || state.State != journal.Deployed {
				f.Errorf("%s: %d targets, %s, %v", name, len(state.Targets), state.State, err)
			}
		}
	}, to.wrap)
}

// A rollback that knows the bucket alone finds the Region where it is.
func TestTheRegionOfABucketIsFound(t *testing.T) {
	for _, named := range []string{"", awstest.Region, "eu-west-1", "ap-southeast-2"} {
		t.Run("from "+named, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				place := f.place("eu-west-1")
				if err := f.deployTo(place, "function.yaml"); err != nil {
					f.Fatal(err)
				}
				f.access.Session.Region = named
				storage := f.storage(place)
				found, err := storage.List(f.Context(), "lambda-rollout-run-1-")
				if err != nil || len(found) != 1 {
					f.Fatalf("%v, %v", found, err)
				}
				store, err := storage.Open(found[0])
				if err != nil {
					f.Fatal(err)
				}
				j, err := TakeOver(f.Context(), store, f.work())
				if err != nil {
					f.Fatal(err)
				}
				if _, err := Rollback(f.Context(), j, f.access, f.rollbackTimeout, f.work()); err != nil {
					f.Error(err)
				}
				if functions := f.state().Functions; len(functions) != 0 {
					f.Errorf("left behind: %v", functions)
				}
			})
		})
	}
}

// Where no Region is named and S3 does not tell one, as from another partition,
// the input that helps is named.
func TestARegionThatCannotBeFoundIsAskedFor(t *testing.T) {
	for _, named := range []string{"", awstest.Region} {
		t.Run("from "+named, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.aws.Inject(awslocal.Fault{Service: "s3", Operation: "HeadBucket", Action: awslocal.Error, Status: 403, Code: "InvalidAccessKeyId", Message: "no"})
				f.access.Session.Region = named
				c, err := Connect(f.Context(), f.access, AnyRegion)
				if err != nil {
					f.Fatal(err)
				}
				f.access.Session.Region = ""
				_, err = OpenStorage(f.Context(), c, "s3://journals/team", nil)
				if (err != nil) != (named == "") || err != nil && !strings.Contains(err.Error(), "aws-region or AWS_REGION") {
					f.Errorf("%v", err)
				}
			})
		})
	}
}

func TestABucketThatIsNotThereIsNamed(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		storage := f.storage("s3://nowhere/team")
		if _, err := storage.List(f.Context(), "lambda-rollout-"); err == nil || !strings.Contains(err.Error(), "nowhere") {
			f.Errorf("list: %v", err)
		}
		err := f.deployTo("s3://nowhere/team", "function.yaml")
		var nothing *NotStartedError
		if !errors.As(err, &nothing) || !strings.Contains(err.Error(), "there is no bucket nowhere") {
			f.Errorf("deploy: %v", err)
		}
		if err := f.deployTo("s3://nowhere/lambda-rollout-1.journal", "function.yaml"); err == nil || !strings.Contains(err.Error(), "journal of one run") {
			f.Errorf("deploy into a journal: %v", err)
		}
	})
}

// A run that is interrupted while it cannot say where its journal is has changed
// nothing: it keeps no function from the next one.
func TestARunThatDidNotBeginHoldsNoFunction(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		storage := f.storage(f.place("us-east-1"))
		targets := []journal.Target{{Function: "orders", Region: "us-east-1", Account: "000000000000"}}
		ctx, cancel := context.WithCancel(f.Context())
		defer cancel()
		one, two := f.record(f.newRun()), f.record(f.newRun())
		one.Storage, two.Storage = storage, storage
		full := errors.New("the disk is full")
		one.SaveState = func(string) error { cancel(); return full }
		if _, err := one.begin(ctx, targets, time.Now); !errors.Is(err, full) {
			f.Fatalf("the first run: %v", err)
		}
		j, err := two.begin(f.Context(), targets, time.Now)
		if err != nil {
			f.Fatalf("the next run: %v", err)
		}
		if err := j.Close(); err != nil {
			f.Error(err)
		}
	})
}

// A second run on the functions of one that is open does not start; one of a run
// that ended does.
func TestRunsInS3KeepOffEachOthersFunctions(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		place := f.place(awstest.Region)
		f.postFollows = true
		f.aws.Inject(awslocal.Fault{Operation: "CreateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		f.aws.Inject(awslocal.Fault{Operation: "DeleteFunction", Action: awslocal.Error, Status: 403, Code: "AccessDeniedException", Message: "no"})
		var incomplete *IncompleteError
		if err := f.deployTo(place, "function.yaml"); !errors.As(err, &incomplete) {
			f.Fatalf("%v", err)
		}
		err := f.deployTo(place, "function.yaml")
		var busy *journal.BusyError
		if !errors.As(err, &busy) || !strings.Contains(err.Error(), "rollback --journal "+incomplete.Journal) {
			f.Errorf("while the first one is open: %v", err)
		}
		f.write("other.yaml", definitionOf("other", ""))
		if err := f.deployTo(place, "other.yaml"); err != nil {
			f.Errorf("another function: %v", err)
		}
	})
}

// pipelineHeader is the header of a run as a pipeline would write it.
func pipelineHeader(run string, origin journal.Origin, started time.Time) journal.Header {
	return journal.Header{
		Run: run, Started: started, Repository: origin.Repository, Origin: &origin, Salt: Salt(),
		Targets: []journal.Target{{Function: "shop", Region: awstest.Region, Account: awstest.Account}},
	}
}

// leave writes the journal of a run that ended in a state; changed has a step.
func leave(t testing.TB, path string, header journal.Header, state journal.State, changed bool) {
	t.Helper()
	j, err := journal.Create(t.Context(), journal.NewFile(path), header, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if changed {
		_, err = j.Begin(t.Context(), 0, journal.Intent{Call: "UpdateAlias"})
	}
	if state != journal.Open {
		err = errors.Join(err, j.Settle(t.Context(), state))
	}
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestARollbackTakesTheJournalsOfItsOwnRunAlone(t *testing.T) {
	t.Parallel()
	own := journal.Origin{Host: "woodpecker", Repository: "octo/shop", Workflow: "release", Pipeline: "12", Axis: "1", Began: "100"}
	laptop := own
	laptop.Pipeline = "0"
	with := func(o journal.Origin, change func(*journal.Origin)) journal.Origin { change(&o); return o }
	type run struct {
		name    string
		origin  journal.Origin
		state   journal.State
		changed bool
	}
	for name, tt := range map[string]struct {
		now  journal.Origin
		left []run // oldest first
		want []string
		// skipped and choices are parts of the log and of the refusal.
		skipped, choices []string
	}{
		"two of this run, the newest first": {
			now: own, left: []run{{"a", own, journal.Deployed, true}, {"b", own, journal.Deployed, true}}, want: []string{"b", "a"},
		},
		"another repository with the same number": {
			now:     own,
			left:    []run{{"a", with(own, func(o *journal.Origin) { o.Repository = "octo/other" }), journal.Deployed, true}, {"b", own, journal.Open, true}},
			want:    []string{"b"},
			skipped: []string{"a: it is of repository octo/other, not of octo/shop"},
		},
		"another axis of the matrix": {
			now: own, left: []run{{"a", with(own, func(o *journal.Origin) { o.Axis = "2" }), journal.Deployed, true}},
			skipped: []string{"a: it is of axis 2, not of 1"},
		},
		"another stage of the same execution": {
			now: with(own, func(o *journal.Origin) { o.Job = "Undo" }), left: []run{{"a", with(own, func(o *journal.Origin) { o.Job = "Deploy" }), journal.Deployed, true}},
			skipped: []string{"a: it is of job Deploy, not of Undo"},
		},
		"an earlier run on a laptop": {
			now: with(laptop, func(o *journal.Origin) { o.Began = "200" }), left: []run{{"a", laptop, journal.Deployed, true}},
			skipped: []string{"a: it is of a run that began at 100"},
		},
		"an earlier run, and nothing tells when": {
			now: with(laptop, func(o *journal.Origin) { o.Began = "" }), left: []run{{"a", laptop, journal.Deployed, true}, {"b", own, journal.Deployed, true}},
			choices: []string{"a"}, skipped: []string{"b: it is of run 12"},
		},
		"nothing to roll back, in doubt or not": {
			now:  with(laptop, func(o *journal.Origin) { o.Began = "" }),
			left: []run{{"a", laptop, journal.RolledBack, true}, {"b", laptop, journal.Kept, false}, {"c", laptop, journal.Open, false}},
		},
		"a doubt stops what is certain, too": {
			now: own, left: []run{{"a", own, journal.Deployed, true}, {"b", journal.Origin{}, journal.Deployed, true}},
			choices: []string{"b"},
		},
	} {
		dir := t.TempDir()
		var found []string
		for i, r := range tt.left {
			found = append(found, filepath.Join(dir, r.name))
			leave(t, found[i], pipelineHeader(r.name, r.origin, time.Unix(int64(1000+i), 0)), r.state, r.changed)
		}
		var log safeLog
		got, err := OwnJournals(t.Context(), found, func(name string) (journal.Store, error) { return journal.NewFile(name), nil }, tt.now, report.NewLog(&log, time.Now, nil))
		for i := range got {
			got[i] = filepath.Base(got[i])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		var doubt *DoubtError
		if errors.As(err, &doubt) != (len(tt.choices) > 0) {
			t.Errorf("%s: %v", name, err)
		}
		for _, choice := range tt.choices {
			if !strings.Contains(err.Error(), "rollback --journal "+filepath.Join(dir, choice)+"   # begun 1970-01-01T00:16:4") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if lines := strings.Count(log.String(), "Skipped the journal"); lines != len(tt.skipped) {
			t.Errorf("%s: skipped %d\n%s", name, lines, log.String())
		}
		for _, part := range tt.skipped {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s: the log does not say %q\n%s", name, part, log.String())
			}
		}
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OwnJournals(t.Context(), []string{broken}, func(name string) (journal.Store, error) { return journal.NewFile(name), nil }, own, nil)
	var blocked *BlockedError
	if !errors.As(err, &blocked) {
		t.Errorf("a journal that cannot be read: %v", err)
	}
}

// A journal that came with the repository sends nothing anywhere, and blocks
// nothing.
func TestAJournalThatEnvironmentAndInputsDoNotAgreeWithIsNotBelieved(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		path := f.saved[0]
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for what, tt := range map[string]struct {
			old, new, says string
			change         func()
		}{
			"endpoint": {old: f.aws.URL, new: "http://127.0.0.1:4999", says: "its calls went to http://127.0.0.1:4999"},
			"account":  {change: func() { f.access.Session.AllowedAccountIDs = []string{"999900001111"} }, says: "allowed-account-ids does not name"},
			"role":     {change: func() { f.access.Role.ARN = "arn:aws:iam::999900001111:role/x" }, says: "role-to-assume names"},
		} {
			access := f.access
			planted := filepath.Join(f.dir, what+".jsonl")
			text := string(content)
			if tt.change != nil {
				tt.change()
			} else {
				text = strings.ReplaceAll(text, tt.old, tt.new)
			}
			if err := os.WriteFile(planted, []byte(text), 0o600); err != nil {
				f.Fatal(err)
			}
			f.aws.ResetCalls()
			j, err := TakeOver(f.Context(), journal.NewFile(planted), f.work())
			if err != nil {
				f.Fatal(err)
			}
			_, err = Rollback(f.Context(), j, f.access, f.rollbackTimeout, f.work())
			var blocked *BlockedError
			if !errors.As(err, &blocked) || !strings.Contains(err.Error(), tt.says) || len(f.aws.Calls()) > 0 {
				f.Errorf("%s: %v after %d calls", what, err, len(f.aws.Calls()))
			}
			if _, err := PlanRollback(f.Context(), f.access, j.RunState()); err == nil || len(f.aws.Calls()) > 0 {
				f.Errorf("%s: dry run: %v after %d calls", what, err, len(f.aws.Calls()))
			}
			if err := j.Close(); err != nil {
				f.Fatal(err)
			}
			// Cut before its end it is an interrupted run, of somebody else.
			cut := strings.LastIndex(strings.TrimSpace(text), "\n") + 1
			if err := os.WriteFile(planted, []byte(text[:cut]), 0o600); err != nil {
				f.Fatal(err)
			}
			if err := f.refuse(planted, journal.Origin{}); err != nil {
				f.Errorf("%s: it blocks a deployment: %v", what, err)
			}
			f.access = access
		}
	})
}

func (f *fixture) refuse(path string, now journal.Origin) error {
	f.Helper()
	return RefuseOpenJournals(f.Context(), []journal.Store{journal.NewFile(path)}, f.access, now, report.NewLog(f.log, time.Now, nil))
}

func TestAnInterruptedRunOfThisRepositoryBlocksTheNext(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		path := filepath.Join(f.dir, "j.jsonl")
		header := pipelineHeader("r", journal.Origin{Repository: "octo/shop"}, time.Now())
		header.Targets[0].Endpoint = f.aws.URL
		leave(f, path, header, journal.Open, true)
		var open *journal.OpenError
		if err := f.refuse(path, journal.Origin{Repository: "octo/shop"}); !errors.As(err, &open) {
			f.Errorf("of this repository: %v", err)
		}
		if err := f.refuse(path, journal.Origin{Repository: "octo/other"}); err != nil || !strings.Contains(f.log.String(), "it is of repository octo/shop") {
			f.Errorf("of another one: %v\n%s", err, f.log)
		}
		j, err := journal.Resume(f.Context(), journal.NewFile(path), time.Now)
		if err != nil {
			f.Fatal(err)
		}
		if err := f.refuse(path, journal.Origin{}); err == nil || !strings.Contains(err.Error(), "is still running") || !strings.Contains(err.Error(), "(lambda-rollout rollback)") {
			f.Errorf("while it goes on: %v", err)
		}
		if err := errors.Join(j.Settle(f.Context(), journal.RolledBack), j.Close(), f.refuse(path, journal.Origin{})); err != nil {
			f.Errorf("after its end: %v", err)
		}
		if err := os.WriteFile(path, []byte("notes\n"), 0o600); err != nil {
			f.Fatal(err)
		}
		if err := f.refuse(path, journal.Origin{}); err != nil || !strings.Contains(f.log.String(), "skipped a journal: read journal") {
			f.Errorf("a foreign file: %v\n%s", err, f.log)
		}
	})
}

// An unchanged deployment leaves a mark where a rollback finds journals by name.
func TestAnUnchangedDeploymentLeavesAMark(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		run := f.newRun()
		targets, err := f.resolve(f.Context(), run, "function.yaml")
		if err != nil {
			f.Fatal(err)
		}
		execution := f.execution(run)
		execution.Record.Mark = true
		if results, err := f.change(f.Context(), targets, execution); err != nil || results[0].Changed {
			f.Fatalf("%+v, %v", results, err)
		}
		state, err := journal.Read(f.Context(), journal.NewFile(filepath.Join(f.dir, "journals", run+".jsonl")))
		if err != nil || state.State != journal.Kept || state.Changed() || len(f.saved) != 1 {
			f.Errorf("%+v, %v, %d saved", state, err, len(f.saved))
		}
	})
}
