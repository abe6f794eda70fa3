package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker when a release is built.
var release = "dev"

func versionNumber() string { return release }

func (a *app) version() error {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	err := a.print(fmt.Sprintf("lambda-rollout %s\ncommit %s\n%s %s/%s\n", release, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	return err
}
