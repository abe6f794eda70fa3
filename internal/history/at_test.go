package history

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

// moved is a move as CloudTrail tells of it, with the RevisionIds before and after.
func moved(d time.Duration, version, expected, revision string) Move {
	return Move{Second: after(d), To: Pointer{Version: version}, Expected: expected, RevisionID: revision, Source: CloudTrail}
}

// orders is a function of three versions, all published before noon. CloudTrail was
// read at a time.
func orders(read time.Duration, now, revision string, moves ...Move) *Function {
	f := &Function{Name: "orders", Trail: &Coverage{From: after(-48 * time.Hour), Read: after(read)}}
	for _, number := range []string{"1", "2", "3"} {
		f.Versions = append(f.Versions, Version{Number: number, Published: after(-24 * time.Hour)})
	}
	f.Aliases = []Alias{{Name: "live", Now: Pointer{Version: now}, RevisionID: revision, Moves: moves}}
	return f
}

func TestAnInstantIsProvenOrRefused(t *testing.T) {
	t.Parallel()
	const day, minute = 24 * time.Hour, time.Minute
	shared := moved(0, "2", "", "r1")
	shared.To.Weights = map[string]float64{"3": 0.1}
	gone, deleted, unknown := moved(0, "7", "", "r1"), moved(0, "", "", ""), moved(0, "", "", "r1")
	unknown.Unknown = true
	for name, tc := range map[string]struct {
		f    *Function
		at   time.Duration
		want string // the pointer, or a part of why there is none after "!"
	}{
		"between two moves of last week":                    {orders(7*day, "2", "x", moved(0, "1", "", "a"), moved(day, "2", "", "b")), time.Hour, "1"},
		"after the last one":                                {orders(7*day, "2", "x", moved(0, "1", "", "a"), moved(day, "2", "", "b")), 2 * day, "2"},
		"weights are a part of it":                          {orders(7*day, "2", "x", shared), day, "2 with 10% on 3"},
		"a minute ago, as the alias is now":                 {orders(2*minute, "1", "a", moved(0, "1", "", "a")), minute, "1"},
		"a minute ago, by a chain":                          {orders(3*minute, "2", "b", moved(0, "1", "", "a"), moved(2*minute, "2", "a", "b")), minute, "1"},
		"a minute ago, the chain has a hole":                {orders(3*minute, "2", "b", moved(0, "1", "", "a"), moved(2*minute, "2", "other", "b")), minute, "!on their way"},
		"a minute ago, an event is missing":                 {orders(2*minute, "2", "b", moved(0, "1", "", "a")), minute, "!on their way"},
		"an event without a RevisionId":                     {orders(3*minute, "2", "b", moved(0, "1", "", ""), moved(2*minute, "2", "", "b")), minute, "!on their way"},
		"an hour ago to the second":                         {orders(2*time.Hour, "2", "b", moved(0, "1", "", "a")), time.Hour, "!on their way"},
		"a call without RevisionId":                         {orders(3*minute, "2", "b", moved(0, "1", "", "a"), moved(2*minute, "2", "", "b")), minute, "!on their way"},
		"before the first move":                             {orders(7*day, "1", "x", moved(0, "1", "", "a")), -time.Hour, "!no event of the alias from before"},
		"no move at all":                                    {orders(7*day, "1", "x"), day, "!no event of the alias from before"},
		"before the history":                                {orders(7*day, "1", "x", moved(0, "1", "", "a")), -3 * day, "!begins at"},
		"in the future":                                     {orders(day, "1", "a", moved(0, "1", "", "a")), 2 * day, "!not come yet"},
		"in the second of a move":                           {orders(7*day, "2", "x", moved(0, "1", "", "a"), moved(day, "2", "", "b")), day + 300*time.Millisecond, "!that very second"},
		"in the second of the first move":                   {orders(7*day, "1", "x", moved(0, "1", "", "a")), 300 * time.Millisecond, "!that very second"},
		"in the second of a move to the same":               {orders(7*day, "1", "x", moved(0, "1", "", "a"), moved(day, "1", "", "b")), day + 300*time.Millisecond, "1"},
		"a minute ago, in the second of a move to the same": {orders(2*minute, "1", "b", moved(0, "1", "", "a"), moved(minute, "1", "", "b")), minute + 300*time.Millisecond, "1"},
		"two in one second, in order":                       {orders(7*day, "3", "x", moved(0, "1", "", "a"), moved(0, "2", "a", "b"), moved(5*day, "3", "", "c")), day, "2"},
		"two in one second, no revision":                    {orders(7*day, "2", "", moved(0, "1", "", ""), moved(0, "2", "", "")), day, "!more than once"},
		"two in one second, one revision":                   {orders(7*day, "2", "x", moved(0, "1", "", ""), moved(0, "2", "", "b")), day, "!more than once"},
		"two in one second, one after an earlier one":       {orders(7*day, "2", "x", moved(-day, "3", "", "o"), moved(0, "1", "o", "a"), moved(0, "2", "", "b")), day, "!more than once"},
		"in the second of a move of its weights alone":      {orders(7*day, "2", "x", moved(-day, "2", "", "o"), shared), 300 * time.Millisecond, "!that very second"},
		"two in one second, no order":                       {orders(7*day, "2", "x", moved(0, "1", "", "a"), moved(0, "2", "", "b")), day, "!more than once"},
		"two in one second, by their chain":                 {orders(7*day, "3", "x", moved(0, "2", "a", "b"), moved(0, "1", "", "a"), moved(5*day, "3", "", "c")), day, "2"},
		"two in one second, the last is now":                {orders(7*day, "1", "a", moved(0, "1", "", "a"), moved(0, "2", "", "b")), day, "1"},
		"three in one second, a half chain":                 {orders(7*day, "1", "x", moved(0, "1", "", "a"), moved(0, "2", "a", "b"), moved(0, "3", "", "c")), day, "!more than once"},
		"the version is gone":                               {orders(7*day, "1", "x", gone), day, "!version 7 does not exist"},
		"the alias did not exist":                           {orders(7*day, "1", "x", moved(-time.Hour, "1", "", "a"), deleted), day, "!did not exist then"},
		"on $LATEST":                                        {orders(7*day, "1", "x", moved(0, "$LATEST", "", "a")), day, "!no version keeps what that was then"},
		"an event that does not say":                        {orders(7*day, "1", "x", unknown), day, "!does not say where to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, tc.f, tc.at, tc.want)
		})
	}
}

