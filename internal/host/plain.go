package host

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// plain is every host without workflow commands: the log redacts by itself,
// and results go to a file.
type plain struct{ host *Host }

func (p *plain) mask(string) {}

func (p *plain) group(title string) { fmt.Fprintln(p.host.log, title) }

func (p *plain) endGroup() {}

func (p *plain) annotate(Annotation) bool { return false }

func (p *plain) summary(string) error { return nil }

// saveState has nothing to do: no post step comes, and a later step finds the
// journal in the workspace.
func (p *plain) saveState(string, string) error { return nil }

func (p *plain) setOutputs(outputs []Output) error {
	if p.printsOutputs() {
		p.print(outputs)
		return nil
	}
	file, line, err := p.outputFile()
	if err != nil {
		return fmt.Errorf("open the file of the outputs: %w", err)
	}
	var b bytes.Buffer
	for _, o := range outputs {
		b.WriteString(line(o))
	}
	if _, err := file.Write(b.Bytes()); err != nil {
		_ = file.Close()
		return fmt.Errorf("write the outputs: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close the file of the outputs: %w", err)
	}
	return nil
}

func (p *plain) checkOutputs() error {
	if p.printsOutputs() {
		return nil
	}
	file, _, err := p.outputFile()
	if err != nil {
		return fmt.Errorf("open the file of the outputs: %w", err)
	}
	return file.Close()
}

// printsOutputs reports whether the user reads the outputs on the terminal.
func (p *plain) printsOutputs() bool { return p.host.kind == Terminal && p.host.env["CI"] == "" }

// outputFile is the file of the outputs, and how it wants them.
func (p *plain) outputFile() (*os.File, func(Output) string, error) {
	if p.host.kind == Harness || p.host.kind == Drone {
		if path := cmp.Or(p.host.env["HARNESS_OUTPUT_FILE"], p.host.env["DRONE_OUTPUT"]); path != "" {
			file, err := openToAppend(path)
			return file, harnessLine, err
		}
	}
	file, err := p.host.stateFile("outputs.env")
	return file, shellLine, err
}

func (p *plain) print(outputs []Output) {
	width := 0
	for _, o := range outputs {
		width = max(width, len(o.Name))
	}
	for _, o := range outputs {
		if o.Value == "" {
			continue
		}
		value := strings.ReplaceAll(strings.TrimSpace(o.Value), "\n", "\n"+strings.Repeat(" ", width+2))
		_, _ = fmt.Fprintf(p.host.log, "%-*s  %s\n", width, o.Name, value)
	}
}

// variable is an output's name as a shell variable: function-name is
// function_name.
func variable(name string) string { return strings.ReplaceAll(name, "-", "_") }

// bare reports whether a value means the same with and without quotes, for a shell
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
