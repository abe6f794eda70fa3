package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed document.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// keyPrefix begins a secret that holds its key in base64, as the libraries of
// Standard Webhooks want it.
const keyPrefix = "whsec_"

// sign sets the headers that say who sent a document and when: the signature is
// the HMAC-SHA256 of ID.TIMESTAMP.DOCUMENT.
func sign(h http.Header, secret, id string, at time.Time, document []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	if secret == "" {
		return
	}
	mac := hmac.New(sha256.New, keyOf(secret))
	_, _ = mac.Write([]byte(id + "." + timestamp + "."))
	_, _ = mac.Write(document)
	h.Set(headerSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// CheckSecret refuses a secret whose key nobody could read.
func CheckSecret(secret string) error {
	if text, is := strings.CutPrefix(secret, keyPrefix); is {
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return errors.New("what follows " + keyPrefix + " is not base64")
		}
	}
	return nil
}

// keyOf is the key of a secret: its own bytes, or what whsec_ holds in base64.
func keyOf(secret string) []byte {
	if text, is := strings.CutPrefix(secret, keyPrefix); is {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(secret)
}
