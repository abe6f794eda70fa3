// Command mutations breaks one rule of the program at a time and runs the unit
// test that names the rule: it must pass without the mutation, and fail with it,
// by an assertion of its own and within ten seconds. It changes no file: the
// compiler gets the mutated copy as an overlay.
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

// limit is what a test may take to notice.
const limit = 10 * time.Second

// list holds the mutations: a name after ==, the test that must fail, the file,
// and the line that is replaced, without its indentation.
//
//go:embed mutations.txt
var list string

// mutation replaces one line of one file.
type mutation struct {
	name, test, file, from, to string
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
		took, err := m.kill(dir)
		if err != nil {
			fmt.Printf("SURVIVED          %s\n", m.name)
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		fmt.Printf("killed in %5.2f s  %s (%s)\n", took.Seconds(), m.name, m.test)
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
		case "test":
			m.test = rest
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

// kill runs the test with and without the mutation, and returns how long it took
// to notice it.
func (m mutation) kill(dir string) (time.Duration, error) {
	content, err := os.ReadFile(m.file)
	if err != nil {
		return 0, err
	}
	mutated, err := m.apply(content)
	if err != nil {
		return 0, err
	}
	out, _, err := m.runWhole(dir)
	switch {
	case err != nil:
		return 0, fmt.Errorf("without the mutation: %w\n%s", err, out)
	case !bytes.Contains(out, []byte("--- PASS: "+m.test+" ")):
		return 0, fmt.Errorf("there is no test %s in %s", m.test, filepath.Dir(m.file))
	}
	out, took, err := m.run(dir, mutated)
	switch exit := (*exec.ExitError)(nil); {
	case err == nil:
		return 0, fmt.Errorf("%s passed", m.test)
	case !errors.As(err, &exit):
		return 0, err
	case bytes.Contains(out, []byte("panic: ")) || !bytes.Contains(out, []byte("--- FAIL: "+m.test+" ")):
		return 0, fmt.Errorf("%s did not fail by an assertion:\n%s", m.test, out)
	}
	return took, nil
}

// runWhole runs the test without the mutation. A package is built once.
func (m mutation) runWhole(dir string) (out []byte, took time.Duration, _ error) {
	pkg := filepath.Dir(m.file)
	binary := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
	if _, err := os.Stat(binary); err != nil {
		if out, err := exec.Command("go", "test", "-c", "-vet=off", "-o", binary, "./"+pkg).CombinedOutput(); err != nil {
			return out, 0, fmt.Errorf("build the package: %w", err)
		}
	}
	return m.start(binary)
}

// run runs the test with content in place of the file; its error is that of the
// process.
func (m mutation) run(dir string, content []byte) (out []byte, took time.Duration, _ error) {
	binary := filepath.Join(dir, "mutated.test")
	if err := m.build(dir, content, binary); err != nil {
		return nil, 0, err
	}
	return m.start(binary)
}

// start runs the test of a binary, for at most the limit.
func (m mutation) start(binary string) (out []byte, took time.Duration, _ error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	test := exec.CommandContext(ctx, binary, "-test.v", "-test.run", "^"+m.test+"$")
	test.Dir = filepath.Dir(m.file)
	started := time.Now()
	out, err := test.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %s", m.test, limit)
	}
	return out, time.Since(started), err
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
