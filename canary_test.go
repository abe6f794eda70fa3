package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// encodings are the ways in which a service may repeat what it was sent.
var encodings = map[string]func(string) string{
	"as it is":        func(s string) string { return s },
	"JSON":            func(s string) string { return inner(s, true) },
	"JSON, no HTML":   func(s string) string { return inner(s, false) },
	"JSON in ASCII":   ascii,
	"JSON in JSON":    func(s string) string { return inner(inner(s, true), true) },
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 behind 1": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("=" + s))[2:] },
	"base64 behind 2": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("==" + s))[3:] },
	"base64 for URLs": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base32":          func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) },
	"hex":             func(s string) string { return hex.EncodeToString([]byte(s)) },
	"upper hex":       func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"query":           url.QueryEscape,
	"path":            url.PathEscape,
	"HTML":            html.EscapeString,
	"Go":              func(s string) string { return strings.Trim(strconv.Quote(s), `"`) },
	"Go in ASCII":     func(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) },
	"YAML":            func(s string) string { return strings.ReplaceAll(s, "'", "''") },
	"shell":           func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"Windows":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
}

func inner(s string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.Trim(strings.TrimSpace(b.String()), `"`)
}

func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '/' || r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r < ' ' || r > '~':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// canaries are values that nothing may show: secrets of the run, and a plain value
// of the environment.
var canaries = map[string]string{
	"a secret":                   "canary-4f7a2c-value",
	"a secret with odd letters":  `cänary-"4f7a"/<x>&'y' 😀 end`,
	"a secret of several lines":  "-----BEGIN CANARY-----\nc4n4ry0123456789abcdef\n-----END CANARY-----",
	"a value of the environment": "plain-canary-9d8e7f",
}

// echo refuses an operation of Lambda with every canary in every encoding, and puts
// an answer that nobody asked for on the connection, which net/http writes about.
func echo(operation string) awstest.Wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method+" "+r.URL.Path != operation {
				next.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			var said strings.Builder
			for _, encode := range encodings {
				for _, value := range canaries {
					fmt.Fprintf(&said, "; %s", encode(value))
				}
			}
			body, err := json.Marshal(map[string]string{"message": "refused" + said.String()})
			if err != nil {
				panic(err)
			}
			connection, buffer, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer func() { _ = connection.Close() }()
			fmt.Fprintf(buffer, "HTTP/1.1 400 Bad Request\r\nX-Amzn-Errortype: InvalidParameterValueException\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			fmt.Fprintf(buffer, "%s: an answer that nobody asked for\r\n", canaries["a secret"])
			_ = buffer.Flush()
		})
	}
}

// sent keeps what the program wrote to S3.
type sent struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sent) keep(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/journals/") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(err)
			}
			s.mu.Lock()
			s.text.Write(body)
			s.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

const secretFunction = `functionName: ledger
role: arn:aws:iam::123456789012:role/ledger
runtime: nodejs22.x
handler: index.handler
environment:
  variables:
    ONE: <+secrets.getValue("one")>
    TWO: <+secrets.getValue("two")>
    KEY: <+secrets.getValue("key")>
    PLAIN: plain-canary-9d8e7f
`

// No secret and no value of the environment leaves the process, whatever AWS
// repeats and in which spelling: every byte of the log, the journal on disk and in
// S3, outputs, state, summary and of what Go's own packages print is searched.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"GitHub", "Woodpecker", "terminal"} {
		for _, operation := range []string{"POST /2015-03-31/functions", "PUT /2015-03-31/functions/ledger/configuration"} {
			t.Run(host+" "+operation, func(t *testing.T) {
				t.Parallel()
				var s3 sent
				j := newJobOn(t, awstest.Start(t, awslocal.Options{Account: "123456789012"}, s3.keep, echo(operation)))
				awstest.CreateBucket(t, j.aws.S3(), "journals")
				switch host {
				case "Woodpecker":
					elsewhere(j, map[string]string{"CI": "woodpecker", "CI_WORKSPACE": j.path("workspace"), "CI_PIPELINE_NUMBER": "1"})
				case "terminal":
					elsewhere(j, nil)
				}
				if err := os.WriteFile(j.path("workspace/secret.yaml"), []byte(secretFunction), 0o644); err != nil {
					t.Fatal(err)
				}
				j.env["ONE"], j.env["TWO"], j.env["KEY"] = canaries["a secret"], canaries["a secret with odd letters"], canaries["a secret of several lines"]
				if strings.HasPrefix(operation, "PUT") {
					j.must(deployArgs("small.json")...)
				}
				args := deployArgs("secret.yaml", "--secrets-from", "one=env:ONE\ntwo=env:TWO\nkey=env:KEY", "--verbose")
				if host != "terminal" {
					args = append(args, "--journal", "s3://journals/ci")
				}
				cmd := j.command(args...)
				var log bytes.Buffer
				cmd.Stdout, cmd.Stderr = &log, &log
				if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
					t.Fatalf("exit code %d\n%s", cmd.ProcessState.ExitCode(), &log)
				}
				if !strings.Contains(log.String(), "refused") {
					t.Fatalf("AWS repeated nothing:\n%s", &log)
				}
				if host == "GitHub" && s3.text.Len() == 0 {
					t.Error("no journal was written to S3")
				}
				search(t, "the log", withoutMasks(log.String()))
				search(t, "S3", s3.text.String())
				searchFiles(t, j.dir)
			})
		}
	}
}

// withoutMasks leaves out the commands that tell GitHub's runner what to hide.
func withoutMasks(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "::add-mask::") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func searchFiles(t *testing.T, dir string) {
	t.Helper()
	searched := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "secret.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		search(t, path, string(text))
		searched++
		return err
	})
	if err != nil || searched < 4 {
		t.Errorf("searched %d files: %v", searched, err)
	}
}

func search(t *testing.T, where, text string) {
	t.Helper()
	for name, value := range canaries {
		for how, encode := range encodings {
			if form := strings.TrimRight(encode(value), "="); strings.Contains(text, form) {
				t.Errorf("%s shows %s as %s", where, name, how)
			}
		}
		// The longest line of a secret is one, too.
		for line := range strings.SplitSeq(value, "\n") {
			if len(line) >= 16 && strings.Contains(text, line) {
				t.Errorf("%s shows a line of %s", where, name)
			}
		}
	}
}
