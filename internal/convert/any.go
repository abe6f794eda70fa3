package convert

import (
	"path"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// Result is what files were converted to: the workflow first, then what it needs.
type Result struct {
	Files []File
	// Stops is at how many places the workflow fails, because there is no equivalent.
	Stops int
}

// Convert converts a Harness pipeline with the files that it refers to, or the steps
// of a workflow or of a pipeline of Drone that use another tool.
func Convert(file File, files []File) (Result, diag.List) {
	if hasSteps(file) {
		return peerSteps(file)
	}
	w, problems := Pipeline(file, files)
	if problems.Err() != nil {
		return Result{}, problems
	}
	return Result{append([]File{{workflowName(path.Base(file.Name)), w.Text}}, w.Files...), w.Stops}, problems
}

// hasSteps reports a workflow, the metadata of an action, or a pipeline of Drone or
// Woodpecker; a pipeline of Harness has stages.
func hasSteps(f File) bool {
	var doc yaml.Node
	if yaml.Unmarshal(f.Content, &doc) != nil || len(doc.Content) == 0 {
		return false
	}
	root := document.Resolved(doc.Content[0])
	if root.Kind != yaml.MappingNode {
		return false
	}
	if pipeline := get(root, "pipeline"); pipeline != nil {
		return slices.ContainsFunc(document.Resolved(pipeline).Content, func(n *yaml.Node) bool { return get(document.Resolved(n), "image") != nil })
	}
	return get(root, "jobs") != nil || get(root, "runs") != nil || get(root, "steps") != nil
}
