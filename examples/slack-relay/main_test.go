package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The relay makes a message of each event, for those alone who know the key, and fails
// where Slack does, so that the event is sent again.
func TestEventsBecomeMessages(t *testing.T) {
	t.Parallel()
	said, status := "", http.StatusOK
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said = string(body)
		w.WriteHeader(status)
	}))
	defer slack.Close()
	ask := func(query, body string) int {
		w := httptest.NewRecorder()
		relay("k", slack.URL).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/"+query, strings.NewReader(body)))
		return w.Code
	}
	end := `{"type":"com.github.lambda-rollout.end","data":{"command":"deploy","outcome":"succeeded","runUrl":"https://run","functions":[{"function":"shop","version":"42","previousVersion":"41"}]}}`
	if code := ask("?key=k", end); code != http.StatusOK || said != `{"text":":checkered_flag: deploy *shop* 41 → 42: succeeded (\u003chttps://run|log\u003e)"}` {
		t.Errorf("%d %s", code, said)
	}
	stage := `{"type":"com.github.lambda-rollout.stage","data":{"command":"deploy","functions":[{"function":"shop"}],"stage":{"percent":10,"seconds":300}}}`
	if code := ask("?key=k", stage); code != http.StatusOK || said != `{"text":":vertical_traffic_light: deploy *shop*: 10% of the traffic for 5m0s"}` {
		t.Errorf("%d %s", code, said)
	}
	said = ""
	if code := ask("?key=x", end); code != http.StatusForbidden || said != "" {
		t.Errorf("without the key: %d %s", code, said)
	}
	if code := ask("?key=k", "no JSON"); code != http.StatusBadRequest || said != "" {
		t.Errorf("no event: %d %s", code, said)
	}
	status = http.StatusInternalServerError
	if code := ask("?key=k", end); code != http.StatusBadGateway {
		t.Errorf("Slack fails: %d", code)
	}
}
