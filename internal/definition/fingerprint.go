package definition

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
)

// A journal holds fingerprints for days and may be uploaded as a build
// artifact. Whoever reads it could guess a weak secret of the environment and
// check the guess against a plain hash billions of times a second; the salt and
// the iterations make that some thousands, at a cost of milliseconds here.
const environmentIterations = 20_000

// Fingerprint is a short digest of each field of the canonical configuration,
// by AWS's name: it tells whether a function is still as a run left it, and
// which field is not, without holding any value. Name, tags and code are not
// in it. Only fingerprints of the same salt compare.
func Fingerprint(f Function, salt []byte) map[string]string {
	v := reflect.ValueOf(Canonical(f))
	out := map[string]string{}
	for field := range configuration() {
		out[field.name] = hex.EncodeToString(digest(field, field.in(v).Interface(), salt)[:8])
	}
	return out
}

func digest(f *field, value any, salt []byte) []byte {
	b, err := json.Marshal(value)
	if err == nil && f.name == "Environment" {
		b, err = pbkdf2.Key(sha256.New, string(b), salt, environmentIterations, sha256.Size)
		if err == nil {
			return b
		}
	}
	if err != nil {
		// Plain structs of texts and numbers always encode, and PBKDF2 refuses
		// only short salts in FIPS mode: a fault of the program, not of input.
		panic(fmt.Sprintf("fingerprint of %s: %v", f.name, err))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
