// Command mutations breaks one rule of the program at a time and runs the unit
// tests of the package that holds it: they must fail, each within ten seconds.
// It changes no file: the compiler gets the mutated copy as an overlay.
//
// Usage: go run ./.ci/mutations [NAME]; a name runs the mutations that contain
// it.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// limit is what the unit tests of one package may take to notice.
const limit = 10 * time.Second

// list holds the mutations: a name after ==, the file, and the line that is
// replaced, without its indentation.
//
//go:embed mutations.txt
var list string

// mutation replaces one line of one file.
type mutation struct {
	name, file, from, to string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	mutations, err := parse(list)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutations")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var errs []error
	tried := 0
	for _, m := range mutations {
		if !strings.Contains(m.name, strings.Join(args, " ")) {
			continue
		}
		tried++
		by, took, err := m.kill(dir)
		if err != nil {
			fmt.Printf("SURVIVED          %s\n", m.name)
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		fmt.Printf("killed in %5.2f s  %s (%s)\n", took.Seconds(), m.name, by)
	}
	fmt.Printf("%d of %d mutations killed\n", tried-len(errs), tried)
	if tried == 0 {
		errs = append(errs, errors.New("there is no such mutation"))
	}
	return errors.Join(errs...)
}

func parse(list string) ([]mutation, error) {
	var all []mutation
	for line := range strings.Lines(list) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "==" {
			all = append(all, mutation{name: rest})
			continue
		}
		if word == "" || word == "#" {
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("mutations.txt: %q comes before the first ==", line)
		}
		m := &all[len(all)-1]
		switch word {
		case "file":
			m.file = rest
		case "-":
			m.from = rest
		case "+":
			m.to = rest
		default:
			return nil, fmt.Errorf("mutations.txt: what is %q?", line)
		}
	}
	return all, nil
}

// kill runs the tests against the mutated package and returns the first test
// that failed.
func (m mutation) kill(dir string) (by string, took time.Duration, _ error) {
	content, err := os.ReadFile(m.file)
	if err != nil {
		return "", 0, err
	}
	mutated, err := m.apply(content)
	if err != nil {
		return "", 0, err
	}
	if by, _, err := m.test(dir, content); err != nil || by != "" {
		return "", 0, errors.Join(fmt.Errorf("the tests fail without the mutation: %s", by), err)
	}
	by, took, err = m.test(dir, mutated)
	if err == nil && by == "" {
		err = errors.New("all tests passed")
	}
	return by, took, err
}

// test runs the tests of the package with content in place of the file, and
// returns the first that failed.
func (m mutation) test(dir string, content []byte) (failed string, took time.Duration, _ error) {
	binary := filepath.Join(dir, "package.test")
	if err := m.build(dir, content, binary); err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tests := exec.CommandContext(ctx, binary, "-test.failfast")
	tests.Dir = filepath.Dir(m.file)
	started := time.Now()
	out, err := tests.CombinedOutput()
	took = time.Since(started)
	if ctx.Err() != nil {
		return "", 0, fmt.Errorf("the tests did not end within %s", limit)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return failing(out), took, nil
	}
	return "", took, err
}

// apply replaces the line, which must be there exactly once.
func (m mutation) apply(content []byte) ([]byte, error) {
	var out bytes.Buffer
	found := 0
	for line := range strings.Lines(string(content)) {
		if strings.TrimSpace(line) == m.from {
			found++
			line = m.to + "\n"
		}
		out.WriteString(line)
	}
	if found != 1 {
		return nil, fmt.Errorf("%s holds the line %q %d times, not once", m.file, m.from, found)
	}
	return out.Bytes(), nil
}

func (m mutation) build(dir string, mutated []byte, binary string) error {
	file, err := filepath.Abs(m.file)
	if err != nil {
		return err
	}
	copied, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]map[string]string{"Replace": {file: copied}})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(copied, mutated, 0o644), os.WriteFile(overlay, content, 0o644)); err != nil {
		return err
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./"+filepath.Dir(m.file))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the mutated package: %w\n%s", err, out)
	}
	return nil
}

// failing names the test that noticed.
func failing(output []byte) string {
	name := "it crashed"
	for line := range strings.Lines(string(output)) {
		if rest, failed := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); failed {
			name, _, _ = strings.Cut(rest, " ")
		}
	}
	return name
}
