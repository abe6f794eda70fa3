package redact

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// asciiJSON is what Python's and PHP's encoders write.
func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\' || r == '/':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r < 0x20 || r > 0x7e && r < 0x10000:
			fmt.Fprintf(&b, `\u%04X`, r)
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func quoteJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return strings.Trim(string(b), `"`)
}

// spellings are the ways in which programs that were given a secret repeat it.
var spellings = map[string]func(string) string{
	"as it is":                 func(s string) string { return s },
	"JSON":                     quoteJSON,
	"JSON in JSON":             func(s string) string { return quoteJSON(`{"message":"` + quoteJSON(s) + `"}`) },
	"JSON in ASCII":            asciiJSON,
	"JSON in ASCII, twice":     func(s string) string { return quoteJSON(asciiJSON(s)) },
	"Go":                       strconv.Quote,
	"Go in ASCII":              strconv.QuoteToASCII,
	"HTML":                     html.EscapeString,
	"HTML in JSON":             func(s string) string { return quoteJSON(html.EscapeString(s)) },
	"query":                    url.QueryEscape,
	"path":                     url.PathEscape,
	"query, twice":             func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"query, lower case":        func(s string) string { return lowerPercent(url.QueryEscape(s)) },
	"base64":                   func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 for URLs":          func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 behind one":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64 behind two":        func(s string) string { return base64.URLEncoding.EncodeToString([]byte("xy" + s)) },
	"base64 of JSON":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(quoteJSON(s))) },
	"base64 of JSON in ASCII":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(asciiJSON(s))) },
	"base64 in lines":          func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 in a query":        func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 twice":             func(s string) string { return asBase64(asBase64(s)) },
	"base64 in base64":         func(s string) string { return asBase64(`{"a": "` + asBase64("user:"+s+":x") + `"}`) },
	"base64 of a form":         func(s string) string { return asBase64("password=" + url.QueryEscape(s)) },
	"base64 of a path":         func(s string) string { return asBase64("/" + url.PathEscape(s)) },
	"base64 of a page":         func(s string) string { return asBase64("<p>" + html.EscapeString(s)) },
	"base64 of hex":            func(s string) string { return asBase64("x" + hex.EncodeToString([]byte(s))) },
	"PowerShell's command":     wideBase64,
	"HTML, twice":              func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"JSON in a query":          func(s string) string { return url.QueryEscape(quoteJSON(s)) },
	"bytes of Go":              func(s string) string { return fmt.Sprint([]byte(s)) },
	"bytes in JSON":            func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",") },
	"bytes of a dump":          func(s string) string { return fmt.Sprintf("% x", s) },
	"bytes of a key":           func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", ":") },
	"JavaScript's code points": codePoints,
	"base64 three times":       func(s string) string { return asBase64(asBase64(asBase64(s))) },
	"base64 in base64 twice":   func(s string) string { return asBase64("a" + asBase64("user:"+asBase64("x"+s+"y"))) },
	"base64 of base64's lines": func(s string) string { return asBase64(inLinesOf(asBase64(s), 76) + "\n") },
	"base64 of PEM's lines":    func(s string) string { return asBase64(inLinesOf(asBase64(s), 64) + "\n") },
	"base64 of base32":         func(s string) string { return asBase64("x" + asBase32("y"+s)) },
	"base64 of big UTF-16":     func(s string) string { _, big := wide("p=" + s); return asBase64(big) },
	"base64 without padding":   func(s string) string { return strings.TrimRight(asBase64(s), "=") },
	"base32":                   asBase32,
	"base32 behind one":        func(s string) string { return asBase32("x" + s + "z") },
	"base32 behind two":        func(s string) string { return asBase32("xx" + s + "z") },
	"base32 behind three":      func(s string) string { return asBase32("xxx" + s + "z") },
	"base32 behind four":       func(s string) string { return strings.TrimRight(asBase32("xxxx"+s), "=") },
	"base32, lower case":       func(s string) string { return strings.ToLower(asBase32(s)) },
	"base32 of base64":         func(s string) string { return asBase32(asBase64(s)) },
	"base32 of base32":         func(s string) string { return asBase32("x" + asBase32(s)) },
	"base32 of hex":            func(s string) string { return asBase32(hex.EncodeToString([]byte(s))) },
	"hex of base64":            func(s string) string { return hex.EncodeToString([]byte(asBase64("x" + s))) },
	"hex of base32":            func(s string) string { return hex.EncodeToString([]byte(asBase32(s))) },
	"hex of hex": func(s string) string {
		return strings.ToUpper(hex.EncodeToString([]byte(hex.EncodeToString([]byte(s)))))
	},
	"hex of JSON":            func(s string) string { return hex.EncodeToString([]byte(`{"a":"` + quoteJSON(s) + `"}`)) },
	"hex in lines":           func(s string) string { return inLines(hex.EncodeToString([]byte("x" + s))) },
	"upper case":             strings.ToUpper,
	"lower case":             strings.ToLower,
	"quoted-printable":       quotedPrintable,
	"quoted-printable, all":  func(s string) string { return strings.ReplaceAll("="+fmt.Sprintf("% X", s), " ", "=") },
	"Go's list of bytes":     func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"bytes of .NET":          func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", "-") },
	"UTF-16":                 func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") + "\x00" },
	"backwards":              backwards,
	"hex":                    func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hex, upper case":        func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"YAML single quotes":     func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	"YAML block":             func(s string) string { return "|\n    " + strings.ReplaceAll(s, "\n", "\n    ") },
	"shell":                  func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	"CSV":                    func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` },
	"line breaks of Windows": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"bytes of Python":        pythonBytes,
	"GitHub's command":       func(s string) string { return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s) },
}

func asBase32(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }

func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte("12345678901234567890123456789012345678901234567890123456789" + s))
	_ = w.Close()
	return b.String()[59:]
}

func backwards(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}

func inLinesOf(s string, width int) string {
	var lines []string
	for line := range slices.Chunk([]byte(s), width) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

func asBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wideBase64 is what powershell -EncodedCommand takes.
func wideBase64(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("$p='" + s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func codePoints(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u{%x}`, r)
	}
	return b.String()
}

