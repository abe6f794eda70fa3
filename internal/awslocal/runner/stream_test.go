package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// noticing tells of what was written so far.
type noticing struct {
	mu    sync.Mutex
	all   bytes.Buffer
	wrote func(string)
}

func (n *noticing) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.Write(p)
	n.wrote(n.all.String())
	return len(p), nil
}

// A streaming function waits in the middle of its answer until somebody has seen the
// first half.
func TestAStreamIsSeenBeforeItsEnd(t *testing.T) {
	t.Parallel()
	needs(t, "node")
	const source = `const { existsSync } = require("node:fs");
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.fails) throw new Error("no stream");
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
  out.write("one");
  while (!existsSync(event.go)) await new Promise((resume) => setTimeout(resume, 2));
  out.end("two");
});
`
	p := NewPool(Options{})
	t.Cleanup(func() { _ = p.Close() })
	f := function(t, "nodejs22.x", "app.handler", file{"app.js", source, 0o644})
	marker := filepath.Join(t.TempDir(), "go")
	event, err := json.Marshal(map[string]string{"go": marker})
	if err != nil {
		t.Fatal(err)
	}
	out := &noticing{wrote: func(all string) {
		if strings.HasSuffix(all, "one") {
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	}}
	result, err := p.Invoke(WithStream(t.Context(), out), f, "1", event)
	want := `{"statusCode":201}` + strings.Repeat("\x00", 8) + "onetwo"
	if err != nil || result.FunctionError != "" || string(result.Payload) != want || out.all.String() != want {
		t.Errorf("%q, streamed %q, %+v, %v", result.Payload, out.all.String(), result.FunctionError, err)
	}
	failed, err := p.Invoke(context.Background(), f, "2", []byte(`{"fails": true}`))
	if err != nil || failed.FunctionError != Unhandled || !strings.Contains(string(failed.Payload), "no stream") {
		t.Errorf("%q %+v %v", failed.Payload, failed.FunctionError, err)
	}
}
