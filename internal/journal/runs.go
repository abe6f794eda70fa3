package journal

import (
	"context"
	"path"
	"slices"
	"strings"
)

// Run is a journal in S3 as a listing shows it.
type Run struct {
	// URL names the journal.
	URL string
	// Ended is the state that the run ended with; "" for a run that is open, or
	// whose mark is missing: its records tell which.
	Ended State
}

// Runs lists the journals below a place, s3://bucket/prefix, whose names begin
// with name, in the order of their names. It takes two listings, however many
// runs and records there are.
func Runs(ctx context.Context, bucket Bucket, place, name string) ([]Run, error) {
	root, prefix, err := ParseObject(strings.TrimSuffix(place, "/") + "/" + name)
	if err != nil {
		return nil, err
	}
	folder, begin := path.Split(prefix)
	entries, err := bucket.List(ctx, prefix, "/")
	if err != nil {
		return nil, err
	}
	marks, err := bucket.List(ctx, folder+"settled/"+begin, "")
	if err != nil {
		return nil, err
	}
	ended := map[string]State{}
	for _, m := range marks {
		run, state := path.Split(strings.TrimPrefix(m.Key, folder+"settled/"))
		run = strings.TrimSuffix(run, "/")
		ended[run] = later(ended[run], State(strings.TrimSuffix(state, ".json")))
	}
	var runs []Run
	for _, e := range entries {
		key := strings.TrimSuffix(e.Key, "/")
		if IsObjectURL("s3://" + root + "/" + key) {
			runs = append(runs, Run{URL: "s3://" + root + "/" + key, Ended: ended[path.Base(key)]})
		}
	}
	return runs, nil
}

// later is the state that a run has after both were recorded.
func later(a, b State) State {
	order := []State{"", Open, Deployed, RolledBack, Kept}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// runState returns the state of one run: by its marks, else by its own records
// alone, which are few however many Targets it has.
func runState(ctx context.Context, bucket Bucket, url, key string) (State, error) {
	if strings.HasSuffix(key, objectSuffix) {
		state, err := (&singleObject{bucket: bucket, name: url, key: key}).Read(ctx)
		if err != nil || state == nil {
			return "", err
		}
		return state.State, nil
	}
	folder, run := path.Split(key)
	marks, err := bucket.List(ctx, folder+"settled/"+run+"/", "")
	if err != nil {
		return "", err
	}
	var state State
	for _, m := range marks {
		state = later(state, State(strings.TrimSuffix(path.Base(m.Key), ".json")))
	}
	if state != "" {
		return state, nil
	}
	o := newObjects(bucket, url, key)
	numbers, err := o.list(ctx, key+"/header/")
	if err != nil || len(numbers) == 0 {
		return "", err
	}
	read, err := o.read(ctx, numbers)
	if err != nil {
		return "", err
	}
	return read.State, nil
}
