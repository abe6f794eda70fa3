package input

import (
	"fmt"
	"strings"
)

const helpWidth = 80

// Help returns the overall help: what the program is for, and its commands.
func Help() string {
	var b strings.Builder
	b.WriteString("lambda-rollout deploys AWS Lambda functions and undoes everything on failure.\n\n")
	b.WriteString("Usage:\n  lambda-rollout COMMAND [--input value …]\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-10s %s\n", c.Name, c.Summary)
	}
	b.WriteString(`
lambda-rollout COMMAND --help lists the inputs of a command.

In CI each input is a setting: aws-region is aws-region: under with: on GitHub,
and aws_region: under settings: on Woodpecker, Drone and Harness CI.

Exit codes:
  0  done, or nothing to do
  1  failed, and everything is as it was
  2  plan or status with --exit-code found a difference
  3  not started: the input is wrong, or it could not be rolled back; nothing
     was changed
  4  a rollback could not finish; someone must look
  5  stopped; changes remain, which the post step or rollback must undo

First steps, without an AWS account:
  lambda-rollout deploy --local --service examples/hello/service.yaml
`)
	return b.String()
}

// CommandHelp returns the help of one command: what it does, and its inputs under
// their headings.
func CommandHelp(command string) string {
	var b strings.Builder
	for _, c := range commands {
		if c.Name != command {
			continue
		}
		fmt.Fprintf(&b, "lambda-rollout %s: %s.\n", c.Name, c.Summary)
		if c.Help != "" {
			b.WriteString("\n" + c.Help + "\n")
		}
	}
	fmt.Fprintf(&b, "\nUsage:\n  lambda-rollout %s%s [--input value …]\n", command, words(command))
	group := ""
	for _, in := range table {
		if in.Name == "command" || !in.Takes(command) {
			continue
		}
		if in.Group != group {
			group = in.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		in.writeHelp(&b)
	}
	b.WriteString("\nA list is lines, comma-separated values or a JSON array; a map is name=value\nlines, YAML or JSON. The flag of either may be repeated. Times need a unit: 90s,\n10m, 1h30m.\n")
	return b.String()
}

// words returns the placeholders of the arguments that a command takes without a flag.
func words(command string) string {
	for _, i := range table {
		switch {
		case !i.Positional || !i.Takes(command):
		case i.Kind == Paths:
			return " [" + i.meta() + " …]"
		default:
			return " [" + i.meta() + "]"
		}
	}
	return ""
}

func (i Input) writeHelp(b *strings.Builder) {
	fmt.Fprintf(b, "  --%s", i.Name)
	if i.Kind != Bool {
		b.WriteString(" " + i.meta())
	}
	b.WriteString("\n")
	text := i.Help
	if i.Default != "" {
		text += strings.TrimSuffix(" Default: "+i.Default, ".") + "." // the default . gets no second one
	}
	const indent = "      "
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len([]rune(line))+1+len([]rune(word)) > helpWidth && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}

func (i Input) meta() string {
	switch {
	case i.Kind == Enum && i.Meta == "":
		return strings.Join(i.Enum, "|")
	case i.Meta == "":
		return "VALUE"
	}
	return i.Meta
}
