// Command mutations breaks one rule of the program at a time and runs the unit
// test that names the rule: it must pass without the mutation, and fail with it,
// by an assertion of its own and within ten seconds. It changes no file: the
// compiler gets the mutated copies as an overlay. A package is built once, with
// all its mutations; a variable of the environment chooses one.
//
// Usage: go run ./.ci/mutations [NAME]; a name runs the mutations that contain
// it.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
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
	mutations = slices.DeleteFunc(mutations, func(m *mutation) bool { return !strings.Contains(m.name, strings.Join(args, " ")) })
	if len(mutations) == 0 {
		return errors.New("there is no such mutation")
	}
	dir, err := os.MkdirTemp("", "mutations")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	errs := killAll(mutations, dir)
	fmt.Printf("%d of %d mutations killed\n", len(mutations)-len(errs), len(mutations))
	return errors.Join(errs...)
}

// killAll tries the packages side by side, as many as there are processors, and
// the mutations of one package one after the other.
func killAll(mutations []*mutation, dir string) (errs []error) {
	var printing sync.Mutex
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for pkg, of := range packages(mutations) {
		g.Go(func() error {
			binary := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
			built := build(pkg, of, binary)
			for _, m := range of {
				took, err := time.Duration(0), built
				if err == nil {
					took, err = m.kill(binary)
				}
				printing.Lock()
				if err != nil {
					fmt.Printf("SURVIVED          %s\n", m.name)
					errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
				} else {
					fmt.Printf("killed in %5.2f s  %s (%s)\n", took.Seconds(), m.name, m.test)
				}
				printing.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // every fault is in errs
	return errs
}

// packages returns the mutations of each package by its folder.
func packages(mutations []*mutation) map[string][]*mutation {
	of := map[string][]*mutation{}
	for _, m := range mutations {
		of[filepath.Dir(m.file)] = append(of[filepath.Dir(m.file)], m)
	}
	return of
}

func parse(list string) ([]*mutation, error) {
	var all []*mutation
	for line := range strings.Lines(list) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "==" {
			all = append(all, &mutation{name: rest})
			continue
		}
		if word == "" || word == "#" {
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("mutations.txt: %q comes before the first ==", line)
		}
		m := all[len(all)-1]
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

// kill runs the test of the binary with and without the mutation, and returns how
// long it took to notice it.
func (m *mutation) kill(binary string) (time.Duration, error) {
	out, _, err := m.start(binary, "")
	switch {
	case err != nil:
		return 0, fmt.Errorf("without the mutation: %w\n%s", err, out)
	case !bytes.Contains(out, []byte("--- PASS: "+m.test+" ")):
		return 0, fmt.Errorf("there is no test %s in %s", m.test, filepath.Dir(m.file))
	}
	out, took, err := m.start(binary, m.name)
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

// start runs the test of a binary with a mutation, or none, for at most the
// limit.
func (m *mutation) start(binary, name string) (out []byte, took time.Duration, _ error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	test := exec.CommandContext(ctx, binary, "-test.v", "-test.run", "^"+m.test+"$")
	test.Dir = filepath.Dir(m.file)
	test.Env = append(os.Environ(), variable+"="+name)
	started := time.Now()
	out, err := test.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %s", m.test, limit)
	}
	return out, time.Since(started), err
}
