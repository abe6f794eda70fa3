package cli

import (
	"os"
	"runtime/debug"
	"testing"
)

// Memory is cheaper than collecting it often.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
