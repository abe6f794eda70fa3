package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Arrival is how long after its call an event of CloudTrail is relied on to have
// arrived. AWS speaks of five minutes on average and promises nothing
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html).
const Arrival = time.Hour

// Proven is where an alias pointed to, with what proves it.
type Proven struct {
	Pointer
	Proof string
}

// At returns where an alias pointed to at an instant. Its error is an
// *UnprovenError.
//
// The proof is the last move before the instant, as CloudTrail has it. That none is
// missing between the two is proven by the age of the instant, or, where it is
// younger than Arrival, by RevisionIds that lead from that move to the alias as it
// is now. A move in the very second of the instant, or two moves in one second whose
// order no RevisionId proves, prove nothing.
func (f *Function) At(alias string, at time.Time) (Proven, error) {
	a := f.Alias(alias)
	asked := "at " + at.UTC().Format(time.RFC3339)
	q := question{function: f, alias: a, at: at, fail: UnprovenError{Function: f.Name, Alias: alias, Asked: asked}}
	if a == nil {
		return Proven{}, q.unproven("the function has no such alias now")
	}
	found, proof, why := q.answer()
	if why == "" {
		why = f.unusable(found)
	}
	if why != "" {
		return Proven{}, q.unproven(why)
	}
	return Proven{found, proof}, nil
}

// question is one that At answers.
type question struct {
	function *Function
	alias    *Alias
	at       time.Time
	fail     UnprovenError
}

// answer returns the pointer and its proof, or why there is none.
func (q *question) answer() (found Pointer, proof, why string) {
	trail := q.function.Trail
	switch {
	case trail == nil:
		return found, "", "CloudTrail's event history could not be read, and other sources do not know of changes by others"
	case q.at.After(trail.Read):
		return found, "", "that time has not come yet"
	case q.at.Before(trail.From):
		return found, "", "CloudTrail's event history begins at " + trail.From.Format(time.RFC3339)
	}
	second := q.at.UTC().Truncate(time.Second)
	for _, reborn := range q.function.Reborn {
		if !reborn.Before(second) {
			return found, "", "the function was created or deleted after that, at " + reborn.Format(time.RFC3339) + ", and its version numbers began again"
		}
	}
	before, same := q.moves(second)
	if len(same) > 0 && (len(before) == 0 || !allEqual(slices.Concat(lastSecond(before), same))) {
		return found, "", "the alias was changed in that very second"
	}
	before = append(before, same...)
	if len(before) == 0 {
		return found, "", "CloudTrail has no event of the alias from before that time: it was last changed before " + trail.From.Format(time.RFC3339)
	}
	last, why := q.last(before)
	if why != "" {
		return found, "", why
	}
	if last.Unknown {
		return found, "", "CloudTrail's event of " + last.Second.Format(time.RFC3339) + " does not say where to the alias was moved"
	}
	return last.To, proofOf(last), q.complete(last, second)
}

func proofOf(m Move) string {
	proof := fmt.Sprintf("CloudTrail: moved to %s at %s", m.To, m.Second.Format(time.RFC3339))
	if m.By != "" {
		proof += " by " + m.By
	}
	return proof
}

// moves are those before a second and those within it.
func (q *question) moves(second time.Time) (before, same []Move) {
	for _, m := range q.alias.Moves {
		switch {
		case m.Second.Before(second):
			before = append(before, m)
		case m.Second.Equal(second):
			same = append(same, m)
		}
	}
	return before, same
}

// complete returns why a move may be missing between the last one that is known and
// a second, or why the numbers of versions may have begun anew; "" where neither may
// be.
func (q *question) complete(last Move, second time.Time) string {
	for _, v := range q.function.Versions {
		if slices.Contains(last.To.Versions(), v.Number) && (v.Published.IsZero() || v.Published.After(last.Second.Add(time.Second))) {
			return "version " + v.Number + " was published after the alias was moved to a version of that number: the function was deleted and created again"
		}
	}
	if q.function.Trail.Read.Sub(second) > Arrival || q.chained(last) {
		return ""
	}
	return fmt.Sprintf("events of the last %.0f minutes may still be on their way to CloudTrail, and the alias is not as the last one left it", Arrival.Minutes())
}

// chained reports whether RevisionIds lead from a move to the alias as it is now:
// each later call demanded what the one before it had left.
func (q *question) chained(m Move) bool {
	left := m.RevisionID
	for range q.alias.Moves {
		if left == "" || left == q.alias.RevisionID {
			return left != ""
		}
		at := slices.IndexFunc(q.alias.Moves, func(next Move) bool { return next.Expected == left })
		if at < 0 {
			return false
		}
		left = q.alias.Moves[at].RevisionID
	}
	return false
}

