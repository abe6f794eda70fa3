package host_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// workflow is a workflow of this repository, as far as its safety is tested.
type workflow struct {
	On          yaml.Node
	Permissions map[string]string
	Env         map[string]string
	Jobs        map[string]workflowJob
}

type workflowJob struct {
	Needs       string
	Container   string
	Permissions map[string]string
	Env         map[string]string
	Outputs     map[string]string
	Steps       []workflowStep
}

type workflowStep struct {
	Name, ID, Uses, Run string
	With, Env           map[string]string
}

func readWorkflow(t *testing.T, name string) workflow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", name))
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// step is the one whose script holds a text.
func (j workflowJob) step(t *testing.T, text string) workflowStep {
	t.Helper()
	i := slices.IndexFunc(j.Steps, func(s workflowStep) bool { return strings.Contains(s.Run, text) })
	if i < 0 {
		t.Fatalf("no step has %q", text)
	}
	return j.Steps[i]
}

var (
	pinnedAction = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	// runsModule is a command that builds a module; its version follows @.
	runsModule = regexp.MustCompile(`go (?:run|install) ([\w.-]+\.[a-z]+/\S+)`)
	exactly    = regexp.MustCompile(`@v\d+\.\d+\.\d+$`)
)

// What a workflow runs of others has one content for ever, no checkout keeps a token,
// and no workflow runs a stranger's code beside secrets.
func TestWorkflowsRunNothingThatCanChange(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ci.yml", "release.yml"} {
		w := readWorkflow(t, name)
		for _, event := range append([]*yaml.Node{&w.On}, w.On.Content...) {
			if event.Value == "pull_request_target" || event.Value == "workflow_run" {
				t.Errorf("%s: begins with %s", name, event.Value)
			}
		}
		if w.Permissions == nil || slices.ContainsFunc([]string{"contents", "packages", "id-token"}, func(p string) bool { return w.Permissions[p] == "write" }) {
			t.Errorf("%s: all jobs have %v", name, w.Permissions)
		}
		for id, job := range w.Jobs {
			for _, s := range job.Steps {
				if s.Uses != "" && !pinnedAction.MatchString(s.Uses) {
					t.Errorf("%s: %s uses %s, which can become another", name, id, s.Uses)
				}
				if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
					t.Errorf("%s: the checkout of %s leaves a token behind", name, id)
				}
				for _, module := range runsModule.FindAllStringSubmatch(s.Run, -1) {
					if !exactly.MatchString(module[1]) {
						t.Errorf("%s: %s runs %s of no certain version", name, id, module[1])
					}
				}
			}
		}
	}
}

// A release is built in an image that is named by its digest, from the head of main,
// and no step has the token but those that push.
func TestAReleaseIsMadeFromMainInAKnownImage(t *testing.T) {
	t.Parallel()
	w := readWorkflow(t, "release.yml")
	first, release := w.Jobs["build-image"], w.Jobs["release"]
	if release.Needs != "build-image" || len(first.Steps) == 0 || first.Steps[0].Run != `test "$GITHUB_REF" = refs/heads/main` {
		t.Errorf("the first step of all is %+v", first.Steps)
	}
	if len(first.Permissions) > 0 || first.Permissions == nil {
		t.Errorf("the job that resolves the tag has %v", first.Permissions)
	}
	if release.Container != "${{ needs.build-image.outputs.image }}" || first.Outputs["image"] != "${{ steps.resolve.outputs.image }}" {
		t.Errorf("it runs in %s, of %v", release.Container, first.Outputs)
	}
	if s := first.step(t, "RepoDigests"); s.ID != "resolve" || !strings.Contains(s.Run, `[[ $image =~ ^golang@sha256:[0-9a-f]{64}$ ]]`) {
		t.Errorf("the image is resolved by %+v", s)
	}
	var order []string
	for _, s := range release.Steps {
		for _, part := range []string{`test "$(git rev-parse HEAD)" = "$(git rev-parse origin/main)"`, `git rev-parse -q --verify "refs/tags/$VERSION"`, ".ci/release", "crane push", "git push"} {
			if strings.Contains(s.Run, part) {
				order = append(order, part)
			}
		}
		token := slices.ContainsFunc(valuesOf(s.Env), func(v string) bool { return strings.Contains(v, "token") })
		if pushes := strings.Contains(s.Run, "crane push") || strings.Contains(s.Run, "git push") || strings.Contains(s.Run, `"$upload?name=`); token != pushes {
			t.Errorf("step %q: it has the token %v, it pushes %v", s.Name, token, pushes)
		}
	}
	if len(order) != 5 || !strings.HasPrefix(order[0], "test ") || order[2] != ".ci/release" {
		t.Errorf("its steps are in the order %q", order)
	}
	for _, env := range []map[string]string{w.Env, release.Env} {
		for name, value := range env {
			if strings.Contains(value, "secrets.") || strings.Contains(value, "token") {
				t.Errorf("all steps have %s: %s", name, value)
			}
		}
	}
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "release"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(script), "docker ") || strings.Contains(string(script), "Dockerfile -") {
		t.Error("a release takes a base image by its tag")
	}
}

func valuesOf(m map[string]string) (all []string) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// Each image has its provenance and the list of its parts attested, by its own digest,
// and both lists are published.
func TestEachImageOfAReleaseHasItsParts(t *testing.T) {
	t.Parallel()
	release := readWorkflow(t, "release.yml").Jobs["release"]
	lists := map[string]string{"scratch": "dist/sbom.spdx.json", "busybox": "dist/sbom-busybox.spdx.json"}
	for image, list := range lists {
		if s := release.step(t, `syft scan "oci-dir:dist/`+image+`"`); !strings.Contains(s.Run, `"oci-dir:dist/`+image+`" -o spdx-json=`+list) {
			t.Errorf("the parts of %s are listed by %s", image, s.Run)
		}
		if s := release.step(t, `"$upload?name=`); !strings.Contains(s.Run, " "+list+" ") {
			t.Errorf("%s is not published: %s", list, s.Run)
		}
		attested := map[string]string{}
		for _, s := range release.Steps {
			if s.With["subject-digest"] == "${{ steps.images.outputs."+image+" }}" {
				action, _, _ := strings.Cut(s.Uses, "@")
				attested[action] = s.With["sbom-path"]
			}
		}
		if want := (map[string]string{"actions/attest-build-provenance": "", "actions/attest-sbom": list}); len(attested) != 2 || attested["actions/attest-sbom"] != list {
			t.Errorf("%s: attested %v, want %v", image, attested, want)
		}
	}
	if s := release.step(t, "crane digest"); !strings.Contains(s.Run, `test "$(crane digest "$IMAGE:$VERSION")" = "$(cat dist/scratch.digest)"`) || !strings.Contains(s.Run, `= "$(cat dist/busybox.digest)"`) {
		t.Errorf("what was pushed is not compared: %s", s.Run)
	}
}
