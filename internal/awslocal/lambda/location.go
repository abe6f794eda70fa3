package lambda

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// locationLife is how long a download URL is good for (Lambda API reference,
// FunctionCodeLocation).
const locationLife = 10 * time.Minute

// DownloadPath is where the server hands code out.
const DownloadPath = "/_local/code/"

type codeLocation struct {
	RepositoryType   string
	Location         string      `json:",omitempty"`
	ImageUri         string      `json:",omitempty"`
	ResolvedImageUri string      `json:",omitempty"`
	SourceKMSKeyArn  string      `json:",omitempty"`
	ResolvedS3Object *s3Location `json:",omitempty"`
	Error            *fieldError `json:",omitempty"`
}

// location is where the code of a version can be had: a signed URL on this
// server, or the image.
func (s *Service) location(r *request, v *version) codeLocation {
	c := v.Code
	if v.Config.imagePackage() {
		return codeLocation{RepositoryType: "ECR", ImageUri: c.ImageURI, ResolvedImageUri: c.ResolvedImage}
	}
	return codeLocation{RepositoryType: "S3", Location: s.sign(r.http, c.Blob), SourceKMSKeyArn: c.KMSKeyArn,
		ResolvedS3Object: c.Reference}
}

func (s *Service) sign(r *http.Request, blob string) string {
	expires := strconv.FormatInt(s.Clock().Add(locationLife).Unix(), 10)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + DownloadPath + blob + "?Expires=" + expires + "&Signature=" + signature(blob, expires)
}

// signature binds a URL to its time. The key is no secret: whoever reaches the
// loopback server may read its code; only the expiry is to be true.
func signature(blob, expires string) string {
	mac := hmac.New(sha256.New, []byte("lambda-rollout local code"))
	_, _ = io.WriteString(mac, blob+"?"+expires) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// ServeCode answers to the URLs of Code.Location, as S3 answers to a presigned
// one: 403 for one that has expired or was changed.
func (s *Service) ServeCode(w http.ResponseWriter, r *http.Request) {
	blob := strings.TrimPrefix(r.URL.Path, DownloadPath)
	expires, signed := r.URL.Query().Get("Expires"), r.URL.Query().Get("Signature")
	until, err := strconv.ParseInt(expires, 10, 64)
	switch {
	case err != nil || !hmac.Equal([]byte(signed), []byte(signature(blob, expires))):
		api.WriteRESTXML(w, r.URL.Path, api.NewError(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided."))
		return
	case s.Clock().Unix() > until:
		api.WriteRESTXML(w, r.URL.Path, api.NewError(http.StatusForbidden, "AccessDenied", "Request has expired"))
		return
	}
	f, err := s.Store.OpenBlob(blob)
	if errors.Is(err, os.ErrNotExist) {
		api.WriteRESTXML(w, r.URL.Path, api.NewError(http.StatusNotFound, "NoSuchKey", "The specified key does not exist."))
		return
	}
	if err != nil {
		api.WriteRESTXML(w, r.URL.Path, api.NewError(http.StatusInternalServerError, "InternalError", err.Error()))
		return
	}
	defer func() { _ = f.Close() }() // read only: nothing is lost
	w.Header().Set("Content-Type", "application/zip")
	http.ServeContent(w, r, "", time.Time{}, f)
}
