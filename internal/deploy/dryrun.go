package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// dryRunLimit is the largest zip, in bytes, that is sent twice.
const dryRunLimit = 4 << 20

// trial is new code that AWS is asked to check, for all functions that get it.
type trial struct {
	first Planned
	step  plan.UpdateCode
	// others is how many further functions get the same code.
	others int
}

// trialKey is what the answer depends on: who asks where, the code, and what AWS
// compares it with. Layers count against the same limit of unzipped bytes as the
// code does (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
type trialKey struct {
	journal.Target
	code, architectures, signing, layers, keys string
}

// dryRuns are the trials of the new code of functions that exist: one for each
// artifact, architecture and code signing configuration. An emulator may not know
// DryRun and change the function: only AWS and the embedded AWS are asked.
func dryRuns(planned []Planned) []*trial {
	var all []*trial
	known := map[trialKey]*trial{}
	for _, p := range planned {
		if p.emulated() {
			continue
		}
		for _, s := range p.Plan.Steps {
			s, updates := s.(plan.UpdateCode)
			if !updates || !p.Artifact.Direct() || s.Code.ZipPath != "" && s.Code.Size > dryRunLimit {
				continue
			}
			key := keyOf(p, s)
			if t := known[key]; t != nil {
				t.others++
				continue
			}
			known[key] = &trial{first: p, step: s}
			all = append(all, known[key])
		}
	}
	return all
}

func keyOf(p Planned, s plan.UpdateCode) trialKey {
	at := p.At
	at.Function = ""
	signing := p.Before.CodeSigning
	if named := p.Want.Function.CodeSigningConfigArn; named != nil {
		signing = *named
	}
	return trialKey{
		Target: at, code: s.Code.Sha256 + " " + s.Code.ImageUri + " " + s.Code.S3Bucket + "/" + s.Code.S3Key + "?" + s.Code.S3ObjectVersion,
		architectures: strings.Join(s.Architectures, " "), signing: signing,
		layers: strings.Join(p.Before.Latest.Function.Merge(p.Want.Function).Layers, " "),
		keys:   s.Code.SourceKMSKeyArn + " " + s.Code.S3ObjectStorageMode,
	}
}

// changesLayers reports whether the deployment changes the layers, too: AWS checks the code
// with the current ones.
func (t *trial) changesLayers() bool {
	want := t.first.Want.Function.Layers
	return want != nil && !slices.Equal(want, t.first.Before.Latest.Layers)
}

// run lets AWS check the code. What is not a clear no, such as a call that is
// throttled, stops nothing.
func (t *trial) run(ctx context.Context) error {
	_, err := t.first.API.UpdateCode(ctx, lambdaapi.CodeUpdate{
		Function: t.first.At.Function, Code: t.step.Code, Architectures: t.step.Architectures,
		RevisionId: t.first.Before.Latest.RevisionId, DryRun: true,
	})
	switch {
	case !refused(err):
		return nil
	case awsfacts.IsTooLargeWithLayers(err.Error()) && t.changesLayers():
		return nil // the deployment changes the layers first
	case t.others > 0:
		return fmt.Errorf("AWS refuses the code, which %d more functions get: %w", t.others, err)
	}
	return fmt.Errorf("AWS refuses the code: %w", err)
}
