package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// observed is a version with its code, as AWS shows it.
func observed(version, code string) *definition.Observed {
	return &definition.Observed{
		Function: definition.Function{
			FunctionName: "f", Role: new("arn:aws:iam::123456789012:role/f"), PackageType: new("Zip"),
			Architectures: []string{"x86_64"},
		},
		Version: version, CodeSha256: code,
	}
}

func alias(version string, weights map[string]float64) *definition.ObservedAlias {
	return &definition.ObservedAlias{Alias: definition.Alias{Name: "live", Version: version, Weights: weights}}
}

// steps writes a plan's calls, one a line, with where each alias goes.
func steps(p Plan) string {
	var lines []string
	for _, s := range p.Steps {
		line := s.Operation()
		if to, changes := aliasAfter(s, "new", "point"); changes {
			line = fmt.Sprintf("%d %s %s %s", StageOf(s), line, to.Name, DescribeRouting(to))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestAliasesShiftInStages(t *testing.T) {
	t.Parallel()
	weights := func(n float64) map[string]float64 { return map[string]float64{"2": n} }
	for _, tc := range []struct {
		name, course string
		latest, code string
		now          *definition.ObservedAlias
		want         string
		change       string
	}{
		{name: "timed", course: "10%/5m,50%/5m", latest: "one", code: "new", now: alias("1", nil), change: "1 → new version, by 10%/5m, 50%/5m",
			want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live 1, 10% to new\n1 UpdateAlias live 1, 50% to new\n2 UpdateAlias live new"},
		{name: "stays", course: "10%", latest: "one", code: "new", now: alias("1", nil), change: "1 → 10% to new version",
			want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live 1, 10% to new"},
		{name: "ends half way", course: "10%/5m,50%", latest: "one", code: "new", now: alias("1", nil), change: "1 → 50% to new version, by 10%/5m, 50%",
			want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live 1, 10% to new\n1 UpdateAlias live 1, 50% to new"},
		{name: "no traffic", course: "0%", latest: "one", code: "new", now: alias("1", nil),
			want: "UpdateFunctionCode\nPublishVersion"},
		{name: "a new alias serves the new version at once", course: "10%/5m", latest: "one", code: "new", change: " → new version",
			want: "PublishVersion\nUpdateFunctionCode\nPublishVersion\n0 CreateAlias live new"},
		{name: "on $LATEST, by way of the restore point", course: "10%/5m", latest: "one", code: "new", now: alias(Latest, nil), change: "$LATEST → new version, by 10%/5m",
			want: "PublishVersion\n0 UpdateAlias live point\nUpdateFunctionCode\nPublishVersion\n0 UpdateAlias live point, 10% to new\n1 UpdateAlias live new"},
		{name: "on $LATEST, no traffic", course: "0%", latest: "one", code: "new", now: alias(Latest, nil), change: "$LATEST → restore point",
			want: "PublishVersion\n0 UpdateAlias live point\nUpdateFunctionCode\nPublishVersion"},
		{name: "on $LATEST, all at once", course: "AllAtOnce", latest: "one", code: "new", now: alias(Latest, nil), change: "$LATEST → new version",
			want: "PublishVersion\nUpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new"},
		{name: "on $LATEST, which is what is published", course: "10%/5m", latest: "one", code: "one", now: alias(Latest, nil), change: "$LATEST → new version",
			want: "PublishVersion\n0 UpdateAlias live new"},
		{name: "over an earlier canary", course: "10%/5m", latest: "two", code: "new", now: alias("1", weights(0.2)), change: "1, 20% to 2 → new version, by 10%/5m",
			want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live 1, 10% to new\n1 UpdateAlias live new"},
		{name: "a canary goes on", course: "50%", latest: "two", code: "two", now: alias("1", weights(0.2)), change: "1, 20% to 2 → 50% to 2",
			want: "0 UpdateAlias live 1, 50% to new"},
		{name: "a canary is promoted", course: "AllAtOnce", latest: "two", code: "two", now: alias("1", weights(0.2)), change: "1, 20% to 2 → 2",
			want: "0 UpdateAlias live new"},
		{name: "a canary exists", course: "20%", latest: "two", code: "two", now: alias("1", weights(0.2))},
		{name: "a canary that ends there exists", course: "10%/5m,20%", latest: "two", code: "two", now: alias("1", weights(0.2))},
		{name: "the alias points to it already", course: "10%/5m", latest: "one", code: "one", now: alias("1", nil)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			course, err := traffic.Parse(strings.Split(tc.course, ","))
			if err != nil {
				t.Fatal(err)
			}
			o := Observation{
				Latest: observed(Latest, tc.latest), Aliases: map[string]*definition.ObservedAlias{"live": tc.now},
				Versions: map[string]*definition.Observed{"1": observed("1", "one"), "2": observed("2", "two")},
			}
			if tc.now != nil {
				o.Served = o.Versions[tc.now.Version]
			}
			p := Forward(Wanted{
				Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}},
				Code: definition.Code{Sha256: tc.code}, Traffic: course,
			}, o)
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" {
				t.Error(diff)
			}
			change := ""
			for _, c := range p.Changes {
				if strings.HasPrefix(c.Field, "Aliases.") {
					change = c.From + " → " + c.To
				}
			}
			if change != tc.change {
				t.Errorf("the diff says %q, want %q", change, tc.change)
			}
			if len(p.Blockers) > 0 {
				t.Errorf("blocked: %q", p.Blockers)
			}
		})
	}
}

func TestVersionsThatMayNotShareTrafficAreRefusedBefore(t *testing.T) {
	t.Parallel()
	o := Observation{
		Latest: observed(Latest, "one"), Served: observed("1", "one"),
		Aliases:  map[string]*definition.ObservedAlias{"live": alias("1", nil)},
		Versions: map[string]*definition.Observed{"1": observed("1", "one")},
	}
	for name, tc := range map[string]struct {
		function definition.Function
		want     string
	}{
		"role":  {definition.Function{Role: new("arn:aws:iam::123456789012:role/g")}, "version 1 has the role arn:aws:iam::123456789012:role/f and the new one arn:aws:iam::123456789012:role/g"},
		"queue": {definition.Function{DeadLetterConfig: &definition.DeadLetterConfig{TargetArn: new("arn:aws:sqs:us-east-1:123456789012:q")}}, "version 1 has the dead-letter queue none and the new one arn:aws:sqs:us-east-1:123456789012:q"},
	} {
		tc.function.FunctionName = "f"
		w := Wanted{Function: tc.function, Aliases: []definition.Alias{{Name: "live"}}, Code: definition.Code{Sha256: "one"}, Traffic: traffic.Schedule{{Percent: 10}}}
		if got := strings.Join(Forward(w, o).Blockers, "\n"); !strings.Contains(got, tc.want) {
			t.Errorf("%s: blocked %q, want %q", name, got, tc.want)
		}
		w.Traffic = traffic.AllAtOnce()
		if p := Forward(w, o); len(p.Blockers)+len(p.Warnings) > 0 {
			t.Errorf("%s, all at once: blocked %q, warned of %q", name, p.Blockers, p.Warnings)
		}
		w.Traffic = traffic.Schedule{{}}
		if p := Forward(w, o); len(p.Blockers) > 0 || !strings.Contains(strings.Join(p.Warnings, "\n"), tc.want+": a shift to a part of it will be refused") {
			t.Errorf("%s, for a shift to come: blocked %q, warned of %q", name, p.Blockers, p.Warnings)
		}
	}
}

func TestAShiftMovesAliasesAlone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		percent float64
		now     *definition.ObservedAlias
		want    string
		blocked string
	}{
		{name: "a part", percent: 10, now: alias("1", nil), want: "0 UpdateAlias live 1, 10% to new"},
		{name: "more", percent: 50, now: alias("1", map[string]float64{"2": 0.1}), want: "0 UpdateAlias live 1, 50% to new"},
		{name: "all", percent: 100, now: alias("1", map[string]float64{"2": 0.1}), want: "0 UpdateAlias live new"},
		{name: "none", percent: 0, now: alias("1", map[string]float64{"2": 0.1}), want: "0 UpdateAlias live 1"},
		{name: "nothing to move", percent: 10, now: alias("1", map[string]float64{"2": 0.1})},
		{name: "done already", percent: 100, now: alias("2", nil)},
		{name: "of what has the rest", percent: 10, now: alias("2", map[string]float64{"1": 0.4}), want: "0 UpdateAlias live 1, 10% to new"},
		{name: "of what has all", percent: 10, now: alias("2", nil)},
		{name: "$LATEST shares nothing", percent: 10, now: alias(Latest, nil), blocked: "it points to $LATEST"},
		{name: "nothing to give back to", percent: 0, now: alias("2", nil), blocked: "alias live points to version 2 alone"},
		{name: "gone", percent: 10, blocked: "alias live is gone"},
		{name: "all from $LATEST", percent: 100, now: alias(Latest, nil), want: "0 UpdateAlias live new"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := Forward(
				Wanted{Function: definition.Function{FunctionName: "f"}, Aliases: []definition.Alias{{Name: "live"}}, ShiftTo: "2", Traffic: traffic.Schedule{{Percent: tc.percent}}},
				Observation{
					Latest: observed(Latest, "three"), Aliases: map[string]*definition.ObservedAlias{"live": tc.now},
					Versions: map[string]*definition.Observed{"1": observed("1", "one"), "2": observed("2", "two")},
				})
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(p.Blockers, "\n"); !strings.Contains(got, tc.blocked) || tc.blocked == "" && got != "" {
				t.Errorf("blocked: %q, want %q", got, tc.blocked)
			}
		})
	}
}

func TestDescribeRoutingSaysWhatCallersGet(t *testing.T) {
	t.Parallel()
	if got, want := DescribeRouting(definition.Alias{Version: "41", Weights: map[string]float64{"42": 0.57}}), "41, 57% to 42"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
