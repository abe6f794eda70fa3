package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// variable of the environment names the mutation that a test binary runs with.
const variable = "MUTATION"

// build makes the test binary of a package that holds all its mutations.
func build(pkg string, mutations []*mutation, binary string) error {
	of := map[string][]*mutation{}
	for _, m := range mutations {
		of[m.file] = append(of[m.file], m)
	}
	replaced, name := map[string]string{}, ""
	for _, file := range slices.Sorted(maps.Keys(of)) {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		mutated, err := mutate(file, string(content), of[file])
		if err != nil {
			return err
		}
		name = mutated.pkg
		if err := replace(replaced, file, binary, mutated.text); err != nil {
			return err
		}
	}
	chosen := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar chosenMutation = os.Getenv(%q)\n", name, variable)
	if err := replace(replaced, filepath.Join(pkg, "chosen_mutation.go"), binary, chosen); err != nil {
		return err
	}
	content, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	if err := os.WriteFile(binary+".json", content, 0o644); err != nil {
		return err
	}
	compile := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", binary+".json", "-o", binary, "./"+pkg)
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("build the package with its mutations: %w\n%s", err, out)
	}
	return nil
}

// replace writes text beside the binary and lets the compiler read it in place of
// the file.
func replace(replaced map[string]string, file, binary, text string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	copied := binary + "." + filepath.Base(file)
	replaced[path] = copied
	return os.WriteFile(copied, []byte(text), 0o644)
}

type mutated struct{ pkg, text string }

// mutate returns the file with a copy of the function for each mutation, which
// the function itself calls when that mutation is chosen.
func mutate(path, content string, mutations []*mutation) (mutated, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, content, parser.SkipObjectResolution)
	if err != nil {
		return mutated{}, err
	}
	edits := editor{content: content}
	named := map[*ast.FuncDecl]bool{}
	for i, m := range mutations {
		at, err := m.line(content)
		if err != nil {
			return mutated{}, err
		}
		f := function(file, set, at)
		if f == nil {
			return mutated{}, fmt.Errorf("%s: the line %q is not in a function", m.file, m.from)
		}
		if !named[f] {
			named[f] = true
			edits.nameParameters(f, set)
		}
		copied := f.Name.Name + fmt.Sprintf("Mutation%d", i)
		edits.insert(set.Position(f.Body.Lbrace).Offset+1, fmt.Sprintf("\nif chosenMutation == %q {\n%s\n}\n", m.name, call(f, copied)))
		start, name, end := set.Position(f.Pos()).Offset, set.Position(f.Name.Pos()).Offset, set.Position(f.End()).Offset
		edits.tail += "\n" + content[start:name] + copied + content[name+len(f.Name.Name):at.start] + m.to + content[at.end:end] + "\n"
	}
	return mutated{pkg: file.Name.Name, text: edits.apply()}, nil
}

// place is where a line of a file is, in bytes, without its line break.
type place struct{ start, end int }

// line returns where the line to be replaced is, which must be there exactly
// once.
func (m *mutation) line(content string) (place, error) {
	found, at, offset := 0, place{}, 0
	for line := range strings.Lines(content) {
		if strings.TrimSpace(line) == m.from {
			found++
			at = place{start: offset, end: offset + len(strings.TrimSuffix(line, "\n"))}
		}
		offset += len(line)
	}
	if found != 1 {
		return place{}, fmt.Errorf("%s holds the line %q %d times, not once", m.file, m.from, found)
	}
	return at, nil
}

// function returns the function whose body or signature holds the line.
func function(file *ast.File, set *token.FileSet, at place) *ast.FuncDecl {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && set.Position(f.Pos()).Offset <= at.start && at.end <= set.Position(f.End()).Offset {
			return f
		}
	}
	return nil
}

// call returns the statement that calls the copy of f with f's own parameters.
func call(f *ast.FuncDecl, copied string) string {
	var args []string
	for i, p := range parameters(f) {
		name := p.name(i)
		if _, variadic := p.field.Type.(*ast.Ellipsis); variadic {
			name += "..."
		}
		args = append(args, name)
	}
	if f.Recv != nil {
		copied = receiver(f).name(0) + "." + copied
	} else if f.Type.TypeParams != nil {
		var types []string
		for _, field := range f.Type.TypeParams.List {
			for _, n := range field.Names {
				types = append(types, n.Name)
			}
		}
		copied += "[" + strings.Join(types, ", ") + "]"
	}
	statement := copied + "(" + strings.Join(args, ", ") + ")"
	if f.Type.Results == nil {
		return statement + "\nreturn"
	}
	return "return " + statement
}

// parameter is one of a function, or its receiver; ident is nil where it has no
// name.
type parameter struct {
	field  *ast.Field
	ident  *ast.Ident
	prefix string
}

func (p parameter) named() bool { return p.ident != nil && p.ident.Name != "_" }

func (p parameter) name(i int) string {
	if p.named() {
		return p.ident.Name
	}
	return fmt.Sprintf("%s%d", p.prefix, i)
}

func parameters(f *ast.FuncDecl) (all []parameter) {
	for _, field := range f.Type.Params.List {
		if len(field.Names) == 0 {
			all = append(all, parameter{field: field, prefix: "unnamed"})
		}
		for _, n := range field.Names {
			all = append(all, parameter{field: field, ident: n, prefix: "unnamed"})
		}
	}
	return all
}

func receiver(f *ast.FuncDecl) parameter {
	p := parameter{field: f.Recv.List[0], prefix: "receiver"}
	if len(p.field.Names) == 1 {
		p.ident = p.field.Names[0]
	}
	return p
}

// editor inserts text into a file, and adds a tail to it.
type editor struct {
	content, tail string
	edits         []edit
}

type edit struct {
	at   place
	text string
}

func (e *editor) insert(offset int, text string) {
	e.edits = append(e.edits, edit{place{offset, offset}, text})
}

// nameParameters gives a name to each parameter of f that has none.
func (e *editor) nameParameters(f *ast.FuncDecl, set *token.FileSet) {
	name := func(p parameter, i int) {
		switch {
		case p.named():
		case p.ident == nil:
			e.insert(set.Position(p.field.Type.Pos()).Offset, p.name(i)+" ")
		default:
			offset := set.Position(p.ident.Pos()).Offset
			e.edits = append(e.edits, edit{place{offset, offset + 1}, p.name(i)})
		}
	}
	for i, p := range parameters(f) {
		name(p, i)
	}
	if f.Recv != nil {
		name(receiver(f), 0)
	}
}

func (e *editor) apply() string {
	slices.SortStableFunc(e.edits, func(a, b edit) int { return b.at.start - a.at.start })
	out := e.content
	for _, one := range e.edits {
		out = out[:one.at.start] + one.text + out[one.at.end:]
	}
	return out + e.tail
}
