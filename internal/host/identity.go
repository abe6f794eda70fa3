package host

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
)

// Run is who runs. Fields that a host does not tell are empty, ID and Attempt
// never are.
type Run struct {
	// ID names the run among those of its repository; on GitHub among all.
	ID string
	// Attempt counts re-runs of the same run, from 1.
	Attempt string
	// Job and Step are the part of the run that this process is.
	Job, Step string
	// AllJobs reports whether a rollback covers what any job of the run deployed, since no
	// step of a job runs after one that failed.
	AllJobs bool
	// Axis tells the copies of one job in a matrix apart.
	Axis string
	// Began is when the host began the run, in the host's own form. It tells runs
	// apart on a user's machine, where woodpecker-cli exec and drone exec number
	// each of them 0.
	Began string
	// Repository is owner/name, Commit a full hash.
	Repository, Commit string
	// URL shows the run in a browser, CommitURL the commit.
	URL, CommitURL string
	// Actor started the run.
	Actor string
	// Pipeline is the name of the workflow and Number counts its runs: Harness'
	// pipeline.name and pipeline.sequenceId.
	Pipeline, Number string
	// Scope begins the key of every process whose changes a rollback of this run
	// undoes; "" in a terminal, where every command is a run of its own. Part is
	// the rest of this process's key.
	Scope, Part string
}

// Key tells this process's part of a run from every other. It is made of letters,
// digits, and the signs _ . - alone.
func (r Run) Key() string { return strings.Trim(r.Scope+"-"+r.Part, "-") }

// names are the scope of a run and the part of this process in it. On GitHub the
// number of a run is unique; elsewhere each repository counts its own.
func (h *Host) names(r Run) (scope, part string) {
	switch {
	case h.isActions():
		return joinNames(r.ID, r.Attempt, r.Job), joinNames(r.Step)
	case h.kind == Woodpecker || h.kind == Drone:
		began := ""
		if strings.Trim(r.ID, "0") == "" {
			began = r.Began
		}
		return joinNames(r.Repository, r.ID, began, r.Job, r.Axis), joinNames(r.Step)
	case h.kind == Harness || h.isGitLab():
		// On GitLab the job that rolls back is another than the one that deployed. The
		// stages of one execution on Harness share its id: a journal's header tells
		// them apart, so that a rollback says whose it leaves alone.
		return joinNames(r.Repository, r.ID), joinNames(r.Job, r.Axis, r.Step)
	}
	return "", joinNames(r.ID, r.Attempt)
}

func (h *Host) isGitLab() bool { return h.kind == Terminal && h.env["GITLAB_CI"] == "true" }

func joinNames(names ...string) string {
	var parts []string
	for _, name := range names {
		if name != "" {
			parts = append(parts, namePart(name))
		}
	}
	return strings.Join(parts, "-")
}

// maxNamePart bounds what one name adds to a file's name, which holds 255 bytes.
const maxNamePart = 48

func namePart(name string) string {
	part := fileName(name)
	if len(part) <= maxNamePart {
		return part
	}
	sum := sha256.Sum256([]byte(name))
	return part[:maxNamePart-9] + "." + hex.EncodeToString(sum[:4])
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
	r.Scope, r.Part = h.names(r)
	return r
}

func (h *Host) githubRun() Run {
	r := Run{
		ID:         h.env["GITHUB_RUN_ID"],
		Attempt:    h.env["GITHUB_RUN_ATTEMPT"],
		Job:        h.env["GITHUB_JOB"],
		Step:       h.env["GITHUB_ACTION"],
		Axis:       h.env["RUNNER_NAME"],
		Repository: h.env["GITHUB_REPOSITORY"],
		Commit:     h.env["GITHUB_SHA"],
		Actor:      cmp.Or(h.env["GITHUB_TRIGGERING_ACTOR"], h.env["GITHUB_ACTOR"]),
		Pipeline:   h.env["GITHUB_WORKFLOW"],
		Number:     h.env["GITHUB_RUN_NUMBER"],
	}
	if r.Repository != "" && r.ID != "" {
		server := strings.TrimSuffix(cmp.Or(h.env["GITHUB_SERVER_URL"], "https://github.com"), "/")
		r.URL = server + "/" + r.Repository + "/actions/runs/" + r.ID
		if r.Commit != "" {
			r.CommitURL = server + "/" + r.Repository + "/commit/" + r.Commit
		}
	}
	return r
}

func (h *Host) woodpeckerRun() Run {
	return Run{
		ID:         h.env["CI_PIPELINE_NUMBER"],
		Job:        h.env["CI_WORKFLOW_NAME"],
		Step:       h.env["CI_STEP_NAME"],
		Axis:       h.env["CI_WORKFLOW_NUMBER"],
		Began:      h.env["CI_PIPELINE_STARTED"],
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
		Began:      cmp.Or(h.env["DRONE_STAGE_STARTED"], h.env["DRONE_BUILD_STARTED"]),
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
	r.Axis = h.env["HARNESS_NODE_INDEX"]
	r.Step = cmp.Or(h.env["HARNESS_STEP_ID"], r.Step)
	r.Pipeline = cmp.Or(h.env["HARNESS_PIPELINE_ID"], r.Pipeline)
	r.Number = cmp.Or(h.env["HARNESS_BUILD_ID"], r.Number)
	return r
}

// terminalRun makes up an id: the time, so that the user finds the journal, and
// six random digits, so that two terminals differ. GitLab is known by its own
// names, since it has no plugins and runs the program as a terminal does.
func (h *Host) terminalRun() Run {
	if h.isGitLab() {
		return Run{
			ID:         h.env["CI_PIPELINE_ID"],
			Job:        h.env["CI_JOB_NAME"],
			AllJobs:    true,
			Step:       h.env["CI_JOB_ID"],
			Axis:       h.env["CI_NODE_INDEX"],
			Began:      h.env["CI_PIPELINE_CREATED_AT"],
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
