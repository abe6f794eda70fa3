// Package expression reads and evaluates Harness expressions: <+ … >.
//
// # The language
//
// Inside the brackets is Apache JEXL as Harness uses it: names and their
// parts (serviceVariables.x, env["x-y"], a.get("x-y")), literals, lists and
// maps, the operators == != < <= > >= && || ! =~ !~ =^ =$ + - * / %, the words
// eq ne lt le gt ge and or not div mod empty size, the ternary, the elvis ?:
// and ??, the methods of Java's String, and the functors regex, json, datetime
// and secrets. Expressions nest, in brackets and in string literals; a block
// without any operator is text with holes ("concatenation by juxtaposition").
// A variable whose value holds expressions is evaluated in turn.
//
// The rules are those of
// https://developer.harness.io/docs/platform/variables-and-expressions/harness-variables
// and https://commons.apache.org/proper/commons-jexl/reference/syntax.html.
//
// # The end of a span
//
// Harness ends a span at the first > that no inner <+ opened, unless it is
// written \>. So do we, but for what would cut an expression in two: a > in
// quotes or in parentheses, and a > (or >=) with a blank on its left and more
// of the same span on its right, is the operator.
//
// # Promises
//
// Time and memory are bounded: depth 15, 256 KiB a value, a budget of steps an
// evaluation, 64 MiB of text an Evaluator; every regular expression runs in linear time. Nothing is read or
// written but the arguments, no reflection is used, no panic leaves the
// package. A value cannot change the document around it: the document is
// parsed first, with an opaque character in the place of each span, and the
// scalars are filled in afterwards. Each problem carries the line and column of
// the original text. What came from a secret says so.
//
// # Why not a library
//
// No maintained Go library carries JEXL. The available evaluators (gval, expr,
// cel-go) have other operators, other coercions, no word operators, no spans
// that nest, and reach methods through reflection; what they would save is the
// precedence climber below, about a hundred lines.
package expression

import (
	"errors"
	"fmt"
)

// Limits of Harness (depth, size of a value) and of our own: the steps of one
// evaluation and of all of one Evaluator, the text that one Evaluator makes,
// and the tokens of one expression.
const (
	maxDepth      = 15
	maxValue      = 256 << 10
	maxSteps      = 100_000
	maxTotalSteps = 1_000_000
	maxMade       = 64 << 20
	maxTokens     = 20_000
)

// Origin is where a text begins, for problems inside it.
type Origin struct {
	File      string
	Line, Col int
	// source holds the line that a problem shows.
	source *Source
}

// NewOrigin is the beginning of a text that came from an input: name says which.
func NewOrigin(name, text string) *Origin {
	return &Origin{File: name, Line: 1, Col: 1, source: Scan(name, []byte(text))}
}

// Error is a problem in an expression: Offset counts bytes from the start of the
// text that was evaluated.
type Error struct {
	Offset  int
	Message string
	Hint    string
	// Origin is set where the mistake is in the value of a variable that the
	// evaluated text only refers to.
	Origin *Origin
	// named is set when Message says already in which variable it is.
	named bool
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + " (" + e.Hint + ")"
	}
	return e.Message
}

func errorAt(offset int, format string, args ...any) *Error {
	return &Error{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) hint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// unknownError is a name without a value: the elvis operator, ?? and
// empty take it for null, everything else refuses it.
type unknownError struct{ problem *Error }

func (e unknownError) Error() string { return e.problem.Error() }
func (e unknownError) Unwrap() error { return e.problem }

func isUnknown(err error) bool {
	var u unknownError
	return errors.As(err, &u)
}
