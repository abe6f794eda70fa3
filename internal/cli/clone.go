package cli

import (
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// clone is where the workspace comes from: the address of its server, and owner/name
// there. Both are empty where that is not GitHub.
type clone struct{ server, repository string }

// clone reads the workspace's configuration of git. GITHUB_SERVER_URL names an Enterprise
// Server, whose host name alone does not tell it from other forges.
func (a *app) clone() clone {
	root, err := os.OpenRoot(a.host.Workspace())
	if err != nil {
		return clone{}
	}
	defer root.Close()
	file, err := root.Open(".git/config")
	if err != nil {
		return clone{}
	}
	defer file.Close()
	const enough = 1 << 20
	text, err := io.ReadAll(io.LimitReader(file, enough))
	if err != nil {
		return clone{}
	}
	enterprise, _ := a.lookupEnv("GITHUB_SERVER_URL")
	return cloneOf(string(text), enterprise)
}

var (
	// section and remoteURL are lines of git's configuration
	// (https://git-scm.com/docs/git-config#_configuration_file).
	section   = lazyregexp.New(`^\s*\[(.*)\]\s*$`)
	remoteURL = lazyregexp.New(`^\s*url\s*=\s*(\S+)\s*$`)
	// scpAddress is ssh's short form (https://git-scm.com/docs/git-clone#_git_urls).
	scpAddress = lazyregexp.New(`^(?:[^@/]+@)?([^:/]+):([^/].*)$`)
)

func cloneOf(config, enterprise string) clone {
	in := ""
	for line := range strings.Lines(config) {
		if m := section.FindStringSubmatch(line); m != nil {
			in = m[1]
		} else if m := remoteURL.FindStringSubmatch(line); m != nil && in == `remote "origin"` {
			return parseClone(m[1], enterprise)
		}
	}
	return clone{}
}

func parseClone(address, enterprise string) clone {
	host, repository := "", ""
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		host, repository = u.Hostname(), u.Path
	} else if m := scpAddress.FindStringSubmatch(address); m != nil {
		host, repository = m[1], m[2]
	}
	host = strings.ToLower(host)
	repository = strings.TrimSuffix(strings.Trim(repository, "/"), ".git")
	if strings.Count(repository, "/") != 1 {
		return clone{}
	}
	if u, err := url.Parse(enterprise); err == nil && u.Hostname() != "" && strings.EqualFold(u.Hostname(), host) {
		return clone{enterprise, repository}
	}
	if host = strings.TrimPrefix(host, "ssh."); host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		return clone{"https://" + host, repository}
	}
	return clone{}
}
