package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// History is what is known of a function's versions, ready to be shown.
type History struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Sources are those that were asked, with how far each reaches.
	Sources []HistorySource `json:"sources"`
	// Versions are the published ones, the newest first; More is how many older ones
	// are left out.
	Versions []HistoryVersion `json:"versions"`
	More     int              `json:"more,omitempty"`
}

// HistorySource is where a part of a History is known from.
type HistorySource struct {
	Name string `json:"name"`
	// From is since when nothing is missing, where the source knows that.
	From *time.Time `json:"from,omitempty"`
	// Note is why the source says nothing, or how much it has.
	Note string `json:"note,omitempty"`
}

// HistoryVersion is a published version.
type HistoryVersion struct {
	Version    string     `json:"version"`
	Published  *time.Time `json:"published,omitempty"`
	Repository string     `json:"repository,omitempty"`
	Commit     string     `json:"commit,omitempty"`
	Run        string     `json:"run,omitempty"`
	RunURL     string     `json:"runUrl,omitempty"`
	CodeSha256 string     `json:"codeSha256"`
	// CodeSize is in bytes.
	CodeSize int64 `json:"codeSize"`
	// Description is that of a version that this program did not publish.
	Description string `json:"description,omitempty"`
	// RestorePoint is set where it keeps the state from before a deployment.
	RestorePoint bool `json:"restorePoint,omitempty"`
	// Served are the times in which aliases sent it traffic, the latest first.
	Served []Served `json:"served"`
}

// Served is a time in which an alias sent traffic to a version.
type Served struct {
	Alias   string     `json:"alias"`
	Percent float64    `json:"percent"`
	From    *time.Time `json:"from,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Now     bool       `json:"now"`
	// Before is what the alias pointed to before.
	Before string `json:"before,omitempty"`
	By     string `json:"by,omitempty"`
	Run    string `json:"run,omitempty"`
	Source string `json:"source,omitempty"`
}

// minute is how a time is shown: in UTC, as CloudTrail's console does.
const minute = "2006-01-02 15:04"

// Text is the history for a terminal.
func (h History) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s, times in UTC\n", h.Function, h.Region)
	for _, s := range h.Sources {
		line := "  " + s.Name
		if s.From != nil {
			line += " since " + s.From.UTC().Format(minute)
		}
		if s.Note != "" {
			line += ": " + s.Note
		}
		b.WriteString(line + "\n")
	}
	for _, v := range h.Versions {
		b.WriteString("\n" + v.headline() + "\n")
		for _, line := range v.details() {
			b.WriteString("    " + line + "\n")
		}
	}
	if len(h.Versions) == 0 {
		b.WriteString("\nno version was published\n")
	}
	if h.More > 0 {
		fmt.Fprintf(&b, "\nand %s; --limit shows more\n", count(h.More, "older version"))
	}
	return b.String()
}

func (v HistoryVersion) headline() string {
	line := v.Version
	if v.Published != nil {
		line += "  " + v.Published.UTC().Format(minute)
	}
	if v.Commit != "" {
		line += "  " + v.Commit
	}
	line += "  " + shortened(v.CodeSha256, 12) + "  " + Size(v.CodeSize)
	if v.RestorePoint {
		line += "  restore point"
	}
	return line
}

func (v HistoryVersion) details() []string {
	var lines []string
	switch {
	case v.Run != "":
		line := "run " + v.Run
		if v.Repository != "" {
			line += " of " + v.Repository
		}
		lines = append(lines, line)
	case v.Description != "":
		lines = append(lines, shown(v.Description))
	}
	if v.RunURL != "" {
		lines = append(lines, v.RunURL)
	}
	for _, s := range v.Served {
		lines = append(lines, s.String())
	}
	return lines
}

// String is one line: which alias, how much, from when until when, by whom.
func (s Served) String() string {
	line := s.Alias
	if s.Percent != 100 {
		line += " " + strconv.FormatFloat(s.Percent, 'f', -1, 64) + "%"
	}
	switch {
	case s.From != nil && s.Now:
		line += " since " + s.From.UTC().Format(minute)
	case s.Now:
		line += " now"
	case s.From != nil:
		line += " " + s.From.UTC().Format(minute)
	}
	if s.Until != nil {
		line += " until " + s.Until.UTC().Format(minute)
	}
	if s.Before != "" {
		line += ", before: " + s.Before
	}
	if s.By != "" {
		line += ", by " + shown(s.By)
	}
	if s.Source != "" {
		line += " (" + s.Source + ")"
	}
	return line
}

func shortened(text string, length int) string {
	if len(text) <= length {
		return text
	}
	return text[:length] + "…"
}
