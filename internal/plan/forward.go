package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Wanted is what a deployment is asked for.
type Wanted struct {
	Function definition.Function
	Aliases  []definition.Alias
	Code     definition.Code
	// Marker goes into the description of the published version.
	Marker Marker
	// Run is the id that tags a created function.
	Run string
	// StagingBucket reports whether rollback has a place for a zip above 50 MB.
	StagingBucket bool
	// Settings are what else the deployment sets around the function.
	Settings definition.Settings
	// Traffic is how the traffic of existing aliases shifts to the new version.
	Traffic traffic.Schedule
	// CodeDeploy, where it is set, shifts the traffic instead: one group for each alias.
	CodeDeploy *traffic.Group
	// ShiftTo, where it is set, is a version that is published already: nothing
	// is deployed, and the aliases move to it.
	ShiftTo string
	// Follow is what a shift to ShiftTo does besides, where it goes on with a run that
	// was interrupted, and nothing else; nil for a shift that begins.
	Follow *Follow
}

// inlineLimit is the largest zip that Lambda takes inside a request, in bytes.
const inlineLimit = 52_428_800

// Forward plans the deployment of w over the current state: configuration, code, one
// publication, aliases, tags, in this order.
func Forward(w Wanted, o Observation) Plan {
	switch {
	case w.ShiftTo != "":
		return shift(w, o)
	case o.Latest == nil:
		return create(w, o)
	}
	f := forward{w: w, o: o, plan: Plan{Function: w.Function.FunctionName}}
	f.compare()
	f.restorePoint()
	f.steps()
	f.irreversible()
	return f.plan
}

func create(w Wanted, o Observation) Plan {
	p := Plan{Function: w.Function.FunctionName}
	f := packaged(definition.CreateBody(w.Function), w.Code)
	f.Tags = maps.Clone(f.Tags)
	if f.Tags == nil {
		f.Tags = map[string]string{}
	}
	f.Tags[RunTag] = w.Run
	p.Changes = append(p.Changes, definition.Change{Field: "Function", To: f.FunctionName, Kind: definition.Set})
	p.Changes = append(p.Changes, definition.Creation(w.Function)...)
	p.Changes = append(p.Changes, definition.Change{Field: "Code", To: w.Code.Sha256, Kind: definition.Set})
	for _, name := range definition.MissingForCreation(f, *f.PackageType) {
		p.Blockers = append(p.Blockers, fmt.Sprintf("function %s does not exist yet, and a new one needs a %s: name it in the definition", f.FunctionName, name))
	}
	p.Steps = []Step{
		CreateFunction{Function: f, Code: w.Code},
		PublishVersion{Description: w.Marker.String()},
	}
	for _, a := range w.Aliases {
		if w.CodeDeploy != nil {
			p.Blockers = append(p.Blockers, noAliasToHandOver(a.Name))
		}
		p.Steps = append(p.Steps, CreateAlias{Name: a.Name, Description: a.Description})
		p.Changes = append(p.Changes, definition.Change{Field: "Aliases." + a.Name, To: NewVersion, Kind: definition.Set})
	}
	if f.CapacityProviderConfig != nil && len(w.Aliases) == 0 {
		p.Steps = append(p.Steps, PublishLatest{Description: w.Marker.String(), New: true})
	}
	p.settings(w, o)
	return p
}

// packaged is a function with the kind of its code, which creation has to name
// for an image and no update can change.
func packaged(f definition.Function, code definition.Code) definition.Function {
	if f.PackageType == nil {
		kind := "Zip"
		if code.ImageUri != "" {
			kind = "Image"
		}
		f.PackageType = &kind
	}
	return f
}

// forward collects the plan for a function that exists.
type forward struct {
	w    Wanted
	o    Observation
	plan Plan

	patch       definition.Function
	config      bool
	code        bool
	signing     bool
	tags        map[string]string
	untag       []string
	publish     bool
	needsReturn bool
}

func (f *forward) compare() {
	latest := f.o.Latest
	have := latest.Function
	have.CodeSigningConfigArn = &f.o.CodeSigning
	d := definition.Diff(packaged(f.w.Function, f.w.Code), have)
	f.patch, f.config, f.signing, f.code = d.Patch, len(d.Changes) > 0, len(d.CodeSigning) > 0, len(d.Architectures) > 0
	f.plan.Changes = slices.Concat(d.Changes, d.CodeSigning, d.Architectures)
	f.compareCode()
	if f.w.Function.Tags != nil {
		var changes []definition.Change
		f.tags, f.untag, changes = definition.DiffTags(f.w.Function.Tags, latest.Tags)
		f.plan.Changes = append(f.plan.Changes, changes...)
	}
	for _, c := range d.Immutable {
		f.plan.Blockers = append(f.plan.Blockers, fmt.Sprintf("%s is %s and cannot become %s: no call updates it", c.Field, orNone(c.From), orNone(c.To)))
	}
	if status, failed := latest.Failed(); failed {
		f.plan.Irreversible = append(f.plan.Irreversible, fmt.Sprintf("the function is in a failed state already: %s (%s)", status.Reason, status.Code))
	}
}

func (f *forward) compareCode() {
	latest := f.o.Latest
	code := f.w.Code
	switch {
	case code.Sha256 != latest.CodeSha256:
		f.code = true
		f.plan.Changes = append(f.plan.Changes, definition.Change{Field: "Code", From: latest.CodeSha256, To: code.Sha256, Kind: definition.Changed})
	case !sameStorage(code, latest):
		f.code = true
		f.plan.Changes = append(f.plan.Changes, definition.Change{Field: "Code.S3ObjectStorageMode", From: storage(latest), To: orNone(code.S3ObjectStorageMode), Kind: definition.Changed})
	case code.SourceKMSKeyArn != "" && code.SourceKMSKeyArn != latest.SourceKMSKeyArn:
		f.code = true
		f.plan.Changes = append(f.plan.Changes, definition.Change{Field: "Code.SourceKMSKeyArn", From: latest.SourceKMSKeyArn, To: code.SourceKMSKeyArn, Kind: definition.Changed})
	}
}

