package definition

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"sync"
)

// A journal holds fingerprints for days and may be uploaded as a build
// artifact. Whoever reads it could guess a weak secret of the environment and
// check the guess against a plain hash billions of times a second; the salt and
// the iterations make that some thousands, at a cost of milliseconds here.
const environmentIterations = 20_000

// Fingerprint is a short digest of each field of the canonical configuration,
// by AWS's name: it shows whether a function is still as a run left it, and
// which field is not, without holding any value. Name, tags and code are not
// in it. Only fingerprints of the same salt compare.
func Fingerprint(f Function, salt []byte) map[string]string {
	v := reflect.ValueOf(Canonical(f))
	out := map[string]string{}
	for field := range configuration() {
		out[field.name] = hex.EncodeToString(digest(field, field.in(v), salt)[:8])
	}
	return out
}

// emptyEnvironment holds no secret, so its digest need not be slow.
func emptyEnvironment(value reflect.Value) bool {
	e, ok := value.Interface().(*Environment)
	return ok && (e == nil || len(e.Variables) == 0)
}

// digest reads the value as it is rendered, without what is not there: a field
// that AWS invents tomorrow does not change what is known of today's.
func digest(f *field, value reflect.Value, salt []byte) []byte {
	var b bytes.Buffer
	if value.IsNil() {
		b.WriteString("null")
	} else {
		render(&b, f, value, false)
	}
	if f.name != "Environment" || emptyEnvironment(value) {
		sum := sha256.Sum256(b.Bytes())
		return sum[:]
	}
	return slowDigests.of(b.Bytes(), salt)
}

// slowDigests saves a run from digesting the same environment at each look.
var slowDigests memo

// memo remembers digests by a hash of what was digested; it holds no value.
type memo struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte][]byte
}

// maxMemo bounds the memo of a process that never ends.
const maxMemo = 4096

func (m *memo) of(text, salt []byte) []byte {
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %s", len(salt), salt)
	hash.Write(text)
	key := [sha256.Size]byte(hash.Sum(nil))
	m.mu.Lock()
	digest := m.known[key]
	m.mu.Unlock()
	if digest != nil {
		return digest
	}
	digest, err := pbkdf2.Key(sha256.New, string(text), salt, environmentIterations, sha256.Size)
	if err != nil {
		// Only a short salt in FIPS mode: an error of the program, not of input.
		panic(fmt.Sprintf("fingerprint of an environment: %v", err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxMemo {
		m.known = map[[sha256.Size]byte][]byte{}
	}
	m.known[key] = digest
	return digest
}