// lastSecond are the moves in the last second of a list.
func lastSecond(moves []Move) []Move {
	for i := len(moves) - 1; i >= 0; i-- {
		if i == 0 || !moves[i-1].Second.Equal(moves[len(moves)-1].Second) {
			return moves[i:]
		}
	}
	return nil
}

// last is the last of moves, or why it is not known: of several in one second, the
// one that leads to no other of them by its RevisionId.
func (q *question) last(moves []Move) (Move, string) {
	group := lastSecond(moves)
	if len(group) == 1 || allEqual(group) {
		return group[len(group)-1], ""
	}
	if len(group) == len(lastSecond(q.alias.Moves)) && group[0].Second.Equal(q.alias.Moves[len(q.alias.Moves)-1].Second) {
		for _, m := range group {
			if m.RevisionID != "" && m.RevisionID == q.alias.RevisionID {
				return m, ""
			}
		}
	}
	if m, ok := endOfChain(group); ok {
		return m, ""
	}
	return Move{}, "the alias was changed more than once at " + group[0].Second.Format(time.RFC3339) + ", and their order cannot be proven"
}

// endOfChain is the last of moves that form one chain: each but the first demanded
// the RevisionId that another one left.
func endOfChain(group []Move) (Move, bool) {
	left := map[string]bool{}
	for _, m := range group {
		left[m.RevisionID] = true
	}
	demanded, links := map[string]bool{}, 0
	for _, m := range group {
		if m.Expected != "" && left[m.Expected] && !demanded[m.Expected] {
			demanded[m.Expected] = true
			links++
		}
	}
	if links != len(group)-1 || len(left) != len(group) {
		return Move{}, false
	}
	for _, m := range group {
		if !demanded[m.RevisionID] {
			return m, true
		}
	}
	return Move{}, false
}

func allEqual(moves []Move) bool {
	for _, m := range moves {
		if m.Unknown || !m.To.Equal(moves[0].To) {
			return false
		}
	}
	return true
}

// unusable says why a pointer cannot be restored; "" where it can.
func (f *Function) unusable(p Pointer) string {
	var gone []string
	for _, version := range p.Versions() {
		switch {
		case version == "":
			return "the alias did not exist then"
		case version == "$LATEST":
			return "it pointed to $LATEST, and no version keeps what that was then"
		case !f.Has(version):
			gone = append(gone, version)
		}
	}
	if len(gone) > 0 {
		return fmt.Sprintf("it pointed to %s, and version %s does not exist any more", p, strings.Join(gone, ", "))
	}
	return ""
}

// unproven is the error of a question, with its candidates.
func (q *question) unproven(why string) error {
	q.fail.Why, q.fail.Candidates = why, q.candidates()
	return &q.fail
}

// candidates are the pointers that the alias may have had: those of the moves around
// the instant, and what it points to now. Only what can be restored is one.
func (q *question) candidates() []Candidate {
	if q.alias == nil {
		return nil
	}
	var all []Candidate
	add := func(p Pointer, why string) {
		if q.function.unusable(p) == "" && !slices.ContainsFunc(all, func(c Candidate) bool { return c.Pointer.Equal(p) }) {
			all = append(all, Candidate{p, why})
		}
	}
	moves := slices.Concat(q.alias.Moves, q.alias.Told)
	slices.SortStableFunc(moves, func(a, b Move) int { return a.Second.Compare(b.Second) })
	next := 0
	for next < len(moves) && !moves[next].Second.After(q.at) {
		next++
	}
	const around = 3
	for _, m := range slices.Backward(moves[max(0, next-around):next]) {
		if !m.Unknown {
			add(m.To, fmt.Sprintf("%s: since %s", m.Source, m.Second.Format(time.RFC3339)))
		}
	}
	for _, m := range moves[next:min(len(moves), next+around)] {
		if !m.Unknown {
			add(m.To, fmt.Sprintf("%s: from %s on", m.Source, m.Second.Format(time.RFC3339)))
		}
	}
	for _, v := range q.function.Versions {
		if was := v.Was[q.alias.Name]; was != "" && v.Published.After(q.at) {
			add(Pointer{Version: was}, fmt.Sprintf("%s: until version %s was published at %s", Markers, v.Number, v.Published.Format(time.RFC3339)))
			break
		}
	}
	add(q.alias.Now, "now")
	return all
}
