package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// reportCommand makes the page of a run that is over, or goes on.
func (a *app) reportCommand(ctx context.Context) error {
	found, err := a.findJournals(ctx)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return notStarted(errors.New("no journal was found here: name one with --journal"))
	}
	state, err := a.recorded(ctx, found[0])
	if err != nil {
		return notStarted(err)
	}
	file := a.in.String("report")
	if file != "" {
		err = notStarted(writePage(a.absolute(file), report.Page(state, a.host.Redact)))
	}
	switch {
	case err == nil && a.json():
		return a.printJSON(report.DocumentOf(state, a.host.Redact))
	case file != "":
		return err
	}
	return a.print(report.Page(state, a.host.Redact))
}

// recorded is the run that a journal tells of.
func (a *app) recorded(ctx context.Context, name string) (*journal.RunState, error) {
	store, err := a.openStore(ctx, name)
	if err != nil {
		return nil, err
	}
	state, err := journal.Read(ctx, store)
	if err == nil && state.Header.Run == "" {
		err = fmt.Errorf("there is no journal %s", name)
	}
	return state, err
}

// reportLimit is how long the page of a run may take to make.
const reportLimit = 10 * time.Second

// writeReport writes the page of the run that this process carried out, where it
// is asked to. A page that cannot be written is worth a warning and no more; failure is
// what the run ended with.
func (a *app) writeReport(ctx context.Context, command string, failure error) {
	name := a.progress.journalName()
	if command == "report" || !a.in.Has("report") || a.in.String("report") == "" {
		return
	}
	if name == "" {
		if failure == nil {
			a.log().Line("No report was written: this run changed nothing")
		}
		return
	}
	if ctx.Err() != nil && a.host.PostFollows() {
		return // the few seconds after a signal belong to the journal; post writes the page
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	state, err := a.recorded(ctx, name)
	if err == nil {
		err = writePage(a.absolute(a.in.String("report")), report.Page(state, a.host.Redact))
	}
	if err != nil {
		a.host.Warn("the report was not written: " + err.Error())
	}
}

// writePage replaces a page of this program, and no other file. It follows no
// symbolic link.
func writePage(path, page string) error {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("write the report: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("write the report %s: it is not a regular file; name another", path)
	default:
		old, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if !report.IsPage(old) {
			return fmt.Errorf("write the report %s: the file is not a report of lambda-rollout and is not overwritten; name another", path)
		}
	}
	return replace(path, page)
}

func replace(path, content string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()) //nolint:gosec // a page to be read
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
