package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// CanAsk reports whether a user is there to answer: the host is a terminal, and
// stdin and stderr both are terminals. act gives its containers a terminal, too,
// but is another host.
func (h *Host) CanAsk() bool { return h.kind == Terminal && h.options.Interactive }

// Confirm asks a question on stderr and reads the answer: y or yes, anything else
// means no. Ask only where CanAsk. It ends with the context, at the first signal;
// the read that waits then is left behind.
func (h *Host) Confirm(ctx context.Context, question string) (bool, error) {
	h.log.Flush()
	question = h.shown(question) + " [y/N]"
	if h.options.StderrWindow != nil {
		if columns, _ := h.options.StderrWindow(); columns > 0 {
			question = terminal.WrapKept(question, columns-2)
		}
	}
	if _, err := fmt.Fprint(h.options.Stderr, question+" "); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	if s, ok := h.options.Stderr.(interface{ Flush() error }); ok {
		_ = s.Flush()
	}
	answers, failed := make(chan string, 1), make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(h.options.Stdin).ReadString('\n')
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			failed <- err
			return
		}
		answers <- line
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case err := <-failed:
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("read the answer: %w", err)
	case line := <-answers:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	}
}
