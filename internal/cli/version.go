package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker when a release is built.
var release = "dev"

func versionNumber() string { return release }

// versionDocument is what --output json prints of version.
type versionDocument struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) version() error {
	v := versionDocument{Version: release, Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if a.json() {
		return a.printJSON(v)
	}
	return a.print(fmt.Sprintf("lambda-rollout %s\ncommit %s\n%s %s\n", v.Version, v.Commit, v.Go, v.Platform))
}
