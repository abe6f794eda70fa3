package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
)

// wavePattern is a glob of function names, in one Region or in all.
type wavePattern struct {
	text, region string
	name         glob.Glob
	matched      bool
}

// parseWave reads the patterns of one wave: FUNCTION or REGION:FUNCTION, both of
// which may be globs, parted by spaces.
func parseWave(text string) ([]*wavePattern, error) {
	var all []*wavePattern
	for _, word := range strings.Fields(text) {
		p := &wavePattern{text: word}
		name := word
		if region, rest, has := strings.Cut(word, ":"); has {
			p.region, name = region, rest
		}
		var err error
		if p.name, err = glob.Parse(name); err != nil || name == "" {
			return nil, fmt.Errorf("waves: %q is not a function name, glob or REGION:GLOB", word)
		}
		all = append(all, p)
	}
	return all, nil
}

func (p *wavePattern) matches(t event.Target) bool {
	if p.region != "" && p.region != t.Region || !p.name.Match(t.Function) {
		return false
	}
	p.matched = true
	return true
}

// assignWaves puts each target into the first wave with a pattern that matches it.
// Those that no wave names form the last one. A pattern that matches nothing is an
// error: a typing mistake must not move a function to the last wave.
func assignWaves(waves []string, targets []Target) error {
	var parsed [][]*wavePattern
	for _, text := range waves {
		patterns, err := parseWave(text)
		if err != nil {
			return err
		}
		parsed = append(parsed, patterns)
	}
	for i := range targets {
		targets[i].Wave = len(parsed)
		for number, patterns := range slices.Backward(parsed) {
			for _, p := range patterns {
				if p.matches(nameOf(targets[i].At)) {
					targets[i].Wave = number
				}
			}
		}
	}
	for _, patterns := range parsed {
		for _, p := range patterns {
			if !p.matched {
				return fmt.Errorf("waves: no function of this deployment matches %s: it deploys %s", p.text, some(labels(targets)))
			}
		}
	}
	return nil
}

func labels(targets []Target) []string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Label())
	}
	return all
}

// waves are the targets wave by wave; empty waves are left out.
func (d *deployment) waves() [][]*target {
	by := map[int][]*target{}
	var numbers []int
	for _, t := range d.targets {
		if by[t.Wave] == nil {
			numbers = append(numbers, t.Wave)
		}
		by[t.Wave] = append(by[t.Wave], t)
	}
	slices.Sort(numbers)
	var all [][]*target
	for _, n := range numbers {
		all = append(all, by[n])
	}
	return all
}

// countWaves is how many waves targets have.
func countWaves(targets []Target) int {
	seen := map[int]bool{}
	for _, t := range targets {
		seen[t.Wave] = true
	}
	return len(seen)
}

// carryOut deploys wave by wave. A wave is done when the last stage of its traffic
// is over; one that fails ends the deployment, and all waves are rolled back.
func (d *deployment) carryOut(ctx context.Context) error {
	for _, t := range d.targets {
		d.of(t.At).Emit(event.Planned{Steps: len(t.Plan.Steps)})
	}
	waves := d.waves()
	for i, targets := range waves {
		wave := *d
		wave.targets, wave.wave, wave.allWaves = targets, i+1, len(waves)
		if d.resumption().isOver(wave.recordedWave()) {
			continue
		}
		if len(waves) > 1 {
			d.Events.Emit(event.WaveBegan{Number: i + 1, Of: len(waves), Targets: wave.names()})
		}
		if err := wave.deployWave(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *deployment) names() []event.Target {
	var all []event.Target
	for _, t := range d.targets {
		all = append(all, nameOf(t.At))
	}
	return all
}
