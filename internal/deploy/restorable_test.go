package deploy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCodeThatCannotBePutBackIsNoticedBeforehand(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusPartialContent: "",
		http.StatusOK:             "",
		http.StatusForbidden:      "Lambda no longer gives out the zip that stands (HTTP status 403)",
		http.StatusNotFound:       "Lambda no longer gives out the zip that stands (HTTP status 404)",
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			defer web.Close()
			got, err := missingZip(t.Context(), web.Client(), web.URL+"/code")
			if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("missing: %q, %v; want %q", got, err, want)
			}
		})
	}
}
