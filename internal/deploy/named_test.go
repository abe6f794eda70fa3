package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// A file that the user names as journal must be one, and nobody's who still needs it:
// whether or not there is anything to change.
func TestATakenJournalIsRefused(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		this := journal.Origin{Host: "woodpecker", Repository: "octo/shop", Pipeline: "7"}
		terminal := journal.Origin{Host: "terminal"}
		other := journal.Origin{Host: "woodpecker", Repository: "octo/pay", Pipeline: "7"}
		earlier := journal.Origin{Host: "woodpecker", Repository: "octo/shop", Pipeline: "6"}
		for _, tt := range []struct {
			what            string
			origin          journal.Origin
			changed         bool
			state           journal.State
			now             journal.Origin
			begin, rollBack string
		}{
			{"another repository's", other, true, journal.Deployed, this, "of repository octo/pay", "of repository octo/pay"},
			{"another repository's, interrupted", other, true, journal.Open, this, "of repository octo/pay", "of repository octo/pay"},
			{"another repository's, settled", other, true, journal.RolledBack, this, "", "of repository octo/pay"},
			{"another repository's, in a terminal", other, true, journal.Deployed, terminal, "", ""},
			{"an earlier step's", this, true, journal.Deployed, this, "earlier step of this run", ""},
			{"an earlier step's that changed nothing", this, false, journal.Kept, this, "", ""},
			{"an earlier step's that was rolled back", this, true, journal.RolledBack, this, "", ""},
			{"an earlier run's", earlier, true, journal.Deployed, this, "", ""},
			{"an interrupted run's", earlier, true, journal.Open, this, "was interrupted", ""},
			{"a terminal's", terminal, true, journal.Deployed, terminal, "", ""},
		} {
			path := filepath.Join(f.dir, strings.ReplaceAll(tt.what, " ", "-")+".jsonl")
			leave(f, path, pipelineHeader("r", tt.origin, time.Now()), tt.state, tt.changed)
			for how, check := range map[string]struct {
				err  error
				says string
			}{
				"begin":     {RefuseTakenJournal(f.Context(), journal.NewFile(path), tt.now), tt.begin},
				"roll back": {RefuseForeignJournal(f.Context(), journal.NewFile(path), tt.now), tt.rollBack},
			} {
				var refused *NotStartedError
				if check.says == "" && check.err != nil || check.says != "" && (!errors.As(check.err, &refused) || !strings.Contains(check.err.Error(), check.says)) {
					f.Errorf("%s, %s: %v", tt.what, how, check.err)
				}
			}
		}
		notes := filepath.Join(f.dir, "notes.txt")
		if err := os.WriteFile(notes, []byte("to do\n"), 0o600); err != nil {
			f.Fatal(err)
		}
		for _, err := range []error{RefuseTakenJournal(f.Context(), journal.NewFile(notes), this), RefuseForeignJournal(f.Context(), journal.NewFile(notes), this)} {
			var refused *NotStartedError
			if !errors.As(err, &refused) || !errors.Is(err, journal.ErrForeign) {
				f.Errorf("a file that is no journal: %v", err)
			}
		}
		if err := RefuseTakenJournal(f.Context(), journal.NewFile(filepath.Join(f.dir, "new.jsonl")), this); err != nil {
			f.Errorf("a file that is not there: %v", err)
		}
	})
}
