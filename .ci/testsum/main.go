// Command testsum reads `go test -json` and prints a line for each package, the
// output of what failed and the ten slowest tests. It adds the numbers of passed,
// failed and skipped tests to the file that its argument names, and fails when a
// test or a build failed.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// event is a line of test2json, or of go build -json.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
	Elapsed                       float64
}

type sum struct {
	passed, failed, skipped int
	ended                   []event
	broken                  bool
	output                  map[string]*strings.Builder
	to                      io.Writer
}

func main() {
	s := &sum{output: map[string]*strings.Builder{}, to: os.Stdout}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	s.slowest(10)
	if err := s.append(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if s.broken {
		os.Exit(1)
	}
}

func (s *sum) read(r io.Reader) error {
	dec := json.NewDecoder(r)
	for {
		var e event
		switch err := dec.Decode(&e); err {
		case nil:
			s.see(e)
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("read go test -json: %w", err)
		}
	}
}

func (s *sum) see(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.to, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, "=== ") {
			return
		}
		if s.output[key] == nil {
			s.output[key] = &strings.Builder{}
		}
		s.output[key].WriteString(e.Output)
	case "pass", "skip", "fail":
		s.end(e, key)
	}
}

func (s *sum) end(e event, key string) {
	text := s.output[key]
	delete(s.output, key)
	if e.Action == "fail" {
		s.broken = true
		if text != nil {
			fmt.Fprint(s.to, text)
		}
	}
	if e.Test == "" {
		if word := map[string]string{"pass": "ok   ", "fail": "FAIL "}[e.Action]; word != "" {
			fmt.Fprintf(s.to, "%s %s  %.1fs\n", word, e.Package, e.Elapsed)
		}
		return
	}
	s.ended = append(s.ended, e)
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
	default:
		s.skipped++
		fmt.Fprint(s.to, text)
	}
}

// slowest prints the tests that took longest, those without subtests alone: the
// time of a parent is that of its subtests.
func (s *sum) slowest(n int) {
	parents := map[string]bool{}
	for _, e := range s.ended {
		name := e.Package + " " + e.Test
		for i := strings.LastIndexByte(name, '/'); i > len(e.Package); i = strings.LastIndexByte(name, '/') {
			name = name[:i]
			parents[name] = true
		}
	}
	leaves := slices.DeleteFunc(s.ended, func(e event) bool { return parents[e.Package+" "+e.Test] })
	slices.SortStableFunc(leaves, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	for _, e := range leaves[:min(n, len(leaves))] {
		fmt.Fprintf(s.to, "%6.2fs  %s %s\n", e.Elapsed, path.Base(e.Package), e.Test)
	}
}

func (s *sum) append(file string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the counts: %w", err)
	}
	if _, err := fmt.Fprintf(f, "%d %d %d\n", s.passed, s.failed, s.skipped); err != nil {
		return fmt.Errorf("write the counts: %w", err)
	}
	return f.Close()
}
