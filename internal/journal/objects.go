package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// objects keeps a journal in S3, for machines whose disk does not outlive the
// process: one object a record, numbered from 1, in one sequence for the run
// (header/000001.json is the header) and one for each Target
// (0-NAME/000001.json). Each is written only where there is none (If-None-Match:
// *), so a process whose journal was taken over fails at its next append: before
// its next call, since an intent is written first
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
//
// Beside the folders of the runs, settled/RUN/STATE.json marks a run that is no
// longer open. A run without a mark may be open: its records tell.
type objects struct {
	bucket Bucket
	name   string
	key    string
	// sequences are the run's own, then one for each Target.
	sequences []*sequence
}

func newObjects(bucket Bucket, url, key string) *objects {
	return &objects{bucket: bucket, name: url, key: key}
}

// Name returns the URL of the journal's folder.
func (o *objects) Name() string { return o.name }

// sideBySide bounds how many requests of one journal are under way at once.
const sideBySide = 32

// maxTakeover bounds how often a takeover tries against a process that keeps
// writing to one sequence: it waits for answers from AWS between its records.
const maxTakeover = 100

// arrange makes the sequences of a run.
func (o *objects) arrange(targets []Target) {
	o.sequences = []*sequence{{bucket: o.bucket, prefix: o.key + "/header/", next: 1}}
	for i, t := range targets {
		o.sequences = append(o.sequences, &sequence{bucket: o.bucket, prefix: fmt.Sprintf("%s/%d-%s/", o.key, i, t.Function), next: 1})
	}
}

// Create implements Store. The names of runs are unique: a journal that exists
// belongs to another run.
func (o *objects) Create(ctx context.Context, header []byte, run RunState, _ Holder) error {
	o.arrange(run.Header.Targets)
	return o.sequences[0].append(ctx, header)
}

// Read implements Store.
func (o *objects) Read(ctx context.Context) (*RunState, error) {
	numbers, err := o.list(ctx, o.key+"/")
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	return o.read(ctx, numbers)
}

// list returns how many objects each sequence holds, by the sequence's name.
// A number that is missing is an error.
func (o *objects) list(ctx context.Context, prefix string) (map[string]int, error) {
	entries, err := o.bucket.List(ctx, prefix, "")
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	for _, e := range entries {
		name, file := path.Split(strings.TrimPrefix(e.Key, o.key+"/"))
		number, err := strconv.Atoi(strings.TrimSuffix(file, ".json"))
		if err != nil || file != fileOf(number) {
			continue // not ours
		}
		if numbers[name]++; numbers[name] != number {
			return nil, fmt.Errorf("%s is missing", o.key+"/"+name+fileOf(numbers[name]))
		}
	}
	if len(numbers) > 0 && numbers["header/"] == 0 {
		return nil, fmt.Errorf("%s is missing", o.key+"/header/"+fileOf(1))
	}
	return numbers, nil
}

