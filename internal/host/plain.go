package host

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// plain is every host without workflow commands: the log redacts by itself,
// and results go to a file.
type plain struct{ host *Host }

func (p *plain) mask(string) {}

func (p *plain) group(title string) { fmt.Fprintln(p.host.log, title) }

func (p *plain) endGroup() {}

func (p *plain) annotate(Annotation) {}

func (p *plain) summary(string) error { return nil }

// saveState has nothing to do: no post step comes, and a later step finds the
// journal in the workspace.
func (p *plain) saveState(string, string) error { return nil }

func (p *plain) setOutputs(outputs []Output) error {
	switch {
	case p.host.kind == Terminal && p.host.env["CI"] == "":
		return p.print(outputs)
	case p.host.kind == Harness || p.host.kind == Drone:
		if file := cmp.Or(p.host.env["HARNESS_OUTPUT_FILE"], p.host.env["DRONE_OUTPUT"]); file != "" {
			return appendFile(file, outputs, harnessLine)
		}
	}
	file := filepath.Join(p.host.Workspace(), StateDir, "outputs.env")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("make the folder of the outputs: %w", err)
	}
	return appendFile(file, outputs, shellLine)
}

func (p *plain) print(outputs []Output) error {
	width := 0
	for _, o := range outputs {
		width = max(width, len(o.Name))
	}
	for _, o := range outputs {
		if o.Value == "" {
			continue
		}
		value := strings.ReplaceAll(strings.TrimSpace(o.Value), "\n", "\n"+strings.Repeat(" ", width+2))
		if _, err := fmt.Fprintf(p.host.log, "%-*s  %s\n", width, o.Name, value); err != nil {
			return err
		}
	}
	return nil
}

func appendFile(file string, outputs []Output, line func(Output) string) error {
	var b bytes.Buffer
	for _, o := range outputs {
		b.WriteString(line(o))
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the file of the outputs: %w", err)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the outputs: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close the file of the outputs: %w", err)
	}
	return nil
}

// variable is an output's name as a shell variable: function-name is
// function_name.
func variable(name string) string { return strings.ReplaceAll(name, "-", "_") }

// bare says that a value means the same with and without quotes, for a shell
// and for each parser of dotenv files.
func bare(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:/@%+-", r))
	})
}

// harnessLine is one output for Harness CI, which decodes what follows __B64__.
// Its parser expands $ and cuts at #, so anything but plain text goes that way.
func harnessLine(o Output) string {
	value := o.Value
	if !bare(value) {
		value = "__B64__" + base64.StdEncoding.EncodeToString([]byte(value))
	}
	return variable(o.Name) + "=" + value + "\n"
}

// shellLine is one output for `. .lambda-rollout/outputs.env`.
func shellLine(o Output) string {
	value := o.Value
	if !bare(value) {
		value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return variable(o.Name) + "=" + value + "\n"
}
