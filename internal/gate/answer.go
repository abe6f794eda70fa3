package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// verdict is what an answer means.
type verdict int

const (
	no verdict = iota
	yes
	// later: nobody decided yet; ask again.
	later
)

// answer is what a gate said. reason is a text for the user.
type answer struct {
	verdict verdict
	reason  string
	// after is when to ask again; 0 where the gate does not say.
	after time.Duration
	// took reports whether the gate has the document, whatever it decided.
	took bool
}

// ofResponse reads the answer of an address. body is its beginning.
func ofResponse(r *http.Response, body []byte, now time.Time) answer {
	a := answer{
		reason: strings.TrimSpace(fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode))),
		took:   r.StatusCode >= 200 && r.StatusCode < 300,
	}
	switch s := r.StatusCode; {
	case s == http.StatusAccepted, s == http.StatusRequestTimeout, s == http.StatusLocked, s == http.StatusTooEarly,
		s == http.StatusTooManyRequests, s >= 500:
		a.verdict, a.after = later, retryAfter(r.Header.Get("Retry-After"), now)
	case a.took:
		a.verdict = yes
	case s >= 300 && s < 400:
		a.reason += ", a redirect, which is not followed"
	}
	if text := firstLine(body); text != "" {
		a.reason += ": " + text
	}
	return a
}

// retryAfter reads a number of seconds or a time; 0 where there is none
// (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after).
func retryAfter(text string, now time.Time) time.Duration {
	after := time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil {
		after = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = at.Sub(now)
	}
	return max(0, min(after, longestPause))
}

// Reply is what a function answered.
type Reply struct {
	Payload []byte
	// FunctionError is "" where the function succeeded.
	FunctionError string
}

// ofReply reads the answer of a function: its approve is true, false or null, which
// means that nobody decided yet. One without approve says yes by its success, unless
// all that it says is false.
func ofReply(r Reply) answer {
	if r.FunctionError != "" {
		return answer{reason: "the function failed: " + firstLine(r.Payload)}
	}
	var document map[string]json.RawMessage
	if json.Unmarshal(r.Payload, &document) != nil {
		if string(bytes.TrimSpace(r.Payload)) == "false" {
			return answer{reason: "it answers false", took: true}
		}
		return answer{verdict: yes, reason: "it succeeded", took: true}
	}
	var reason string
	_ = json.Unmarshal(document["reason"], &reason) // what is no text is no reason
	a := answer{reason: firstLine([]byte(reason)), took: true}
	approve, has := document["approve"]
	switch text := string(approve); {
	case !has, text == "true":
		a.verdict = yes
	case text == "null":
		a.verdict = later
	case text != "false":
		a.reason = "approve is " + firstLine(approve) + ", and neither true, false nor null"
	}
	if a.reason == "" {
		a.reason = "approve is " + string(approve)
		if !has {
			a.reason = "it succeeded"
		}
	}
	return a
}

// longestLine is how much of a gate's own words a message holds.
const longestLine = 200

// firstLine is the beginning of a text, without what a terminal would obey.
func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(text), "")), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if runes := []rune(line); len(runes) > longestLine {
		return string(runes[:longestLine]) + "…"
	}
	return line
}