// read reads the header, and then every other object side by side.
func (o *objects) read(ctx context.Context, numbers map[string]int) (*RunState, error) {
	header, err := get(ctx, o.bucket, o.key+"/header/"+fileOf(1))
	if err != nil {
		return nil, err
	}
	var state RunState
	if err := state.begin(header); err != nil {
		return nil, err
	}
	o.arrange(state.Header.Targets)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	contents := make([][][]byte, len(o.sequences))
	for i, s := range o.sequences {
		contents[i] = make([][]byte, numbers[strings.TrimPrefix(s.prefix, o.key+"/")])
		s.next = len(contents[i]) + 1
		for n := range contents[i] {
			group.Go(func() (err error) {
				contents[i][n], err = get(ctx, o.bucket, s.prefix+fileOf(n+1))
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, s := range o.sequences {
		for n, content := range contents[i] {
			if i == 0 && n == 0 {
				continue
			}
			if err := state.line(content); err != nil {
				return nil, fmt.Errorf("%s: %w", s.prefix+fileOf(n+1), err)
			}
		}
	}
	return &state, nil
}

func get(ctx context.Context, bucket Bucket, key string) ([]byte, error) {
	content, _, err := bucket.Get(ctx, key)
	if err == nil && content == nil {
		err = fmt.Errorf("%s is missing", key)
	}
	return content, err
}

// TakeOver implements Store. It writes the next number of every sequence, the
// run's own first. Of two processes that take over at once, the later one there
// has the higher epoch, and the other one gives way to it in every sequence.
func (o *objects) TakeOver(ctx context.Context, by Holder) (*RunState, error) {
	state, err := o.Read(ctx)
	if err != nil || state == nil || state.State.Settled() {
		return state, err // a settled run has no owner
	}
	took := Takeover{By: by, Nonce: rand.Text()}
	found, err := o.sequences[0].take(ctx, &took, -1)
	if err != nil {
		return nil, err
	}
	late := make([][][]byte, len(o.sequences))
	late[0] = found
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for i, s := range o.sequences[1:] {
		group.Go(func() (err error) {
			mine := took
			late[i+1], err = s.take(inner, &mine, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, record := range slices.Concat(late...) {
		if err := state.line(record); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// Append implements Store.
func (o *objects) Append(ctx context.Context, target int, line []byte) error {
	return o.sequences[target+1].append(ctx, line)
}

// Ended implements Store: it marks the run as no longer open. If the mark cannot
// be written, whoever looks for open runs reads the records.
func (o *objects) Ended(ctx context.Context, state State) {
	folder, run := path.Split(o.key)
	content, err := json.Marshal(struct {
		State State `json:"state"`
	}{state})
	if err == nil {
		_, _ = o.bucket.Put(ctx, folder+"settled/"+run+"/"+string(state)+".json", content, "")
	}
}

// Held implements Store: nobody holds objects.
func (o *objects) Held() (Holder, bool, error) { return Holder{}, false, nil }

// FreeReserve implements Store: a bucket is never full.
func (o *objects) FreeReserve() bool { return false }

// Stop implements Store: TakeOver stops the former owner.
func (o *objects) Stop(context.Context) error { return nil }

// Stopped implements Store: the next append finds out.
func (o *objects) Stopped() bool { return false }

// Close implements Store: there is no lock to release.
func (o *objects) Close() error { return nil }

// sequence is one numbered row of objects. One append runs at a time.
type sequence struct {
	bucket Bucket
	prefix string
	next   int
	// unconfirmed are writes at the number next that got no answer and may still
	// arrive.
	unconfirmed [][]byte
}

func fileOf(number int) string { return fmt.Sprintf("%06d.json", number) }

// append writes the next object. A write whose answer was lost is recognised by
// its content.
func (s *sequence) append(ctx context.Context, content []byte) error {
	for {
		found, err := s.write(ctx, content)
		if err != nil || found == nil {
			return err
		}
		if !slices.ContainsFunc(s.unconfirmed, func(own []byte) bool { return bytes.Equal(own, found) }) {
			return takenBy(found)
		}
		s.advance()
	}
}

func (s *sequence) advance() { s.next, s.unconfirmed = s.next+1, nil }

// write tries to write the next object once. It returns the content that is
// there where that is not its own.
func (s *sequence) write(ctx context.Context, content []byte) (found []byte, _ error) {
	key := s.prefix + fileOf(s.next)
	_, err := s.bucket.Put(ctx, key, content, "")
	if errors.Is(err, ErrTaken) {
		found, err = get(ctx, s.bucket, key)
	}
	if err != nil {
		s.unconfirmed = append(s.unconfirmed, content)
		return nil, err
	}
	if found != nil && !bytes.Equal(found, content) {
		return found, nil
	}
	s.advance()
	return nil, nil
}

func takenBy(found []byte) error {
	var r Record
	if json.Unmarshal(found, &r) == nil && r.Takeover != nil {
		return &TakenError{By: r.Takeover.By}
	}
	return ErrTaken
}

// take writes a takeover behind everything that the former owner wrote, and
// returns the records that it wrote meanwhile, as it wrote them: each may refer to
// the one before. Without an epoch the record's own number is the epoch.
func (s *sequence) take(ctx context.Context, mine *Takeover, target int) ([][]byte, error) {
	var late [][]byte
	first := mine.Epoch == 0
	for range maxTakeover {
		if first {
			mine.Epoch = s.next
		}
		content, err := json.Marshal(Record{At: mine.By.Since, Target: target, Takeover: mine})
		if err != nil {
			return nil, err
		}
		found, err := s.write(ctx, append(content, '\n'))
		if err != nil || found == nil {
			return late, err
		}
		var r Record
		if err := json.Unmarshal(found, &r); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", s.prefix+fileOf(s.next), errSyntax, err)
		}
		if r.Takeover != nil && r.Takeover.Epoch > mine.Epoch {
			return nil, &TakenError{By: r.Takeover.By}
		}
		late = append(late, found)
		s.advance()
	}
	return nil, fmt.Errorf("take over %s: another process keeps writing: %w", s.prefix, ErrTaken)
}
