package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strings"
)

// checksumAlgorithms are those of "Checking object integrity" (Amazon S3
// User Guide), by the name that ChecksumAlgorithm uses.
var checksumAlgorithms = map[string]func() hash.Hash{
	"CRC32":     func() hash.Hash { return crc32.NewIEEE() },
	"CRC32C":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"CRC64NVME": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
	"SHA1":      sha1.New,
	"SHA256":    sha256.New,
}

// defaultAlgorithm is what S3 computes by itself for an upload that names no
// algorithm ("Checking object integrity": CRC-64/NVME, full object).
const defaultAlgorithm = "CRC64NVME"

// Checksum types of a stored object.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// Checksum is the additional checksum that S3 keeps with an object.
type Checksum struct {
	Algorithm string
	Type      string // FULL_OBJECT or COMPOSITE
	Value     string // base64; COMPOSITE ends in -N
}

func checksumHeader(algorithm string) string {
	return "x-amz-checksum-" + strings.ToLower(algorithm)
}

// algorithmOf finds which checksum the client sends: as a header, as a trailer
// (the SDK's default), or by name alone.
func algorithmOf(r *http.Request) (string, *apiError) {
	found := ""
	for name := range checksumAlgorithms {
		h := checksumHeader(name)
		if r.Header.Get(h) == "" && !strings.EqualFold(strings.TrimSpace(r.Header.Get("x-amz-trailer")), h) {
			continue
		}
		if found != "" {
			return "", errInvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		found = name
	}
	named := r.Header.Get("x-amz-sdk-checksum-algorithm")
	if named == "" {
		named = r.Header.Get("x-amz-checksum-algorithm")
	}
	if found == "" && named != "" {
		found = strings.ToUpper(named)
		if checksumAlgorithms[found] == nil {
			return "", errInvalidRequest(
				"Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
			)
		}
	}
	return found, nil
}

func encodeSum(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }
