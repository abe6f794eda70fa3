package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Stream is the log stream of a process: its day, in a log group that is not the
// function's own the function, its version, and a number ("Viewing logs for Lambda
// functions", "Configuring CloudWatch log groups").
func Stream(f Function, started time.Time) string {
	sum := sha256.Sum256([]byte(f.key() + started.String()))
	name := ""
	if f.LogGroup != "" && f.LogGroup != "/aws/lambda/"+f.Name {
		name = f.Name
	}
	return started.UTC().Format("2006/01/02/") + name + "[" + f.Version + "]" + hex.EncodeToString(sum[:16])
}

// Start is the line that begins an invocation's log ("Viewing logs for Lambda
// functions"; in JSON "Lambda Telemetry API Event schema reference").
func Start(f Function, requestID string, at time.Time) string {
	if f.LogFormat != "JSON" {
		return fmt.Sprintf("START RequestId: %s Version: %s\n", requestID, f.Version)
	}
	return platformEvent(f, at, "platform.start", map[string]any{"requestId": requestID, "version": f.Version})
}

// Report are the lines that end it. Since 2025-08 the init phase is billed.
func Report(f Function, r Result, peakMB int, at time.Time) string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	billed := (r.Duration + r.Init + time.Millisecond - 1) / time.Millisecond
	if f.LogFormat == "JSON" {
		metrics := map[string]any{"durationMs": ms(r.Duration), "billedDurationMs": int(billed), "memorySizeMB": f.MemoryMB, "maxMemoryUsedMB": peakMB}
		if r.Init > 0 {
			metrics["initDurationMs"] = ms(r.Init)
		}
		status := "success"
		if r.FunctionError != "" {
			status = "error"
		}
		return platformEvent(f, at, "platform.report", map[string]any{"requestId": r.RequestID, "metrics": metrics, "status": status})
	}
	init := ""
	if r.Init > 0 {
		init = fmt.Sprintf("Init Duration: %.2f ms\t", ms(r.Init))
	}
	return fmt.Sprintf(
		"END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t%s\n",
		r.RequestID, r.RequestID, ms(r.Duration), billed, f.MemoryMB, peakMB, init)
}

// platformEvent is a system log in JSON; at level WARN these are left out ("Log
// levels", system log level event mapping).
func platformEvent(f Function, at time.Time, kind string, record map[string]any) string {
	if f.LogLevel == "WARN" {
		return ""
	}
	b, _ := json.Marshal(struct {
		Time   string         `json:"time"`
		Type   string         `json:"type"`
		Record map[string]any `json:"record"`
	}{at.UTC().Format("2006-01-02T15:04:05.000Z"), kind, record}) // strings and numbers always marshal
	return string(b) + "\n"
}
