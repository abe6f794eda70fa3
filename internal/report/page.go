package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Page is the page of a run, as HTML that needs nothing else: what the journal
// says of it. No value of an environment variable is in it, because none is in a
// journal. hide takes out the secrets that this process knows.
func Page(state *journal.RunState, hide func(string) string) string {
	p := page{state: state, hide: hide}
	title := p.title()
	body := []node{el("h1", p.class(), text(title)), p.facts()}
	body = append(body, p.stages()...)
	body = append(body, p.gates()...)
	for i := range state.Targets {
		body = append(body, p.target(&state.Targets[i]))
	}
	body = append(body, el("footer", "", text("lambda-rollout "+state.Header.Tool+" · times are UTC")))
	return document(title, pageStyle, el("main", "", body...))
}

type page struct {
	state *journal.RunState
	hide  func(string) string
}

func (p page) text(s string) text { return text(p.hide(s)) }

func (p page) class() string {
	return map[journal.State]string{journal.Deployed: "good", journal.Kept: "good", journal.RolledBack: "back"}[p.state.State]
}

// title says what the run did to how many functions, and how it ended.
func (p page) title() string {
	what := count(len(p.state.Targets), "function")
	if len(p.state.Targets) == 1 {
		what = p.hide(p.state.Targets[0].Function)
	}
	switch p.state.State {
	case journal.Deployed, journal.Kept:
		return "✓ " + what + " deployed"
	case journal.RolledBack:
		return "↩ " + what + " rolled back"
	case journal.Open:
	}
	return "⚠ " + what + ": interrupted or still running"
}

func (p page) facts() node {
	h := p.state.Header
	list := el("dl", "facts")
	add := func(name, value string) {
		if value != "" {
			list.children = append(list.children, el("dt", "", text(name)), el("dd", "", p.text(value)))
		}
	}
	add("Command", h.Command)
	add("By", h.Actor)
	add("Began", h.Started.UTC().Format(time.DateTime))
	add("Repository", h.Repository)
	add("Commit", h.Commit)
	if url := p.hide(h.RunURL); strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		link := el("a", "", text(url)).with("href", url).with("rel", "noreferrer")
		list.children = append(list.children, el("dt", "", text("Run")), el("dd", "", link))
	}
	add("Id", h.Run)
	return list
}

func (p page) target(t *journal.TargetLog) node {
	section := el("section", "", el("h2", "", p.text(t.Function+" in "+t.Region)))
	if s := t.Snapshot; s != nil {
		section.children = append(section.children, p.before(s))
	}
	if fields := p.changed(t); len(fields.children) > 0 {
		section.children = append(section.children, el("h3", "", text("What changed")), fields)
	}
	return appended(section, el("h3", "", text("Calls")), p.calls(t))
}

func appended(e element, more ...node) element {
	e.children = append(e.children, more...)
	return e
}

// before is what a rollback restores.
func (p page) before(s *journal.Snapshot) node {
	if !s.Exists {
		return el("p", "", text("The function did not exist before: a rollback deletes it."))
	}
	var aliases []string
	for _, a := range s.Aliases {
		aliases = append(aliases, a.Name+" → "+routing(a))
	}
	said := "Before: " + strings.Join(aliases, ", ")
	if len(aliases) == 0 {
		said = "Before: code " + ShortHash(s.Content.CodeSha256)
	}
	return el("p", "", p.text(said))
}

// routing is what an alias points to: 41, or 41 with 10% on 42.
func routing(a journal.Alias) string {
	out := a.Version
	for _, version := range slices.Sorted(maps.Keys(a.Weights)) {
		out += " with " + traffic.Percent(traffic.PercentOf(a.Weights[version])) + " on " + version
	}
	return out
}

// changed are the fields whose content the run's last change of $LATEST set
// otherwise than before. A journal has no values, so there are none.
func (p page) changed(t *journal.TargetLog) element {
	list := el("ul", "diff")
	if t.Snapshot == nil || !t.Snapshot.Exists {
		return list
	}
	before, after := t.Snapshot.Content, (*journal.Content)(nil)
	for _, s := range t.Steps {
		if s.Intent.Content != nil && !s.Intent.Back {
			after = s.Intent.Content
		}
	}
	if after == nil {
		return list
	}
	for _, field := range slices.Sorted(maps.Keys(after.Fields)) {
		if before.Fields[field] != after.Fields[field] {
			list.children = append(list.children, el("li", "", p.text(field)))
		}
	}
	if before.CodeSha256 != after.CodeSha256 {
		list.children = append(list.children, el("li", "", p.text("Code: "+ShortHash(before.CodeSha256)+" → "+ShortHash(after.CodeSha256))))
	}
	return list
}

