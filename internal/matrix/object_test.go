package matrix

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// inBucket is a scenario whose journal is kept in S3.
func (w *world) inBucket() scenario {
	w.t.Helper()
	s := faultScenarios()[1]
	s.args = append(s.args, "--journal", "s3://journals/team")
	_, err := w.s3.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("journals")})
	w.must(err)
	return s
}

// objects are the contents of the journals' bucket, by key.
func (w *world) objects() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	list, err := w.s3.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: aws.String("journals")})
	w.must(err)
	for _, o := range list.Contents {
		out, err := w.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("journals"), Key: o.Key})
		w.must(err)
		content, err := io.ReadAll(out.Body)
		w.must(err)
		w.noSecret(*o.Key, content)
		all[*o.Key] = string(content)
	}
	return all
}

// journalURL is the one journal in the bucket.
func (w *world) journalURL() string {
	w.t.Helper()
	for key := range w.objects() {
		if run, _, ok := strings.Cut(key, ".journal/header/"); ok {
			return "s3://journals/" + run + ".journal"
		}
	}
	w.t.Fatal("there is no journal in the bucket")
	return ""
}

func TestAJournalInS3OutlivesTheMachine(t *testing.T) {
	t.Parallel()
	var all []cut
	for at := 1; at <= 8; at++ {
		all = append(all, cut{beforeCall, at}, cut{beforeAnswer, at}, cut{lateEffect, at})
	}
	each(t, every(11, all, 1), func(t *testing.T, c cut) {
		w := newWorld(t)
		s := w.inBucket()
		before := s.prepare(w)
		s.deploy(w, c).expect(t, "the deployment", killed)
		w.newMachine()
		w.backFromBucket(before)
	})
}

// backFromBucket rolls back from a machine that knows the bucket alone.
func (w *world) backFromBucket(before string) {
	w.t.Helper()
	back := w.run(cut{}, "rollback", "--journal", w.journalURL())
	if back.code != 0 {
		w.t.Errorf("rollback: exit %d\n%s", back.code, back.output)
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		w.t.Errorf("the state after is not the state before (-before +after):\n%s\n%s", diff, back.output)
	}
	w.objects()
}

func TestAnswersOfTheBucketThatAreLostHarmNothing(t *testing.T) {
	t.Parallel()
	var all []disturbance
	for _, action := range []awslocal.Action{awslocal.DropAfter, awslocal.Drop, awslocal.ErrorAfter, awslocal.SilenceAfter} {
		for _, nth := range []int{2, 3, 5, 9} {
			all = append(all, disturbance{fmt.Sprintf("%s %d", action, nth), awslocal.Fault{Service: "s3", Operation: "PutObject", Nth: nth, Action: action}})
		}
	}
	each(t, every(5, all, 1), func(t *testing.T, d disturbance) {
		w := newWorld(t)
		s := w.inBucket()
		before := s.prepare(w)
		struck := w.inject(d.fault)
		s.deploy(w, cut{}).expect(t, "the deployment", 0)
		await(t, "the fault", struck)
		w.backFromBucket(before)
	})
}

func TestASecondRunIsKeptOffAFunctionWhoseJournalIsOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.inBucket()
		before := s.prepare(w)
		s.deploy(w, cut{beforeAnswer, 3}).expect(t, "the deployment", killed)
		url, half := w.journalURL(), w.dump()
		second := s.deploy(w, cut{})
		if second.code != 3 || !strings.Contains(second.output, "lambda-rollout rollback --journal "+url) {
			t.Errorf("the second run: exit %d\n%s", second.code, second.output)
		}
		if diff := cmp.Diff(half, w.dump()); diff != "" {
			t.Errorf("the second run changed something:\n%s", diff)
		}
		back := w.run(cut{}, "rollback", "--journal", url)
		if diff := cmp.Diff(before, w.dump()); back.code != 0 || diff != "" {
			t.Errorf("rollback: exit %d\n%s\n%s", back.code, diff, back.output)
		}
		if third := s.deploy(w, cut{}); third.code != 0 {
			t.Errorf("a run after the rollback: exit %d\n%s", third.code, third.output)
		}
	})
}
