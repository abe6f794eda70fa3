package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Period is a time in which an alias sent traffic to a version.
type Period struct {
	Alias, Version string
	// Percent is how much of the alias's traffic.
	Percent float64
	// From is when it began, zero where no source says; Until is when it ended, zero
	// where it has not.
	From, Until time.Time
	// Now is set where it has not ended.
	Now bool
	// Before is the version that the alias pointed to before, "none" for a new alias,
	// "" where no source says.
	Before  string
	By, Run string
	// Source says where From is known from, "" where it is not known.
	Source Source
}

// Periods are the times in which a version got traffic, of each alias the latest
// first. Where CloudTrail's history reaches, it alone counts: it knows of everybody's
// moves.
func (f *Function) Periods(version string) []Period {
	var all []Period
	for _, a := range f.Aliases {
		for _, p := range slices.Backward(f.periods(a)) {
			if p.Version == version {
				all = append(all, p)
			}
		}
	}
	return all
}

// periods are those of one alias, the oldest first.
func (f *Function) periods(a Alias) []Period {
	moves := f.known(a)
	if n := len(moves); n == 0 || !moves[n-1].To.Equal(a.Now) {
		moves = append(moves, Move{To: a.Now})
	}
	var all []Period
	for i, m := range moves {
		if m.Unknown || m.To.Version == "" {
			continue
		}
		p := Period{Alias: a.Name, From: m.Second, By: m.By, Run: m.Run, Source: m.Source, Now: i == len(moves)-1}
		if i+1 < len(moves) {
			p.Until = moves[i+1].Second
		}
		rest := 100.0
		for _, version := range m.To.Versions()[1:] {
			shared := p
			shared.Version, shared.Percent = version, traffic.PercentOf(m.To.Weights[version])
			shared.Before = f.before(a.Name, moves[:i], version)
			rest -= shared.Percent
			all = append(all, shared)
		}
		p.Version, p.Percent = m.To.Version, rest
		p.Before = f.before(a.Name, moves[:i], p.Version)
		all = append(all, p)
	}
	return all
}

// before is the version that an alias pointed to before it sent traffic to this one:
// of a version with a part of the traffic, the one that had all of it.
func (f *Function) before(alias string, earlier []Move, version string) string {
	for _, e := range slices.Backward(earlier) {
		if e.Unknown {
			return ""
		}
		if e.To.Version != version {
			return cmp.Or(e.To.Version, "none")
		}
	}
	for _, v := range f.Versions {
		if v.Number == version {
			return v.Was[alias]
		}
	}
	return ""
}

// known are the moves that count: CloudTrail's where its history reaches, before
// that those of journals and markers.
func (f *Function) known(a Alias) []Move {
	var moves []Move
	for _, m := range a.Told {
		if f.Trail != nil && !m.Second.Before(f.Trail.From) {
			continue
		}
		// A run's journal and the marker of its version tell of the same move.
		if n := len(moves); n > 0 && moves[n-1].To.Equal(m.To) {
			if m.Source == Journals {
				moves[n-1] = m
			}
			continue
		}
		moves = append(moves, m)
	}
	moves = append(moves, a.Moves...)
	f.nameRuns(a, moves)
	return moves
}

// nameRuns adds the runs of journals and markers to the moves of CloudTrail: of a
// journal, the same move within a minute, which is what clocks may differ by; of a
// marker, the first move to the version.
func (f *Function) nameRuns(a Alias, moves []Move) {
	for _, told := range a.Told {
		for i, m := range moves {
			if m.Source != CloudTrail || m.Run != "" || m.To.Version != told.To.Version {
				continue
			}
			near := told.Second.Sub(m.Second).Abs() <= time.Minute
			if told.Source == Markers && !m.Second.Before(told.Second) || told.Source == Journals && near {
				moves[i].Run = told.Run
				break
			}
		}
	}
}