// calls is the timeline.
func (p page) calls(t *journal.TargetLog) node {
	if len(t.Steps) == 0 {
		return el("p", "", text("No call changed anything."))
	}
	began, end := t.Steps[0].Record.At, t.Steps[0].Record.At
	for _, s := range t.Steps {
		if last := cmp.Or(s.Ended, s.Record.At); last.After(end) {
			end = last
		}
	}
	list := el("ol", "calls")
	for _, s := range t.Steps {
		list.children = append(list.children, p.call(s, began, end.Sub(began)))
	}
	return list
}

func (p page) call(s journal.Step, began time.Time, all time.Duration) node {
	class, result := "open", "no answer"
	if s.Outcome != nil {
		class, result = string(s.Outcome.Result), string(s.Outcome.Result)
		if s.Outcome.Version != "" {
			result += ": version " + s.Outcome.Version
		}
		if s.Outcome.Error != "" {
			result += ": " + s.Outcome.Error
		}
	}
	if s.Intent.Back {
		class += " back"
	}
	took := time.Duration(0)
	if !s.Ended.IsZero() {
		took = s.Ended.Sub(s.Record.At)
	}
	const width = 1000
	scale := func(d time.Duration) float64 {
		if all <= 0 {
			return 0
		}
		return min(width, max(0, width*float64(d)/float64(all)))
	}
	start := min(scale(s.Record.At.Sub(began)), width-8)
	bar := el("svg", "").with("viewBox", "0 0 1000 8").with("preserveAspectRatio", "none").with("aria-hidden", "true")
	bar.children = []node{el("rect", "").with("x", fmt.Sprintf("%.0f", start)).with("width", fmt.Sprintf("%.0f", max(8, scale(took)))).with("height", "8")}
	return el("li", class,
		el("span", "what", p.text(callName(s.Intent))),
		el("span", "when", text(s.Record.At.UTC().Format("15:04:05")+" · "+Took(took))),
		bar, el("span", "result", p.text(result)))
}

// callName says what a call was to do.
func callName(i journal.Intent) string {
	name := i.Call
	switch {
	case i.Alias != nil:
		name += " " + i.Alias.Name + " → " + routing(*i.Alias)
	case i.AliasName != "":
		name += " " + i.AliasName
	case i.Version != "":
		name += " " + i.Version
	case i.RestorePoint:
		name += " (restore point)"
	}
	if i.Back {
		name = "↩ " + name
	}
	return name
}

const pageStyle = `
:root{--bg:#fff;--fg:#1f2328;--dim:#59636e;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e;--back:#9a6700;--card:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--good:#3fb950;--bad:#f85149;--back:#d29922;--card:#151b23}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:56rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
h1.good{color:var(--good)}h1.back{color:var(--back)}
h2{font-size:1.15rem;margin:0 0 .5rem;overflow-wrap:anywhere}
h3{font-size:.85rem;color:var(--dim);margin:1rem 0 .4rem}
p{margin:.3rem 0;overflow-wrap:anywhere}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1.5rem}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
a{color:inherit}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:0 0 1rem}
ul.diff{margin:0;padding-left:1.2rem;overflow-wrap:anywhere}
ol.calls,ol.stages{list-style:none;margin:0;padding:0}
ol.calls li,ol.stages li{display:grid;grid-template-columns:1fr max-content;gap:.1rem 1rem;padding:.5rem 0;border-top:1px solid var(--line)}
.what{font-weight:600;overflow-wrap:anywhere}.when{color:var(--dim);font-variant-numeric:tabular-nums}
svg{grid-column:1/-1;width:100%;height:8px;border-radius:4px;background:var(--line)}
rect{fill:var(--good)}.back rect{fill:var(--back)}.refused rect,.unknown rect,.open rect{fill:var(--bad)}
.result{grid-column:1/-1;color:var(--dim);font-size:.9rem;overflow-wrap:anywhere}
.result.bad{color:var(--bad)}
@media (max-width:34rem){ol.calls li,ol.stages li{grid-template-columns:1fr}}
footer{color:var(--dim);font-size:.85rem}
`
