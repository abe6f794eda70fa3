package expression

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAPatternsSizeCountsInTheBudget(t *testing.T) {
	t.Parallel()
	variables := texts("big", strings.Repeat("a", 100_000), "log", strings.Repeat("2026-11-28 ok\n", 5000))
	for text, refused := range map[string]bool{
		`<+serviceVariables.big.replaceAll("(a{0,500}){0,2}b","x").length()>`: true,
		`<+serviceVariables.big.matches("(a?a?){200}b")>`:                     true,
		`<+serviceVariables.log.replaceAll("\\d+-\\d+-\\d+","day").length()>`: false,
		`<+serviceVariables.big.replaceAll("a+","b")>`:                        false,
	} {
		e := NewEvaluator(Env{Names: names{"serviceVariables": NewObject(variables)}})
		_, err := e.Evaluate(text)
		if got := err != nil && strings.Contains(err.Error(), "takes too many steps"); got != refused || err != nil && !refused {
			t.Errorf("%s: %v, want refused: %t", text, err, refused)
		}
	}
}

// TestHostileTextsStayWithinTimeAndMemory evaluates what was made to hang or
// to fill the memory. It runs alone, since it counts what is allocated.
func TestHostileTextsStayWithinTimeAndMemory(t *testing.T) {
	variables := texts("big", strings.Repeat("ab,", maxValue/4), "json", strings.Repeat(`{"a":[0,`, 45)+"1"+strings.Repeat("]}", 45))
	variables["v0"] = NewString("xx")
	for i := range 30 {
		last := fmt.Sprintf("<+serviceVariables.v%d>", i)
		variables[fmt.Sprintf("v%d", i+1)] = NewTemplate(last+last, nil)
	}
	for i := range 400 {
		variables[fmt.Sprintf("copy%d", i)] = NewTemplate(fmt.Sprintf("<+serviceVariables.big>%d", i), nil)
	}
	var copies strings.Builder
	for i := range 400 {
		fmt.Fprintf(&copies, "<+serviceVariables.copy%d.length()>", i)
	}
	hostile := map[string]string{
		"lists of a quarter million":   "<+[" + strings.Repeat(`serviceVariables.big.split(""), `, 300) + "1]>",
		"lists of joined texts":        "<+[" + strings.Repeat(`serviceVariables.big + "x", `, 400) + "1]>",
		"replacements that multiply":   `<+serviceVariables.big.replaceAll(".", "<+serviceVariables.big>")>`,
		"replacements that double":     `<+"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".replaceAll("x*", "$0$0$0$0$0$0$0$0$0")>`,
		"a heavy pattern":              `<+serviceVariables.big.matches("` + strings.Repeat("(a?b?,?){100}", 8) + `")>`,
		"a pattern that repeats":       `<+serviceVariables.big.matches("` + strings.Repeat("(a?b?,?){100}", 80) + `")>`,
		"many heavy patterns":          "<+[" + strings.Repeat(`serviceVariables.big.matches("(.*a){9}"), `, 300) + "1]>",
		"a path that visits all again": `<+json.select("$..*..*..*..*..*..*", serviceVariables.json)>`,
		"doubling variables":           "<+serviceVariables.v14>",
		"copies of a large value":      copies.String(),
		"openings alone":               strings.Repeat(strings.Repeat("<+", 50)+`\>`, 4000),
		"openings with quotes":         strings.Repeat(strings.Repeat(`<+'`, 50)+`\>`, 4000),
		"openings far apart":           strings.Repeat("<+"+strings.Repeat("a", 500)+`\>`, 1000),
		"parentheses":                  "<+" + strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000) + ">",
		"signs":                        "<+" + strings.Repeat("-", 16_000) + "1>",
		"choices":                      "<+" + strings.Repeat("true?", 3000) + "1" + strings.Repeat(":1", 3000) + ">",
		"nested texts":                 strings.Repeat("<+a ", 15) + strings.Repeat("x>", 15),
		"nested problems":              strings.Repeat("<+(", 15) + strings.Repeat(">", 15),
		"comparisons":                  "<+1 " + strings.Repeat("> 1 ", 4000) + ">",
	}
	var before, after runtime.MemStats
	for name, text := range hostile {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		e := NewEvaluator(Env{Names: names{"serviceVariables": NewObject(variables)}})
		v, err := e.Evaluate(text)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		made := (after.TotalAlloc - before.TotalAlloc) >> 20
		// The clock is generous: the machine may do much else.
		if took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if made > 1024 {
			t.Errorf("%s allocated %d MiB", name, made)
		}
		t.Logf("%-30s %8v %5d MiB  %.60s %v", name, took.Round(time.Millisecond), made, v.Text(), err)
		runtime.KeepAlive(e)
	}
}
