package awslocal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verifies reports whether the signature of a request is the one that its key makes
// of it (IAM User Guide, "Create a signed AWS API request"). The secret of a key that
// STS handed out is known; of every other key the secret must be the key itself, or
// one of those that people give a local AWS. The body is read, and can be read again.
// What it says about its time untimely judges.
func (s *Server) verifies(r *http.Request, service, region string) bool {
	if signatureOf(r) != signed {
		return false
	}
	given := signingOf(r)
	at, _ := scopeOf(r)
	if at.service != service || at.region != region || given.date == "" || !strings.HasPrefix(given.date, given.day) {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSigned+1))
	if err != nil || len(body) > maxSigned {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	hashes := []string{hexHash(body)}
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed == unsignedPayload || given.presigned {
		hashes = append(hashes, unsignedPayload, hexHash(nil))
	} else if claimed != "" && claimed != hashes[0] {
		return false
	}
	for _, secret := range s.secrets(at.key) {
		for _, hash := range hashes {
			if hmac.Equal([]byte(given.signature), []byte(given.sign(r, secret, service, region, hash))) {
				return true
			}
		}
	}
	return false
}

// untimely returns the words in which AWS refuses a signature of another time than
// this, "" for one of now. AWS takes one within five minutes of its date
// (https://repost.aws/knowledge-center/lambda-sdk-signature), and a presigned request
// for as long as X-Amz-Expires says, seven days at most (IAM User Guide, "Create a
// signed AWS API request"). The time is that of the machine: whoever moves the clock of
// this AWS ahead does not move his own.
func (s *Server) untimely(r *http.Request) string {
	const layout, most = "20060102T150405Z", 7 * 24 * time.Hour
	given := signingOf(r)
	at, err := time.Parse(layout, given.date)
	if err != nil {
		return "Date must be in ISO-8601 'basic format'. Got '" + given.date + "'. See http://en.wikipedia.org/wiki/ISO_8601"
	}
	lasts, span := skew, "5 min."
	if text := given.expires; text != "" {
		seconds, err := strconv.Atoi(text)
		if lasts = time.Duration(seconds) * time.Second; err != nil || seconds < 0 || lasts > most {
			return "X-Amz-Expires must be a number of seconds, 604800 at most"
		}
		span = text + " sec."
	}
	now := s.clock.base().UTC()
	first, last := now.Add(-lasts), now.Add(skew)
	switch {
	case at.Before(first.Truncate(time.Second)):
		return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)", given.date, first.Format(layout), now.Format(layout), span)
	case at.After(last):
		return fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)", given.date, last.Format(layout), now.Format(layout))
	}
	return ""
}

// skew is how far the clocks of AWS and of a caller may differ.
const skew = 5 * time.Minute

const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	// maxSigned is the largest request that a function URL takes, in bytes.
	maxSigned = 6 << 20
)

// secrets are those that a key may have.
func (s *Server) secrets(key string) []string {
	if session, ok := s.sts.Session(key); ok {
		return []string{session.SecretKey}
	}
	return []string{key, "local", "test", "secret"}
}

// signing is what a signature says about itself.
type signing struct {
	date, day, signature string
	headers              []string
	presigned            bool
	// expires is how many seconds a presigned request lasts; "" for none.
	expires string
}

func signingOf(r *http.Request) signing {
	parts := map[string]string{}
	g := signing{date: r.Header.Get("X-Amz-Date")}
	if rest, is := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" "); is {
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			parts[name] = value
		}
	} else {
		query := r.URL.Query()
		g.presigned, g.date, g.expires = true, query.Get("X-Amz-Date"), query.Get("X-Amz-Expires")
		for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
			parts[name] = query.Get("X-Amz-" + name)
		}
	}
	g.signature, g.headers = parts["Signature"], strings.Split(parts["SignedHeaders"], ";")
	if scope := strings.Split(parts["Credential"], "/"); len(scope) >= 5 {
		g.day = scope[len(scope)-4]
	}
	return g
}

// sign makes the signature anew.
func (g signing) sign(r *http.Request, secret, service, region, payloadHash string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL) + "\n")
	for _, name := range g.headers {
		values := r.Header.Values(name)
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{r.Header.Get("Content-Length")}
			if values[0] == "" {
				values[0] = strconv.FormatInt(r.ContentLength, 10)
			}
		}
		var all []string
		for _, v := range values {
			all = append(all, strings.Join(strings.Fields(v), " "))
		}
		b.WriteString(name + ":" + strings.Join(all, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(g.headers, ";") + "\n" + payloadHash)
	scope := g.day + "/" + region + "/" + service + "/aws4_request"
	text := algorithm + "\n" + g.date + "\n" + scope + "\n" + hexHash([]byte(b.String()))
	key := []byte("AWS4" + secret)
	for _, part := range []string{g.day, region, service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// canonicalPath is the path as it was sent, with its segments encoded once more, as
// every service but S3 wants it.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = encoded(s)
	}
	return strings.Join(segments, "/")
}

func canonicalQuery(u *url.URL) string {
	var all []string
	for name, values := range u.Query() {
		for _, v := range values {
			if name != "X-Amz-Signature" {
				all = append(all, encoded(name)+"="+encoded(v))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "&")
}

// encoded keeps the unreserved characters of RFC 3986.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
