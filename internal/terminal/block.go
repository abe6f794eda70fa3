package terminal

import (
	"fmt"
	"strings"
)

// Block is a few lines at the end of what a terminal shows, which are drawn anew
// whenever they change. The zero value shows nothing.
type Block struct {
	// drawn are the widths of the lines that the terminal shows.
	drawn []int
}

// Shown reports whether there is something to erase.
func (b *Block) Shown() bool { return len(b.drawn) > 0 }

// Erase is what removes the block from a terminal that is so many columns wide
// now: the cursor is where the block began then.
func (b *Block) Erase(columns int) string {
	up := b.up(columns)
	b.drawn = nil
	if up == "" {
		return ""
	}
	return up + "\x1b[J"
}

// up leads the cursor to where the block began. A terminal that became narrower
// shows a line that does not fit any longer in several rows.
func (b *Block) up(columns int) string {
	if len(b.drawn) == 0 {
		return ""
	}
	rows := 0
	for _, width := range b.drawn {
		rows += max(1, (width+columns-1)/max(1, columns))
	}
	return fmt.Sprintf("\r\x1b[%dA", rows)
}

// Draw is what shows the lines instead of those that are shown: in one write, and
// over the old ones, so that nothing flickers. The cursor is below them then. A
// line that is too wide is cut: the last column stays free, because terminals
// differ in what they do after it.
func (b *Block) Draw(lines []Line, columns int, colour bool) string {
	var out strings.Builder
	out.WriteString(b.up(columns))
	b.drawn = b.drawn[:0]
	for _, line := range lines {
		line = line.Cut(columns - 1)
		b.drawn = append(b.drawn, line.Width())
		out.WriteString(line.Render(colour) + "\x1b[K\n")
	}
	out.WriteString("\x1b[J")
	return out.String()
}
