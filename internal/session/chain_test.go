package session

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests set the process's environment: it is the SDK that reads it.

func TestAContainersCredentialsAreTaken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"code":"AccessDenied","message":"no such pod"}`)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer server.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL+"/creds")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod")
	var masked []string
	s, err := Open(t.Context(), Options{Region: "eu-west-1", Mask: func(_ string, secrets ...string) { masked = append(masked, secrets...) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := key(t, s); got != "ASIAPOD" || strings.Join(masked, " ") != "s t" {
		t.Errorf("signed with %s, masked %q", got, masked)
	}

	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another")
	if s, err = Open(t.Context(), Options{Region: "eu-west-1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identity(t.Context()); !errors.As(err, new(NoCredentials)) || !strings.Contains(err.Error(), "no such pod") {
		t.Errorf("got %v, want NoCredentials and what the container's endpoint said", err)
	}
}

func TestAWebIdentityOfTheEnvironmentIsTaken(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", roleOne)
	aws := &fakeAWS{}
	if got := key(t, open(t, aws, env{}, Options{})); got != "ASIA0001" || aws.requests[0].Get("WebIdentityToken") != "jwt-file" {
		t.Errorf("signed with %s after %v", got, aws.requests)
	}

	refused := &fakeAWS{refuse: map[string]string{"AssumeRoleWithWebIdentity": "ExpiredTokenException: Token expired"}}
	if _, err := open(t, refused, env{}, Options{}).Identity(t.Context()); !errors.As(err, new(ExpiredCredentials)) {
		t.Errorf("got %v, want ExpiredCredentials", err)
	}
}

func TestAProfileIsTaken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	text := "[profile ci]\nregion = ap-south-1\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_PROFILE", "ci")
	s, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if region, err := s.Region(); err != nil || region != "ap-south-1" || key(t, s) != "AKIAPROFILE" {
		t.Errorf("Region %s, %v, signed with %s", region, err, key(t, s))
	}
	t.Setenv("AWS_PROFILE", "none")
	if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v, want the profile that is not there", err)
	}
}