func lowerPercent(s string) string {
	b := []byte(s)
	for i := range b {
		if i > 0 && b[i-1] == '%' || i > 1 && b[i-2] == '%' {
			b[i] = strings.ToLower(string(b[i]))[0]
		}
	}
	return string(b)
}

func inLines(s string) string {
	var lines []string
	for len(s) > 20 {
		lines, s = append(lines, s[:20]), s[20:]
	}
	return strings.Join(append(lines, s), "\n")
}

func pythonBytes(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\' || c == '\'':
			b.WriteString(`\` + string(rune(c)))
		case c < 0x20 || c > 0x7e:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var secrets = map[string]string{
	"a word":      "correct-horse-battery",
	"markup":      `tok<en>"with/slash&and=more`,
	"accents":     "pässwörd-é-€",
	"an emoji":    "hunter2😀hunter2",
	"a quote":     `it's a "secret" \n thing`,
	"percent":     "100%25 sure + more%",
	"a backslash": `C:\new\table\\x`,
	"a long word": strings.Repeat("Zq7-long-", 20),
	"a key":       "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7bq\nabcdefgh/+==\n-----END KEY-----",
}

// However a secret is spelled, and however the writes are cut, what is left of
// the text around it is all that comes out.
func TestASecretIsHiddenInEverySpelling(t *testing.T) {
	t.Parallel()
	for name, secret := range secrets {
		var set Set
		set.Add(secret)
		for how, spell := range spellings {
			t.Run(name+" as "+how, func(t *testing.T) {
				t.Parallel()
				text := "before " + spell(secret) + " after, before " + spell(secret) + " after\n"
				want := set.Text(text)
				if strings.Contains(want, spell(secret)) || strings.Count(want, Stars) < 2 || len(want) > len("before |\\\"{message: } after, before |\\\"{message: } after\n")+60 {
					t.Fatalf("%q shows as %q", text, want)
				}
				if !strings.HasPrefix(want, "before ") || !strings.HasSuffix(want, " after\n") {
					t.Errorf("%q lost its surroundings: %q", text, want)
				}
				for _, size := range []int{max(1, len(text)/400), 7} {
					if got := stream(&set, text, size); got != want {
						t.Errorf("writes of %d: %q, want %q", size, got, want)
					}
				}
			})
		}
	}
}

// Values of which there may be thousands are hidden in what encodes them once.
func TestAValueAmongThousandsIsHiddenInWhatEncodesItOnce(t *testing.T) {
	t.Parallel()
	var set Set
	set.AddOnce("plain-value-9d8e7f")
	for _, how := range []string{"as it is", "JSON in JSON", "query", "HTML", "base64", "base64 behind one", "base64 for URLs", "base32 behind two", "hex", "hex, upper case", "bytes of Go", "upper case"} {
		text := spellings[how]("plain-value-9d8e7f")
		if got := set.Text("before " + text + " after"); strings.Contains(got, strings.Trim(text, "=")) {
			t.Errorf("%s: %q shows", how, got)
		}
	}
}

// What a function or AWS repeats may be long and full of escapes: whatever number
// of secrets there is, an escape that begins none of them takes next to nothing.
func TestAnEscapeIsNotComparedWithEverySecret(t *testing.T) {
	var set Set
	for i := range 50 {
		set.Add(fmt.Sprintf("s3cret-%d-%x-value", i, i*7919))
	}
	const times = 500
	for _, escape := range []string{"%7B", `\"`, "&lt;", "+", "=3D", `\u0108`} {
		text := strings.Repeat(escape, times)
		if each := testing.AllocsPerRun(1, func() { set.Text(text) }) / times; each > 2 {
			t.Errorf("%s: %.1f allocations each", escape, each)
		}
	}
}

// Each small write of a stream compares the secret that may have begun anew.
func TestASecretIsFollowedWithoutMemory(t *testing.T) {
	p := &pattern{text: strings.Repeat("Zq7", 200), wraps: true}
	for _, cut := range []int{0, 1, 300} {
		text := []byte(p.text[:len(p.text)-cut])
		if each := testing.AllocsPerRun(1, func() { p.match(text, 0) }); each > 0 {
			t.Errorf("%d before the end: %.0f allocations", cut, each)
		}
		if n, partial := p.match(text, 0); n != 0 == (cut > 0) || partial != (cut > 0) {
			t.Errorf("%d before the end: %d long, partial: %t", cut, n, partial)
		}
	}
}

func stream(set *Set, text string, size int) string {
	s, out := set.Stream(), []byte(nil)
	for rest := text; rest != ""; {
		n := min(size, len(rest))
		out = append(out, s.Next([]byte(rest[:n]))...)
		rest = rest[n:]
	}
	return string(append(out, s.Flush()...))
}

func TestNoWriteShowsASecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-value"
	text := "a " + secret + " b s3cret-valu s3cret-s3cret-value\nend " + secret
	const want = "a *** b s3cret-valu s3cret-***\nend ***"
	var set Set
	set.Add(secret)
	for size := 1; size <= len(text); size++ {
		if got := stream(&set, text, size); got != want {
			t.Errorf("writes of %d: %q", size, got)
		}
	}
}