func expect(t *testing.T, f *Function, at time.Duration, want string) {
	t.Helper()
	got, err := f.At("live", after(at))
	why, refused := strings.CutPrefix(want, "!")
	var unproven *UnprovenError
	switch {
	case !refused && (err != nil || got.String() != want || got.Proof == ""):
		t.Errorf("got %v by %q, %v; want %s", got, got.Proof, err, want)
	case refused && !errors.As(err, &unproven):
		t.Errorf("got %v, %v; want no answer", got, err)
	case refused && !strings.Contains(unproven.Why, why):
		t.Errorf("because %q, want %q", unproven.Why, why)
	case refused && len(unproven.Candidates) == 0:
		t.Error("no candidate, though the alias points to a version now")
	}
}

// The numbers of a function that was created anew mean other versions.
func TestAFunctionThatWasCreatedAnewProvesNothing(t *testing.T) {
	t.Parallel()
	f := orders(7*24*time.Hour, "1", "x", moved(0, "1", "", "a"))
	f.Reborn = []time.Time{after(48 * time.Hour)}
	expect(t, f, 24*time.Hour, "!began again")
	expect(t, f, 72*time.Hour, "1") // the alias's event would be of the new one

	// Its deletion may not have arrived yet: the age of the version tells.
	f = orders(48*time.Hour, "1", "x", moved(0, "1", "", "a"))
	f.Versions[0].Published = after(47 * time.Hour)
	expect(t, f, 24*time.Hour, "!deleted and created again")
	f.Versions[0].Published = time.Time{} // not known
	expect(t, f, 24*time.Hour, "!deleted and created again")

	// A version that the alias did not point to then says nothing.
	f = orders(48*time.Hour, "1", "x", moved(0, "1", "", "a"))
	f.Versions[2].Published = after(47 * time.Hour)
	expect(t, f, 24*time.Hour, "1")
}

func TestTheProofNamesWhoMovedTheAlias(t *testing.T) {
	t.Parallel()
	f := orders(7*24*time.Hour, "1", "x", moved(0, "1", "", "a"))
	for by, want := range map[string]string{"": "CloudTrail: moved to 1 at 2026-11-20T12:00:00Z", "ann": "CloudTrail: moved to 1 at 2026-11-20T12:00:00Z by ann"} {
		f.Aliases[0].Moves[0].By = by
		if got, err := f.At("live", after(time.Hour)); err != nil || got.Proof != want {
			t.Errorf("%q, %v; want %q", got.Proof, err, want)
		}
	}
}

