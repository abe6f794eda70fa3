package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// lastScreen is what a terminal, as high as it takes, shows of a text: tmux knows what
// the sequences in it do.
func lastScreen(text []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tmux")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, socket := filepath.Join(dir, "text"), filepath.Join(dir, "s")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	tmux := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "tmux", append([]string{"-S", socket, "-f", os.DevNull, "-u"}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("tmux %q: %w: %s", args, err, out)
		}
		return string(out), err
	}
	show := fmt.Sprintf("cat '%s'; tmux -S '%s' wait-for -S shown; read -r end", file, socket)
	if _, err := tmux("new-session", "-d", "-x", fmt.Sprint(columns), "-y", "200", "sh", "-c", show); err != nil {
		return "", err
	}
	defer func() { _, _ = tmux("kill-server") }()
	if _, err := tmux("wait-for", "shown"); err != nil {
		return "", err
	}
	screen, err := tmux("capture-pane", "-p", "-e")
	return strings.TrimRight(screen, "\n "), err
}

// colours are those of the sixteen that the program uses, on a dark ground.
var colours = map[string]string{"31": "#ff7b72", "32": "#3fb950", "33": "#f2cc60", "36": "#76e3ea"}

var rendition = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// drawing is a screen as an SVG.
func drawing(screen string) string {
	const left, top, lineHeight, charWidth = 16, 32, 18, 7.83
	lines := strings.Split(screen, "\n")
	// The last line is the prompt that waits.
	lines = lines[:len(lines)-1]
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13">`+"\n",
		left*2+columns*charWidth, len(lines)*lineHeight+top)
	b.WriteString(`<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>` + "\n")
	style := ""
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#d0d7de" xml:space="preserve">`, left, top+i*lineHeight)
		at := 0
		for _, m := range append(rendition.FindAllStringSubmatchIndex(line, -1), []int{len(line), len(line), 0, 0}) {
			b.WriteString(span(line[at:m[0]], style))
			if at = m[1]; m[1] > m[0] {
				style = styled(style, line[m[2]:m[3]])
			}
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// styled is the style after the parameters of a sequence.
func styled(style, parameters string) string {
	for _, p := range strings.Split(parameters, ";") {
		switch {
		case p == "" || p == "0":
			style = ""
		case p == "1":
			style += ` font-weight="bold"`
		case p == "2":
			style += ` fill-opacity="0.6"`
		case p == "39":
			style = regexp.MustCompile(` fill="[^"]*"`).ReplaceAllString(style, "")
		case colours[p] != "":
			style = regexp.MustCompile(` fill="[^"]*"`).ReplaceAllString(style, "") + ` fill="` + colours[p] + `"`
		}
	}
	return style
}

func span(text, style string) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	if text == "" || style == "" {
		return text
	}
	return "<tspan" + style + ">" + text + "</tspan>"
}
