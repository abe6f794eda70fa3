package awslocal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// verifies reports whether the signature of a request is the one that its key makes
// of it (IAM User Guide, "Create a signed AWS API request"). The secret of a key that
// STS handed out is known; of every other key the secret must be the key itself, or
// one of those that people give a local AWS. The body is read, and can be read again.
// That AWS refuses a signature of another day's clock is left out: the clock of this
// AWS may be set.
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
		g.presigned, g.date = true, query.Get("X-Amz-Date")
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
