// Slack-relay passes the events of lambda-rollout's input notify on to a Slack
// channel, by an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks):
//
//	SLACK_WEBHOOK=https://hooks.slack.com/services/… RELAY_KEY=… go run ./examples/slack-relay
//
// and notify: https://relay.example.com/?key=…
package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// event is the part of a CloudEvent that a message shows.
type event struct {
	Type string `json:"type"`
	Data struct {
		Command, RunURL, Actor, Outcome, Error string
		Functions                              []struct{ Function, Region, Version, PreviousVersion string }
		Stage                                  *struct{ Percent, Seconds float64 }
	} `json:"data"`
}

// text is the message in Slack's own form of Markdown.
func (e event) text() string {
	var names []string
	for _, f := range e.Data.Functions {
		name := "*" + f.Function + "*"
		if f.Version != "" {
			name += " " + f.PreviousVersion + " → " + f.Version
		}
		names = append(names, name)
	}
	what := e.Data.Command + " " + strings.Join(names, ", ")
	switch e.Type[strings.LastIndexByte(e.Type, '.')+1:] {
	case "begin":
		what = ":rocket: " + what + " begins, by " + e.Data.Actor
	case "stage":
		what = fmt.Sprintf(":vertical_traffic_light: %s: %g%% of the traffic for %s", what, e.Data.Stage.Percent, time.Duration(e.Data.Stage.Seconds)*time.Second)
	case "rollback":
		what = ":rewind: " + what + " is rolled back: " + e.Data.Error
	case "end":
		what = ":checkered_flag: " + what + ": " + e.Data.Outcome
	}
	if e.Data.RunURL != "" {
		what += " (<" + e.Data.RunURL + "|log>)"
	}
	return what
}

// relay answers events that carry the key in their query.
func relay(key, webhook string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("key")), []byte(key)) != 1 {
			http.Error(w, "the key is wrong", http.StatusForbidden)
			return
		}
		var e event
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&e); err != nil {
			http.Error(w, "no CloudEvent: "+err.Error(), http.StatusBadRequest)
			return
		}
		body, err := json.Marshal(map[string]string{"text": e.text()})
		if err == nil {
			err = post(r, webhook, body)
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "Slack did not take it", http.StatusBadGateway) // lambda-rollout tries again
		}
	})
}

func post(r *http.Request, webhook string, body []byte) error {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, webhook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("Slack answered %s", resp.Status) //nolint:staticcheck // a name
	}
	return nil
}

func main() {
	server := &http.Server{
		Addr: ":8080", Handler: relay(os.Getenv("RELAY_KEY"), os.Getenv("SLACK_WEBHOOK")), ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