func TestWithoutCloudTrailOtherSourcesAreCandidates(t *testing.T) {
	t.Parallel()
	f := orders(24*time.Hour, "3", "x")
	f.Trail = nil
	f.Aliases[0].Told = []Move{
		{Second: after(0), To: Pointer{Version: "1"}, Source: Markers},
		{Second: after(time.Hour), To: Pointer{Version: "2"}, Source: Journals},
		{Second: after(10 * time.Minute), To: Pointer{Version: "7"}, Source: Journals}, // it is gone
	}
	f.Aliases[0].Moves = []Move{moved(2*time.Hour, "1", "", "")}
	_, err := f.At("live", after(30*time.Minute))
	var unproven *UnprovenError
	if !errors.As(err, &unproven) || len(unproven.Candidates) != 3 || unproven.Candidates[0].Version != "1" {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"could not be read", "1  version markers: since", "2  journals: from", "3  now", "to-version"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
}

func TestACommitNamesOneVersionOrNone(t *testing.T) {
	t.Parallel()
	f := orders(24*time.Hour, "3", "x")
	was := map[string]string{"live": "1"}
	f.Versions[0].Commit, f.Versions[0].Was, f.Versions[0].RestorePoint = "aaaaaaa11111", was, true
	f.Versions[1].Commit, f.Versions[1].Was, f.Versions[1].Run = "aaaaaaa11111", was, "42"
	f.Versions[2].Commit = "bbbbbbb22222"
	for commit, want := range map[string]string{
		"aaaaaaa": "2", "AAAAAAA11111ffff0000": "2", "aaaaaa": "!too short", "bbbbbbb": "!does not say that the alias", "ccccccc": "!no version",
	} {
		got, err := f.OfCommit("live", commit)
		if why, refused := strings.CutPrefix(want, "!"); refused && (err == nil || !strings.Contains(err.Error(), why)) || !refused && got.String() != want {
			t.Errorf("%s: %v, %v; want %s", commit, got, err, want)
		}
	}
	// One without a marker, or with a short commit, is of no commit.
	for _, of := range []string{"", "bbbbbb"} {
		f.Versions[2].Commit, f.Versions[2].Was = of, was
		if got, err := f.OfCommit("live", "bbbbbbb22222"); err == nil || !strings.Contains(err.Error(), "no version that still exists") {
			t.Errorf("of a version of commit %q: %v, %v", of, got, err)
		}
	}
	f.Versions[2].Commit, f.Versions[2].Was = "aaaaaaa11111", was
	if got, err := f.OfCommit("live", "aaaaaaa"); err == nil || !strings.Contains(err.Error(), "several versions") || !strings.Contains(err.Error(), "3  version marker: published from aaaaaaa11111") {
		t.Errorf("of two versions: %v, %v", got, err)
	}
}

func TestPeriodsComeFromCloudTrailWhereItReaches(t *testing.T) {
	t.Parallel()
	f := orders(24*time.Hour, "3", "x", moved(0, "2", "", "a"), moved(time.Hour, "3", "a", "x"))
	f.Aliases[0].Moves[0].To.Weights = map[string]float64{"3": 0.1}
	f.Aliases[0].Told = []Move{
		{Second: after(-72 * time.Hour), To: Pointer{Version: "1"}, Source: Markers, Run: "r1"},
		{Second: after(-time.Minute), To: Pointer{Version: "2"}, Source: Markers, Run: "r2"},
	}
	got := f.Periods("3")
	want := []Period{
		{Alias: "live", Version: "3", Percent: 100, From: after(time.Hour), Now: true, Before: "2", Source: CloudTrail},
		{Alias: "live", Version: "3", Percent: 10, From: after(0), Until: after(time.Hour), Before: "1", Run: "r2", Source: CloudTrail},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := f.Periods("1"); len(got) != 1 || got[0].Source != Markers || !got[0].Until.Equal(after(0)) || got[0].Now {
		t.Errorf("version 1: %+v", got)
	}
}

func TestBeforeAPartOfTheTrafficIsTheVersionThatHadAllOfIt(t *testing.T) {
	t.Parallel()
	f := orders(24*time.Hour, "3", "x", moved(0, "1", "", "a"), moved(time.Hour, "2", "a", "b"), moved(2*time.Hour, "2", "b", "c"), moved(3*time.Hour, "3", "c", "x"))
	f.Aliases[0].Moves[2].To.Weights = map[string]float64{"3": 0.1}
	for version, want := range map[string][]string{"3": {"2", "2"}, "2": {"1", "1"}} {
		var got []string
		for _, p := range f.Periods(version) {
			got = append(got, p.Before)
		}
		if !slices.Equal(got, want) {
			t.Errorf("before the periods of version %s: %q, want %q", version, got, want)
		}
	}
}

func TestPercentagesAreTheOnesThatWereSet(t *testing.T) {
	t.Parallel()
	p := Pointer{Version: "2", Weights: map[string]float64{"3": 0.07}} // 0.07 * 100 is not 7
	if got := p.String(); got != "2 with 7% on 3" {
		t.Error(got)
	}
	f := orders(24*time.Hour, "2", "x", moved(0, "2", "", "x"))
	f.Aliases[0].Moves[0].To, f.Aliases[0].Now = p, p
	for version, want := range map[string]float64{"2": 93, "3": 7} {
		if got := f.Periods(version); len(got) != 1 || got[0].Percent != want {
			t.Errorf("version %s: %+v, want %v%%", version, got, want)
		}
	}
}
