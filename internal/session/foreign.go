package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/printable"
)

// ForeignAnswer is an answer that the service did not send: a page or a line of a
// proxy, a firewall or the login of a network. What the request did is not known,
// where it was to change something.
type ForeignAnswer struct {
	Host   string
	Status int
	// Text is the title of a web page, or else the first line of the answer,
	// printable and cut; empty where it has none.
	Text string
}

// Error names the host, the status and the words of whatever answered.
func (e ForeignAnswer) Error() string {
	words := ""
	if e.Text != "" {
		words = ` and "` + e.Text + `"`
	}
	if e.RetryableError() {
		return fmt.Sprintf("%s failed with status %d%s (the response has no sign of AWS: it may come from a proxy)", e.Host, e.Status, words)
	}
	return fmt.Sprintf("%s did not answer: something between here and AWS did, with status %d%s (%s)", e.Host, e.Status, words, e.advice())
}

func (e ForeignAnswer) advice() string {
	if e.Status == http.StatusProxyAuthRequired {
		return "the proxy wants a user and password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
	}
	return "does a proxy or firewall block this address, or does the network ask for a login? HTTPS_PROXY and NO_PROXY name the proxy"
}

// RetryableError reports whether the status is a temporary one, after which a read is
// retried.
func (e ForeignAnswer) RetryableError() bool {
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests ||
		e.Status >= http.StatusInternalServerError && e.Status != http.StatusNetworkAuthenticationRequired
}

func (ForeignAnswer) cause() {}

// marks are headers that every answer of AWS carries one of, a served object
// included
// (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html,
// https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).
var marks = []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Id-2", "X-Amzn-Errortype"}

// isForeign reports whether AWS did not send an answer. Without one of AWS's
// headers, a web page is foreign whatever its status, and in answer to a call to
// AWS so is a failure that states no error code: other implementations of its APIs
// may send other headers, but they state what is wrong, if only by one of bareStatuses.
// A 5xx without a word may be anybody's.
func isForeign(request *http.Request, r *http.Response) bool {
	for _, name := range marks {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	failed := r.StatusCode >= http.StatusMultipleChoices && r.StatusCode != http.StatusNotModified
	switch toAWS := callsAWS(request); {
	case isPage(r):
		return toAWS || r.StatusCode < http.StatusInternalServerError || r.StatusCode == http.StatusNetworkAuthenticationRequired
	case !toAWS || !failed:
		return false
	case !OfAWS(request.URL.Hostname()) && (request.Method == http.MethodHead || slices.Contains(bareStatuses, r.StatusCode)):
		return false
	case request.Method == http.MethodHead:
		return true // its answers have no body to look into
	}
	head := peek(r)
	return !statesCode(head) && (r.StatusCode < http.StatusInternalServerError || len(head) > 0)
}

// bareStatuses are those with which another implementation may answer without an error
// code, since they say enough: there is no such object, or a condition does not hold.
var bareStatuses = []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed}

// callsAWS tells a call to AWS from those to metadata services and to the issuer
// of the job's token. The calls to STS with that token are not signed.
func callsAWS(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") ||
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// OfAWS reports whether a host name belongs to AWS.
func OfAWS(host string) bool {
	return strings.Contains(host, ".amazonaws.") || strings.HasSuffix(host, ".api.aws")
}

func isPage(r *http.Response) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// maxHead bounds what is read of an answer to find out whose it is, in bytes.
const maxHead = 16 << 10

// peek returns the beginning of an answer's body, which can still be read.
func peek(r *http.Response) []byte {
	head, _ := io.ReadAll(io.LimitReader(r.Body, maxHead)) // whoever reads the body meets the same failure
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	return head
}

// statesCode reports whether a body states an error code in one of AWS's protocols.
func statesCode(body []byte) bool {
	var text struct {
		Type string `json:"__type"`
		Code string `json:"code"`
	}
	return json.Unmarshal(body, &text) == nil && text.Type+text.Code != "" || bytes.Contains(body, []byte("<Code>"))
}

// readForeign reads whose answer it is, and closes it.
func readForeign(host string, r *http.Response) ForeignAnswer {
	defer r.Body.Close()
	return ForeignAnswer{Host: host, Status: r.StatusCode, Text: words(peek(r))}
}

var (
	// pageTitle finds the title of a web page.
	pageTitle = lazyregexp.New(`(?is)<title[^>]*>\s*(.*?)\s*</title>`)
	// markup is what of a page is not shown.
	markup = lazyregexp.New(`(?is)<(?:script|style)[^>]*>.*?</(?:script|style)>|<[^>]*>`)
)

// maxWords bounds what is shown of an answer, in characters.
const maxWords = 100

// words is the title of a page, or the first line of another answer.
func words(head []byte) string {
	text := string(head)
	if m := pageTitle.FindStringSubmatch(text); m != nil && m[1] != "" {
		return shown(m[1])
	}
	for line := range strings.Lines(markup.ReplaceAllString(text, " ")) {
		if line = shown(line); line != "" {
			return line
		}
	}
	return ""
}

func shown(text string) string {
	text = printable.Text(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return text
}

// tunnelRefused returns the response of a proxy that refuses a connection as an error:
// the net/http package would return the words of the status line alone. The text
// is read only where its length is known, since nothing bounds the wait for more.
func tunnelRefused(_ context.Context, _ *url.URL, asked *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	if answer.ContentLength <= 0 {
		answer.Body = http.NoBody
	}
	return readForeign(strings.TrimSuffix(asked.Host, ":443"), answer)
}
