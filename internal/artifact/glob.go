package artifact

import "strings"

// token is one element of a gitignore pattern.
type token struct {
	kind tokenKind
	// set is what oneByte accepts.
	set byteSet
}

type tokenKind int

const (
	oneByte  tokenKind = iota
	inName             // `*`: any bytes but a slash
	anything           // `**` at an end: any bytes
	folders            // `**/`: nothing, or anything up to a slash
)

// byteSet is a set of bytes.
type byteSet [256 / 64]uint64

func (s *byteSet) add(low, high byte) {
	for c := int(low); c <= int(high); c++ {
		s[c/64] |= 1 << (c % 64)
	}
}

func (s *byteSet) has(c byte) bool { return s[c/64]&(1<<(c%64)) != 0 }

func (s *byteSet) remove(c byte) { s[c/64] &^= 1 << (c % 64) }

// parseGlob reads a pattern from its first special character on; not ok for a
// class or a backslash without its end, which matches nothing.
func parseGlob(p string) (glob []token, ok bool) {
	atStart := true
	for len(p) > 0 {
		t, width := token{}, 1
		switch p[0] {
		case '*':
			t.kind, width = parseStars(p, atStart)
		case '?':
			t.set.add(0, 255)
			t.set.remove('/')
		case '[':
			if t.set, width = parseClass(p); width == 0 {
				return nil, false
			}
			t.set.remove('/')
		case '\\':
			if len(p) == 1 {
				return nil, false
			}
			t.set.add(p[1], p[1])
			width = 2
		default:
			t.set.add(p[0], p[0])
		}
		atStart = p[width-1] == '/'
		glob, p = append(glob, t), p[width:]
	}
	return glob, true
}

// parseStars tells `*` from `**`, which crosses folders only where it stands
// alone between slashes.
func parseStars(p string, atStart bool) (tokenKind, int) {
	rest := strings.TrimLeft(p, "*")
	width := len(p) - len(rest)
	switch {
	case width == 1 || !atStart:
		return inName, width
	case rest == "" || strings.HasPrefix(rest, `\/`):
		return anything, width
	case rest[0] == '/':
		return folders, width + 1
	}
	return inName, width
}

// parseClass reads [a-z], [!a-z], [^a-z] and [[:alpha:]]; its width is 0 where
// the class has no end or a name that does not exist.
func parseClass(p string) (set byteSet, width int) {
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		switch {
		case i >= len(p):
			return byteSet{}, 0
		case p[i] == ']' && !first:
			if negated {
				for w := range set {
					set[w] = ^set[w]
				}
			}
			return set, i + 1
		}
		if name, ok := className(p[i:]); ok {
			if !addClass(&set, name) {
				return byteSet{}, 0
			}
			i += len("[:") + len(name) + len(":]")
			continue
		}
		low, w := classByte(p[i:])
		high := low
		if i += w; i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			high, w = classByte(p[i+1:])
			i += 1 + w
		}
		set.add(low, high)
	}
}

// classByte reads one byte of a class, behind its backslash where it has one.
func classByte(p string) (c byte, width int) {
	if p[0] != '\\' || len(p) == 1 {
		return p[0], 1
	}
	return p[1], 2
}

// className is the name in [:name:].
func className(p string) (string, bool) {
	inner, ok := strings.CutPrefix(p, "[:")
	if !ok {
		return "", false
	}
	end := strings.IndexByte(inner, ']')
	if end < 1 || inner[end-1] != ':' {
		return "", false
	}
	return inner[:end-1], true
}

// addClass adds a class of POSIX in ASCII.
func addClass(set *byteSet, name string) bool {
	ranges, ok := map[string]string{
		"alnum":  "09AZaz",
		"alpha":  "AZaz",
		"blank":  "  \t\t",
		"cntrl":  "\x00\x1f\x7f\x7f",
		"digit":  "09",
		"graph":  "!~",
		"lower":  "az",
		"print":  " ~",
		"punct":  "!/:@[`{~",
		"space":  "  \t\r",
		"upper":  "AZ",
		"xdigit": "09AFaf",
	}[name]
	for i := 0; i+1 < len(ranges); i += 2 {
		set.add(ranges[i], ranges[i+1])
	}
	return ok
}