const reference = "REFERENCE"

// sameStorage compares how the code is kept: AWS' own copy, or a reference to
// one version of one object.
func sameStorage(code definition.Code, latest *definition.Observed) bool {
	if code.S3ObjectStorageMode != reference {
		return latest.ResolvedS3Object == nil || code.S3ObjectStorageMode == ""
	}
	r := latest.ResolvedS3Object
	return r != nil && r.S3Bucket == code.S3Bucket && r.S3Key == code.S3Key && r.S3ObjectVersion == code.S3ObjectVersion
}

func storage(o *definition.Observed) string {
	if o.ResolvedS3Object != nil {
		return reference
	}
	return "COPY"
}

// restorePoint finds the version that holds the current state, so that Lambda
// keeps code and environment for the rollback.
func (f *forward) restorePoint() {
	standing := f.existingPoint()
	f.needsReturn = f.config || f.code
	switch {
	case standing != "":
		f.plan.RestorePoint = standing
		if !f.needsReturn {
			f.plan.Version = standing
		}
	case f.needsReturn:
		f.plan.Steps = append(f.plan.Steps, PublishRestorePoint{Description: f.w.Marker.RestorePoint()})
	}
	f.publish = f.needsReturn || standing == ""
}

// existingPoint is a version that holds the state of $LATEST: the one that the
// first alias points to, or the one that shares its traffic; "" where neither
// does.
func (f *forward) existingPoint() string {
	served := f.o.Served
	if served == nil {
		return ""
	}
	for _, c := range append([]*definition.Observed{served}, f.o.Canaries(f.w.Aliases)...) {
		if c.Version != Latest && SameContent(c, f.o.Latest) {
			return c.Version
		}
	}
	return ""
}

func (f *forward) steps() {
	f.leaveLatest()
	if f.signing {
		f.plan.Steps = append(f.plan.Steps, setCodeSigning(*f.w.Function.CodeSigningConfigArn))
	}
	if f.config {
		f.plan.Steps = append(f.plan.Steps, UpdateConfiguration{Patch: f.patch})
	}
	if f.code {
		architectures := f.w.Function.Architectures
		if len(architectures) == 0 {
			architectures = f.o.Latest.Architectures
		}
		f.plan.Steps = append(f.plan.Steps, UpdateCode{Code: f.w.Code, Architectures: architectures})
	}
	if f.publish {
		f.plan.Steps = append(f.plan.Steps, PublishVersion{Description: f.w.Marker.String()})
	}
	f.aliases()
	f.publishLatest()
	f.tagSteps()
	f.plan.settings(f.w, f.o)
}

// setCodeSigning sets the configuration, or removes it where the ARN is "".
func setCodeSigning(arn string) Step {
	if arn == "" {
		return DeleteCodeSigning{}
	}
	return PutCodeSigning{Arn: arn}
}

// irreversible collects what a rollback could not restore.
func (f *forward) irreversible() {
	latest := f.o.Latest
	for _, u := range latest.Unreadable {
		if f.writes(u.Field) {
			f.plan.Irreversible = append(f.plan.Irreversible, fmt.Sprintf("%s cannot be read: %s", subjectOf(u.Field), u.Reason))
		}
	}
	if f.code && latest.ResolvedImageUri == "" && latest.ResolvedS3Object == nil && latest.CodeSize > inlineLimit && !f.w.StagingBucket {
		f.plan.Irreversible = append(f.plan.Irreversible, fmt.Sprintf("the current code is a zip of %d bytes; without staging-bucket a rollback can upload at most %d: set staging-bucket", latest.CodeSize, inlineLimit))
	}
	if old := latest.Runtime; f.patch.Runtime != nil && old != nil && definition.RuntimeRefused(*old) {
		f.plan.Irreversible = append(f.plan.Irreversible, fmt.Sprintf("Lambda no longer accepts the current runtime %s, so the function could not return to it", *old))
	}
	if f.config && f.code && f.latestServes() {
		f.plan.Warnings = append(f.plan.Warnings, "configuration and code both change, in two calls: callers of $LATEST see the new configuration with the old code for a moment; callers of an alias or a version do not")
	}
}

// writes reports whether the deployment, and so its rollback, writes a field that
// GetFunction may not be able to show.
func (f *forward) writes(field string) bool {
	switch field {
	case "Tags":
		return len(f.tags)+len(f.untag) > 0
	case "Code":
		return f.code
	case "Environment":
		// Another key encrypts the variables anew.
		return f.patch.Environment != nil || f.patch.KMSKeyArn != nil
	case "ImageConfig":
		return f.patch.ImageConfig != nil
	case "RuntimeVersionConfig":
		return f.patch.Runtime != nil
	}
	return f.needsReturn
}

func subjectOf(field string) string {
	if field == "Tags" {
		return "the tags"
	}
	return field
}

// latestServes reports whether callers are meant to use $LATEST: where no alias is
// deployed, or one points to it. Where there are aliases, who calls past them
// cannot be seen without asking everybody.
func (f *forward) latestServes() bool {
	for _, a := range f.o.Aliases {
		if a != nil && (a.Version == Latest || a.Weights[Latest] > 0) {
			return true
		}
	}
	return len(f.w.Aliases) == 0
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
