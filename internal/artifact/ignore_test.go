package artifact

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each line of rules with paths that it leaves out (-) and keeps (+); a path
// that ends in a slash is a folder. Expectations are git's own.
var ignoreCorpus = []struct{ rules, paths string }{
	{"", "+a"},
	{"#comment\n\n \n", "+#comment +a"},
	{`\#a`, "-#a -x/#a"},
	{`\!a`, "-!a +a"},
	{"a", "-a -a/ -x/a -x/y/a/ +ab +ba"},
	{"a/", "+a -a/ -x/a/ +x/a"},
	{"/a", "-a -a/ +x/a"},
	{"/a/", "+a -a/ +x/a/"},
	{"x/a", "-x/a +y/x/a +a"},
	{"x/a/", "-x/a/ +x/a"},
	{"/x/a", "-x/a +y/x/a"},
	{"*.log", "-a.log -.log -x/b.log +a.log.txt +log"},
	{"/*.log", "-a.log +x/a.log"},
	{"x/*.log", "-x/a.log +x/y/a.log"},
	{"*", "-a -a/ -x/y"},
	{"a*b*c", "-abc -axxbyybzzc +ab +abcd"},
	{"a?c", "-abc +ac +abbc +x/aéc"},
	{"a/*", "-a/b -a/b/ +a"},
	{"a/?", "-a/b +a/bc"},
	{"**/a", "-a -x/a -x/y/a +ab"},
	{"**/x/a", "-x/a -y/x/a +x/y/a"},
	{"a/**", "-a/b -a/b/ -a/b/c +a/ +x/a/b"},
	{"a/**/b", "-a/b -a/x/b -a/x/y/b +a/xb +x/a/b"},
	{"**", "-a -a/b"},
	{"a**b", "-ab -axb -a**b +a/b"},
	{"/**", "-a -a/b"},
	{"**/", "-a/ -x/a/ +a"},
	{"x/**/", "-x/a/ -x/a/b/ +x/a +x/"},
	{"[ab].txt", "-a.txt -b.txt +c.txt"},
	{"[!ab].txt", "+a.txt -c.txt"},
	{"[^ab].txt", "+a.txt -c.txt"},
	{"[a-c]x", "-ax -bx -cx +dx"},
	{"[]a]x", "-]x -ax +bx"},
	{"[a-]x", "--x -ax +bx"},
	{`[\]]x`, "-]x"},
	{`[\a-\c]x`, "-bx"},
	{"[[:digit:]]x", "-1x +ax"},
	{"[[:alpha:][:digit:]]x", "-1x -ax +-x"},
	{"[![:space:]]x", "-ax"},
	{"[a", "+a +[a"},
	{"a[", "+a[ +a"},
	{`a\`, `+a +a\`},
	{`a\*b`, "-a*b +axb"},
	{"*.log\n!keep.log", "-a.log +keep.log +x/keep.log"},
	{"!a\na", "-a"},
	{"a\n!a\na", "-a"},
	{"*\n!*/\n!*.py", "-a +a/ +x/a.py +a.py -x/a.js"},
	{"a ", "-a"},
	{`a\ `, "-a\u00a0x"},
	{"a\r\nb\r\n", "-a -b"},
	{"\ufeffa", "-a"},
	{"é", "-é -x/é"},
	{"a??c", "-aéc"},
	{"***/a", "-a -x/y/a"},
	{"a/****", "-a/b/c"},
	{"a**/b", "-a/b -axx/b +a/x/c"},
	{`a\/b`, "-a/b"},
	{"[a-c-e]", "-a -- -e +d"},
	{"[--/]x", "-.x"},
	{"[[:alpha]x", "-:x +zx"},
	{"[[:none:]]x", "+nx"},
	{"[c-a]x", "+bx"},
	{"node_modules/\n*.pyc\n__pycache__/", "-node_modules/ -x/node_modules/ +node_modules -x/a.pyc -x/__pycache__/"},
}

func TestRulesMatchAsGitignoreDoes(t *testing.T) {
	t.Parallel()
	for _, test := range ignoreCorpus {
		rules := ParseIgnore(test.rules)
		for _, path := range corpusPaths(test.paths) {
			want := path[0] == '-'
			name, isDir := strings.CutSuffix(path[1:], "/")
			if got := rules.Match(name, isDir); got != want {
				t.Errorf("%q leaves out %q: %t, want %t", test.rules, path[1:], got, want)
			}
		}
	}
}

func corpusPaths(paths string) []string {
	var out []string
	for _, p := range strings.Split(paths, " ") {
		out = append(out, strings.ReplaceAll(p, "\u00a0x", " "))
	}
	return out
}

// Each case lies in a folder of its own, under its own rules, so that one git
// answers for all.
func TestTheCorpusIsWhatGitSays(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: the corpus was checked where it is")
	}
	dir := t.TempDir()
	makeFile(t, dir, ".git/HEAD", "ref: refs/heads/main\n")
	makeFile(t, dir, ".git/objects/", "")
	makeFile(t, dir, ".git/refs/", "")
	var asked, cases, want []string
	for _, test := range ignoreCorpus {
		for _, path := range corpusPaths(test.paths) {
			folder := fmt.Sprint("case", len(cases))
			makeFile(t, dir, folder+"/.gitignore", test.rules)
			makeFile(t, dir, folder+"/"+path[1:], "")
			asked = append(asked, folder+"/"+strings.TrimSuffix(path[1:], "/"))
			cases = append(cases, fmt.Sprintf("%q and %q", test.rules, path[1:]))
			want = append(want, path[:1])
		}
	}
	cmd := exec.Command("git", "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(strings.Join(asked, "\x00") + "\x00")
	out, err := cmd.Output()
	// The file of the rule, its line, the rule and the path, each ending in NUL;
	// the first three are empty where no rule matches.
	fields := strings.Split(string(out), "\x00")
	if len(fields) != 4*len(cases)+1 {
		t.Fatalf("git check-ignore said %q: %v", out, err)
	}
	for i, name := range cases {
		got := "-"
		if rule := fields[4*i+2]; rule == "" || rule[0] == '!' {
			got = "+"
		}
		if got != want[i] {
			t.Errorf("git says %s of %s", got, name)
		}
	}
}

// makeFile makes a file, or a folder where the name ends in a slash.
func makeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	full := filepath.Join(dir, name)
	folder := filepath.Dir(full)
	if strings.HasSuffix(name, "/") {
		folder = full
	}
	err := os.MkdirAll(folder, 0o700)
	if err == nil && folder != full {
		err = os.WriteFile(full, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzIgnore(f *testing.F) {
	for _, test := range ignoreCorpus {
		for _, path := range corpusPaths(test.paths) {
			f.Add(test.rules, path[1:])
		}
	}
	f.Add(strings.Repeat("*a", 50), strings.Repeat("a", 50)+"b")
	f.Add(strings.Repeat("**/", 50)+"x", strings.Repeat("a/", 50)+"b")
	f.Fuzz(func(t *testing.T, text, path string) {
		name, isDir := strings.CutSuffix(path, "/")
		rules := ParseIgnore(text)
		got := rules.Match(name, isDir)
		if all := ParseIgnore(text + "\n*"); name != "" && !all.Match(name, isDir) {
			t.Errorf("* does not match %q", name)
		}
		if none := ParseIgnore(text + "\n!*"); name != "" && none.Match(name, isDir) {
			t.Errorf("!* does not take back %q", name)
		}
		if len(rules.rules) == 0 && got {
			t.Errorf("no rules leave out %q", name)
		}
	})
}
