package artifact

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func TestAnEncryptedZipIsRefused(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if _, err := z.CreateHeader(&zip.FileHeader{Name: "index.js", Flags: encrypted}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadListing(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil || !strings.Contains(err.Error(), `"index.js" is encrypted`) {
		t.Errorf("got %v", err)
	}
}