// A line is shown when it is written, whatever its last letter is: only inside an
// encoded text that is broken into lines does a secret go on in the next one.
func TestALineDoesNotWaitForTheNext(t *testing.T) {
	t.Parallel()
	var set Set
	set.Add("correct-horse-battery")
	for c := byte(' '); c <= '~'; c++ {
		if c == '%' || c == '\\' || c == '&' {
			continue // these begin an escape that may go on
		}
		line := "a line ends with " + string(c) + "\n"
		if got := string(set.Stream().Next([]byte(line))); got != line {
			t.Errorf("%q shows as %q", line, got)
		}
	}
}

func TestALongerSecretWinsOverOneInsideIt(t *testing.T) {
	t.Parallel()
	var set Set
	set.Add("long-prod", "long-production-key")
	if got, want := set.Text("long-prod long-production-key long-production"), "*** *** ***uction"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each line of a secret is hidden by itself, but for those that would hide every
// brace.
func TestLinesOfASecretAreHiddenOneByOne(t *testing.T) {
	t.Parallel()
	var set Set
	set.Add("{\n  \"private_key\": \"abc\"\n}")
	if got, want := set.Text("{ }\n\"private_key\": \"abc\"\n"), "{ }\n***\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A short or common value is hidden where it stands alone, never inside a word,
// and the commands that are printed for the user stay runnable.
func TestAWeakValueTearsNoWordApart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ secret, text, want string }{
		{"x", "the function exists, x=x", "the function exists, ***=***"},
		{"test", "a test: latest tests test-1 test.zip test_a", "a ***: latest tests test-1 test.zip test_a"},
		{"live", `lambda-rollout shift --alias live --percentage=live "live" 'live' (live)`, `lambda-rollout shift --alias live --percentage=live "***" '***' (***)`},
		{"live", "Aliases.live: alive, delivered. It is live.", "Aliases.live: alive, delivered. It is ***."},
		{"hunter2", "https://u:hunter2@host, hunter23", "https://u:***@host, hunter23"},
		{"hunter2", "dTpodW50ZXIy aHVudGVyMg== 68756e74657232", "dTpodW50ZXIy ***== ***"},
		{"password", "a wrong password for password1: \"password\"", "a wrong *** for password1: \"***\""},
		{"pä", `pä päx "p\u00e4"`, `*** päx "***"`},
		{"12", "12 of 512 in 1.12 s", "*** of 512 in 1.12 s"},
		{"a b", "a b c, xa b", "*** c, xa b"},
	} {
		if !Weak(tc.secret) {
			t.Errorf("%q is not weak", tc.secret)
		}
		var set Set
		set.Add(tc.secret)
		if got := set.Text(tc.text); got != tc.want {
			t.Errorf("%s in %q: %q, want %q", tc.secret, tc.text, got, tc.want)
		}
		for size := 1; size < len(tc.text); size++ {
			if got := stream(&set, tc.text, size); got != tc.want {
				t.Errorf("%s in writes of %d: %q, want %q", tc.secret, size, got, tc.want)
			}
		}
		if set.HasStrong(tc.text) {
			t.Errorf("%q is taken for a strong secret", tc.secret)
		}
	}
	var set Set
	set.Add("correct-horse")
	if !set.HasStrong("a correct-horse b") || Weak("correct-horse") {
		t.Error("a long secret counts as weak")
	}
}

func TestOnlyRealAccessKeyIDsAreSecret(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"AKIAIOSFODNN7EXAMPLE": true, "ASIAIOSFODNN7EXAMPLE": true,
		"test": false, "AKIDEXAMPLE": false, "AROAIOSFODNN7EXAMPLE": false, "akiaiosfodnn7example": false, "": false,
	} {
		if got := AccessKeyID(id); got != want {
			t.Errorf("%q: %t", id, got)
		}
	}
}

// Whatever is written, and however it is cut, no secret comes out.
func FuzzStream(f *testing.F) {
	f.Add("x hunter2-hunter2 y", 3)
	f.Add(`\\u0068\u0075hunter2-hunter2\`, 1)
	f.Add("%68%75nter2&#45;", 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		var set Set
		set.Add("hunter2-hunter2", "pw1")
		size = max(1, min(size, 1<<10))
		got := stream(&set, text, size)
		if strings.Contains(got, "hunter2-hunter2") {
			t.Errorf("%q shows the secret", got)
		}
		if want := set.Text(text); got != want {
			t.Errorf("in pieces of %d %q, at once %q", size, got, want)
		}
	})
}
