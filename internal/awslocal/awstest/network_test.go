package awstest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAnswersComeThroughTheNetworkInVirtualTime(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		network := NewNetwork(t)
		url := network.Serve("slow.localhost", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			_, _ = io.Copy(w, r.Body)
		}))
		answer, err := network.Client().Post(url+"/echo", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil || string(body) != "hello" {
			t.Errorf("answer %q, %v", body, err)
		}
		if got, want := time.Now(), Epoch.Add(time.Hour); !got.Equal(want) {
			t.Errorf("the answer came at %s, want %s", got, want)
		}
	})
}

func TestADroppedConnectionIsAnErrorAndAnotherHostIsUnreachable(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		network := NewNetwork(t)
		url := network.Serve("dropping.localhost", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		for _, at := range []string{url, "http://lambda.us-east-1.amazonaws.com"} {
			if answer, err := network.Client().Post(at, "text/plain", nil); err == nil {
				t.Errorf("%s answered %s", at, answer.Status)
			}
		}
	})
}

// A server that refuses a request by its head answers, and closes, before it has
// read the body. Over TCP the answer arrives; so it does here.
func TestAnAnswerArrivesThoughTheBodyWasNotRead(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) {
		network := NewNetwork(t)
		const large = 4 << 20 // more than net/http reads of a body that nobody wanted
		url := network.Serve("refusing.localhost", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}))
		client := network.Client()
		for range 20 {
			answer, err := client.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", large)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge || string(body) != "too large\n" {
				t.Fatalf("answer %d %q, %v", answer.StatusCode, body, err)
			}
		}
	})
}
