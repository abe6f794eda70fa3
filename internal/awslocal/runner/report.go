package runner

import (
	"fmt"
	"time"
)

// Start is the line that begins an invocation's log ("Viewing logs for Lambda
// functions").
func Start(f Function, requestID string) string {
	return fmt.Sprintf("START RequestId: %s Version: %s\n", requestID, f.Version)
}

// Report are the lines that end it. Since 2025-08 the init phase is billed.
func Report(f Function, r Result, peakMB int) string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	billed, init := r.Duration, ""
	if r.Init > 0 {
		init = fmt.Sprintf("Init Duration: %.2f ms\t", ms(r.Init))
		billed += r.Init
	}
	return fmt.Sprintf(
		"END RequestId: %s\nREPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t%s\n",
		r.RequestID, r.RequestID, ms(r.Duration), (billed+time.Millisecond-1)/time.Millisecond, f.MemoryMB, peakMB, init)
}
