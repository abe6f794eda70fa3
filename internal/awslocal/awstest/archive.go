package awstest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"testing"
)

// Zip is an archive of files with mode 0755, given as name and content in turn.
func Zip(t testing.TB, namesAndContents ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(namesAndContents); i += 2 {
		header := &zip.FileHeader{Name: namesAndContents[i], Method: zip.Deflate}
		header.SetMode(0o755)
		f, err := w.CreateHeader(header)
		if err == nil {
			_, err = io.WriteString(f, namesAndContents[i+1])
		}
		if err != nil {
			t.Fatal(errors.Join(err, w.Close()))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// CodeSha256 is the hash of an archive as Lambda writes it.
func CodeSha256(archive []byte) string {
	sum := sha256.Sum256(archive)
	return base64.StdEncoding.EncodeToString(sum[:])
}
