package host

import (
	"cmp"
	"encoding/hex"
	"io"
	"strings"
)

// Run says who runs. Fields that a host does not know are empty, ID and Attempt
// never are.
type Run struct {
	// ID names the run among those of its repository; on GitHub among all.
	ID string
	// Attempt counts re-runs of the same run, from 1.
	Attempt string
	// Job and Step say which part of the run this process is.
	Job, Step string
	// Repository is owner/name, Commit a full hash.
	Repository, Commit string
	// URL shows the run to a person.
	URL string
	// Actor started the run.
	Actor string
	// Pipeline is the name of the workflow and Number counts its runs: Harness'
	// pipeline.name and pipeline.sequenceId.
	Pipeline, Number string
}

// Key tells this process's part of a run from every other.
func (r Run) Key() string {
	var parts []string
	for _, p := range []string{r.ID, r.Attempt, r.Job, r.Step} {
		if p != "" {
			parts = append(parts, fileName(p))
		}
	}
	return strings.Join(parts, "-")
}

func (h *Host) identify() Run {
	var r Run
	switch h.kind {
	case GitHub, Act:
		r = h.githubRun()
	case Woodpecker:
		r = h.woodpeckerRun()
	case Drone:
		r = h.droneRun()
	case Harness:
		r = h.harnessRun()
	case Terminal, Plugin:
		r = h.terminalRun()
	}
	r.ID = cmp.Or(r.ID, "unknown")
	r.Attempt = cmp.Or(r.Attempt, "1")
	return r
}

func (h *Host) githubRun() Run {
	r := Run{
		ID:         h.env["GITHUB_RUN_ID"],
		Attempt:    h.env["GITHUB_RUN_ATTEMPT"],
		Job:        h.env["GITHUB_JOB"],
		Step:       h.env["GITHUB_ACTION"],
		Repository: h.env["GITHUB_REPOSITORY"],
		Commit:     h.env["GITHUB_SHA"],
		Actor:      cmp.Or(h.env["GITHUB_TRIGGERING_ACTOR"], h.env["GITHUB_ACTOR"]),
		Pipeline:   h.env["GITHUB_WORKFLOW"],
		Number:     h.env["GITHUB_RUN_NUMBER"],
	}
	if r.Repository != "" && r.ID != "" {
		server := strings.TrimSuffix(cmp.Or(h.env["GITHUB_SERVER_URL"], "https://github.com"), "/")
		r.URL = server + "/" + r.Repository + "/actions/runs/" + r.ID
	}
	return r
}

func (h *Host) woodpeckerRun() Run {
	return Run{
		ID:         h.env["CI_PIPELINE_NUMBER"],
		Job:        h.env["CI_WORKFLOW_NAME"],
		Step:       h.env["CI_STEP_NAME"],
		Repository: h.env["CI_REPO"],
		Commit:     h.env["CI_COMMIT_SHA"],
		URL:        h.env["CI_PIPELINE_URL"],
		Actor:      cmp.Or(h.env["CI_PIPELINE_AUTHOR"], h.env["CI_COMMIT_AUTHOR"]),
		Pipeline:   h.env["CI_WORKFLOW_NAME"],
		Number:     h.env["CI_PIPELINE_NUMBER"],
	}
}

func (h *Host) droneRun() Run {
	return Run{
		ID:         h.env["DRONE_BUILD_NUMBER"],
		Job:        h.env["DRONE_STAGE_NAME"],
		Step:       h.env["DRONE_STEP_NAME"],
		Repository: h.env["DRONE_REPO"],
		Commit:     h.env["DRONE_COMMIT_SHA"],
		URL:        h.env["DRONE_BUILD_LINK"],
		Actor:      cmp.Or(h.env["DRONE_BUILD_TRIGGER"], h.env["DRONE_COMMIT_AUTHOR"]),
		Pipeline:   h.env["DRONE_STAGE_NAME"],
		Number:     h.env["DRONE_BUILD_NUMBER"],
	}
}

func (h *Host) harnessRun() Run {
	r := h.droneRun()
	r.ID = cmp.Or(h.env["HARNESS_EXECUTION_ID"], h.env["HARNESS_BUILD_ID"], r.ID)
	r.Job = cmp.Or(h.env["HARNESS_STAGE_ID"], r.Job)
	r.Step = cmp.Or(h.env["HARNESS_STEP_ID"], r.Step)
	r.Pipeline = cmp.Or(h.env["HARNESS_PIPELINE_ID"], r.Pipeline)
	r.Number = cmp.Or(h.env["HARNESS_BUILD_ID"], r.Number)
	return r
}

// terminalRun makes up an id: the time, so that a person finds the journal, and
// six random digits, so that two terminals differ. GitLab is known by its own
// names, since it has no plugins and runs the program as a terminal does.
func (h *Host) terminalRun() Run {
	if h.env["GITLAB_CI"] == "true" {
		return Run{
			ID:         h.env["CI_PIPELINE_ID"],
			Job:        h.env["CI_JOB_NAME"],
			Step:       h.env["CI_JOB_ID"],
			Repository: h.env["CI_PROJECT_PATH"],
			Commit:     h.env["CI_COMMIT_SHA"],
			URL:        h.env["CI_JOB_URL"],
			Actor:      h.env["GITLAB_USER_LOGIN"],
			Pipeline:   h.env["CI_PROJECT_NAME"],
			Number:     h.env["CI_PIPELINE_IID"],
		}
	}
	id := make([]byte, 3)
	// Without random bytes the time alone has to do; the journal's own lock
	// keeps two runs apart.
	_, _ = io.ReadFull(h.options.Rand, id)
	return Run{
		ID:    h.options.Now().UTC().Format("20060102T150405") + "-" + hex.EncodeToString(id),
		Actor: cmp.Or(h.env["USER"], h.env["LOGNAME"]),
	}
}
