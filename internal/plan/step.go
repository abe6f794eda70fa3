package plan

import (
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Step is one call that changes something. There is one type for each way in
// which a plan uses an operation; no other package can add one, and every type
// switch over steps names them all.
//
//sumtype:decl
type Step interface {
	// Operation is the operation's name in the API of Lambda, or of CodeDeploy.
	Operation() string
	sealed()
}

// CreateFunction creates the function, tagged with the id of the run.
type CreateFunction struct {
	Function definition.Function
	Code     definition.Code
}

// UpdateConfiguration changes the fields that Patch names.
type UpdateConfiguration struct {
	Patch definition.Function
	// Fence marks a write that changes nothing but the RevisionId, so that a
	// late copy of an earlier call fails its precondition.
	Fence bool
}

// UpdateCode replaces the code of $LATEST.
type UpdateCode struct {
	Code          definition.Code
	Architectures []string
	// Download is the URL from which a rollback fetches the old zip first; ""
	// where Code can be sent as it is.
	Download string
}

// PublishRestorePoint publishes $LATEST before the first change, so that Lambda
// keeps the old code and configuration.
type PublishRestorePoint struct {
	Description string
}

// PublishVersion publishes what was deployed.
type PublishVersion struct {
	Description string
}

// PublishLatest publishes $LATEST to $LATEST.PUBLISHED, which callers without a
// qualifier reach of a function on managed instances.
type PublishLatest struct {
	Description string
	// New reports whether there is none yet.
	New bool
}

// CreateAlias creates an alias on the version that the plan publishes.
type CreateAlias struct {
	Name        string
	Description *string
}

// MoveAlias sends an alias' traffic, or a part of it, to the version that the plan
// publishes or a shift names.
type MoveAlias struct {
	Name string
	// Description is set with the move; nil keeps the current one.
	Description *string
	// Stage is the index of the stage in the schedule of Wanted.
	Stage int
	// Percent of the traffic goes to the new version. Below 100, Base keeps the
	// rest; "" means the restore point that the plan publishes.
	Percent float64
	Base    string
}

// LeaveLatest points an alias from $LATEST to the restore point before $LATEST
// changes: otherwise its callers would get all of the new code at once.
type LeaveLatest struct {
	Name string
}

// UpdateAlias sets an alias to a state that is known when the plan is made.
type UpdateAlias struct {
	Alias definition.Alias
	// Fence marks a write that changes nothing but the RevisionId.
	Fence bool
}

// DeleteAlias deletes an alias that the run created.
type DeleteAlias struct {
	Name string
}

// TagResource sets tags of the function.
type TagResource struct {
	Tags map[string]string
}

// UntagResource removes tags of the function.
type UntagResource struct {
	Keys []string
}

// PutCodeSigning sets the code signing configuration.
type PutCodeSigning struct {
	Arn string
}

// DeleteCodeSigning removes the code signing configuration.
type DeleteCodeSigning struct{}

// DeleteFunction deletes a function that the run created.
type DeleteFunction struct{}

// DeleteVersion deletes a version that the run published and AWS could not
// start.
type DeleteVersion struct {
	Version string
}

// CreateDeployment hands the traffic of an alias to AWS CodeDeploy, which leads it to
// the version that the plan publishes.
type CreateDeployment struct {
	Alias string
	// From is the version that the alias points to.
	From  string
	Group traffic.Group
}

// StopDeployment stops a deployment of CodeDeploy's and waits until the alias is back.
type StopDeployment struct {
	Alias, ID string
}

// Operation returns "CreateFunction".
func (CreateFunction) Operation() string { return "CreateFunction" }

// Operation returns "UpdateFunctionConfiguration".
func (UpdateConfiguration) Operation() string { return "UpdateFunctionConfiguration" }

// Operation returns "UpdateFunctionCode".
func (UpdateCode) Operation() string { return "UpdateFunctionCode" }

// Operation returns "PublishVersion".
func (PublishRestorePoint) Operation() string { return "PublishVersion" }

// Operation returns "PublishVersion".
func (PublishVersion) Operation() string { return "PublishVersion" }

// Operation returns "PublishVersion", which PublishTo sends to $LATEST.PUBLISHED.
func (PublishLatest) Operation() string { return "PublishVersion" }

// Operation returns "CreateAlias".
func (CreateAlias) Operation() string { return "CreateAlias" }

// Operation returns "UpdateAlias".
func (MoveAlias) Operation() string { return "UpdateAlias" }

// Operation returns "UpdateAlias".
func (LeaveLatest) Operation() string { return "UpdateAlias" }

// Operation returns "UpdateAlias".
func (UpdateAlias) Operation() string { return "UpdateAlias" }

// Operation returns "DeleteAlias".
func (DeleteAlias) Operation() string { return "DeleteAlias" }

// Operation returns "TagResource".
func (TagResource) Operation() string { return "TagResource" }

// Operation returns "UntagResource".
func (UntagResource) Operation() string { return "UntagResource" }

// Operation returns "PutFunctionCodeSigningConfig".
func (PutCodeSigning) Operation() string { return "PutFunctionCodeSigningConfig" }

// Operation returns "DeleteFunctionCodeSigningConfig".
func (DeleteCodeSigning) Operation() string { return "DeleteFunctionCodeSigningConfig" }

// Operation returns "DeleteFunction".
func (DeleteFunction) Operation() string { return "DeleteFunction" }

// Operation returns "DeleteFunction": a version is deleted by the same call,
// with a qualifier.
func (DeleteVersion) Operation() string { return "DeleteFunction" }

// Operation returns "CreateDeployment".
func (CreateDeployment) Operation() string { return "CreateDeployment" }

// Operation returns "StopDeployment".
func (StopDeployment) Operation() string { return "StopDeployment" }

func (CreateFunction) sealed()      {}
func (UpdateConfiguration) sealed() {}
func (UpdateCode) sealed()          {}
func (PublishRestorePoint) sealed() {}
func (PublishVersion) sealed()      {}
func (PublishLatest) sealed()       {}
func (CreateAlias) sealed()         {}
func (MoveAlias) sealed()           {}
func (LeaveLatest) sealed()         {}
func (UpdateAlias) sealed()         {}
func (DeleteAlias) sealed()         {}
func (TagResource) sealed()         {}
func (UntagResource) sealed()       {}
func (PutCodeSigning) sealed()      {}
func (DeleteCodeSigning) sealed()   {}
func (DeleteFunction) sealed()      {}
func (DeleteVersion) sealed()       {}
func (CreateDeployment) sealed()    {}
func (StopDeployment) sealed()      {}

// Partial reports whether a version keeps some of the traffic.
func (m MoveAlias) Partial() bool { return m.Percent < 100 }

// Resolve returns the alias that the step leaves behind, once the new version
// and the restore point are known.
func (m MoveAlias) Resolve(version, restorePoint string) definition.Alias {
	a := definition.Alias{Name: m.Name, Description: m.Description, Version: version}
	if !m.Partial() {
		return a
	}
	a.Version = m.Base
	if a.Version == "" {
		a.Version = restorePoint
	}
	if a.Version != version && m.Percent > 0 {
		a.Weights = map[string]float64{version: traffic.Weight(m.Percent)}
	}
	return a
}

// SendsCode reports whether a step carries the artifact.
func SendsCode(s Step) bool {
	switch s.(type) {
	case CreateFunction, UpdateCode:
		return true
	case UpdateConfiguration, PublishRestorePoint, PublishVersion, PublishLatest, CreateAlias, MoveAlias, LeaveLatest, UpdateAlias,
		DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting, CreateDeployment, StopDeployment:
	}
	return false
}

// WithCode returns a step that SendsCode with the code in the form in which it
// goes out, and every other step as it is.
func WithCode(s Step, code definition.Code) Step {
	switch s := s.(type) {
	case CreateFunction:
		s.Code = code
		return s
	case UpdateCode:
		s.Code = code
		return s
	case UpdateConfiguration, PublishRestorePoint, PublishVersion, PublishLatest, CreateAlias, MoveAlias, LeaveLatest, UpdateAlias,
		DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting, CreateDeployment, StopDeployment:
	}
	return s
}

// MovedAlias returns the name of the alias that exists and that a step moves, by
// itself or through CodeDeploy; "" for every other step.
func MovedAlias(s Step) string {
	switch s := s.(type) {
	case MoveAlias:
		return s.Name
	case LeaveLatest:
		return s.Name
	case UpdateAlias:
		return s.Alias.Name
	case CreateDeployment:
		return s.Alias
	case StopDeployment:
		return s.Alias
	case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, PublishLatest, CreateAlias,
		DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting:
	}
	return ""
}

// aliasAfter returns the alias that a step of a deployment leaves behind.
func aliasAfter(s Step, version, restorePoint string) (definition.Alias, bool) {
	switch s := s.(type) {
	case CreateAlias:
		return definition.Alias{Name: s.Name, Description: s.Description, Version: version}, true
	case MoveAlias:
		return s.Resolve(version, restorePoint), true
	case LeaveLatest:
		return definition.Alias{Name: s.Name, Version: restorePoint}, true
	case UpdateAlias:
		return s.Alias, true
	case CreateDeployment:
		return definition.Alias{Name: s.Alias, Version: version}, true
	case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, PublishLatest,
		DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting, StopDeployment:
	}
	return definition.Alias{}, false
}

// Deletes reports whether a step deletes something of the user's and names it:
// "alias live", "version 7", "" for the function itself.
func Deletes(s Step) (name string, deletes bool) {
	switch s := s.(type) {
	case DeleteFunction:
		return "", true
	case DeleteAlias:
		return "alias " + s.Name, true
	case DeleteVersion:
		return "version " + s.Version, true
	case DeleteSetting:
		return s.Key.String(), true
	case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, PublishLatest, CreateAlias, MoveAlias, LeaveLatest,
		UpdateAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, PutSetting, CreateDeployment, StopDeployment:
	}
	return "", false
}
