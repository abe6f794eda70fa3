package cli

import "testing"

func TestTheOriginOfACloneIsReadWhereItIsGitHubs(t *testing.T) {
	t.Parallel()
	shop := clone{"https://github.com", "acme/shop"}
	for address, want := range map[string]clone{
		"https://github.com/acme/shop":                shop,
		"https://github.com/acme/shop.git":            shop,
		"https://user:token@GitHub.com/acme/shop.git": shop,
		"git@github.com:acme/shop.git":                shop,
		"github.com:acme/shop":                        shop,
		"ssh://git@github.com:22/acme/shop.git/":      shop,
		"ssh://git@ssh.github.com:443/acme/shop.git":  shop,
		"git@acme.ghe.com:acme/shop.git":              {"https://acme.ghe.com", "acme/shop"},
		"https://git.example/acme/shop":               {"https://git.example:8443", "acme/shop"},
		"git@git.example:acme/shop.git":               {"https://git.example:8443", "acme/shop"},
		"https://gitlab.com/acme/shop.git":            {},
		"git@gitlab.com:acme/team/shop.git":           {},
		"https://github.com.evil.example/acme/shop":   {},
		"https://notghe.com/acme/shop":                {},
		"../bare/shop.git":                            {},
		"/srv/git/acme/shop.git":                      {},
		"file:///srv/acme/shop":                       {},
	} {
		config := "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://github.com/other/fork\n[remote \"origin\"]\n\tfetch = +refs\n\turl = " + address + "\n"
		if got := cloneOf(config, "https://git.example:8443"); got != want {
			t.Errorf("%s: got %+v, want %+v", address, got, want)
		}
	}
	if got := cloneOf("[core]\n", ""); got != (clone{}) {
		t.Errorf("without a remote: %+v", got)
	}
}
