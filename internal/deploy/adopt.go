package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/adopt"
	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// ReadFunctions reads the functions whose names match a pattern, as in shop-*, with
// their aliases, and downloads their code into temp. Its error is a
// *NotStartedError.
func ReadFunctions(ctx context.Context, c *Connection, pattern, temp string, parallel int) ([]adopt.Source, error) {
	found, err := c.matching(ctx, pattern)
	if err != nil {
		return nil, notStarted(err)
	}
	var readers []*sourceReader
	for _, p := range found {
		readers = append(readers, &sourceReader{Pruned: p, connection: c, temp: temp})
	}
	if err := each(ctx, parallel, readers, func(ctx context.Context, r *sourceReader) error { return r.read(ctx) }); err != nil {
		return nil, notStarted(err)
	}
	var all []adopt.Source
	for _, r := range readers {
		all = append(all, r.source)
	}
	return all, nil
}

// sourceReader reads one function.
type sourceReader struct {
	*Pruned
	connection *Connection
	temp       string
	source     adopt.Source
}

func (r *sourceReader) read(ctx context.Context) error {
	latest, err := r.api.Find(ctx, r.Function, "")
	switch {
	case err != nil:
		return err
	case latest == nil:
		return fmt.Errorf("there is no function %s in %s", r.Function, r.Region)
	case !latest.Settled():
		return fmt.Errorf("function %s is being updated: try again once that is done", r.Function)
	}
	r.source = adopt.Source{Region: r.Region, Latest: latest, Versions: map[string]*definition.Observed{}}
	if r.source.CodeSigning, err = r.api.CodeSigning(ctx, r.Function); err != nil && !adopt.ExternalCode(latest) {
		return err
	}
	if r.source.Aliases, err = r.api.ListAliases(ctx, r.Function); err != nil {
		return err
	}
	for _, a := range r.source.Aliases {
		if r.source.Versions[a.Version] != nil {
			continue
		}
		if r.source.Versions[a.Version], err = r.api.Find(ctx, r.Function, a.Version); err != nil {
			return err
		}
	}
	if err := r.readSettings(ctx); err != nil {
		return err
	}
	if adopt.ExternalCode(latest) {
		return nil
	}
	if latest.CodeLocation == "" {
		return fmt.Errorf("AWS returns no address for the code of %s", r.Function)
	}
	r.source.Zip, err = artifact.Download(ctx, r.connection.base.HTTPClient(), artifact.Source{URL: latest.CodeLocation, Sha256: latest.CodeSha256}, r.temp)
	return err
}

// readSettings reads what AWS keeps beside the configuration. Where these credentials
// may not, the files do not describe it.
func (r *sourceReader) readSettings(ctx context.Context) error {
	keys := []definition.SettingKey{{Kind: definition.ReservedConcurrencySetting}, {Kind: definition.RecursiveLoopSetting}}
	if r.source.Latest.ResolvedImageUri == "" {
		keys = append(keys, definition.SettingKey{Kind: definition.RuntimeManagementSetting})
	}
	if r.source.Latest.CapacityProviderConfig != nil {
		keys = append(keys, definition.SettingKey{Kind: definition.ScalingSetting, Qualifier: "$LATEST.PUBLISHED"})
	}
	qualifiers := []string{""}
	for _, a := range r.source.Aliases {
		qualifiers = append(qualifiers, a.Name)
		keys = append(keys, definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: a.Name})
	}
	for _, qualifier := range qualifiers {
		for _, kind := range []definition.SettingKind{definition.FunctionURLSetting, definition.EventInvokeSetting} {
			keys = append(keys, definition.SettingKey{Kind: kind, Qualifier: qualifier})
		}
	}
	found, err := r.api.Settings(ctx, r.Function, keys, qualifiers)
	if err == nil {
		err = r.readVersions(ctx, found)
	}
	if err != nil && lambdaapi.Classify(err) == lambdaapi.Denied {
		r.source.NoSettings = err
		return nil
	}
	r.source.Settings = found
	return err
}

// readVersions adds the provisioned concurrency of the versions that aliases without
// one of their own point to: a document names it by the alias.
func (r *sourceReader) readVersions(ctx context.Context, settings plan.Settings) error {
	of := func(qualifier string) definition.SettingKey {
		return definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: qualifier}
	}
	versions := map[string]string{}
	var keys []definition.SettingKey
	for _, a := range r.source.Aliases {
		if settings[of(a.Name)] != nil || a.Version == plan.Latest {
			continue
		}
		versions[a.Name] = a.Version
		if !slices.Contains(keys, of(a.Version)) {
			keys = append(keys, of(a.Version))
		}
	}
	found, err := r.api.Settings(ctx, r.Function, keys, nil)
	for alias, version := range versions {
		if p, has := found[of(version)].(definition.ProvisionedConcurrency); has {
			p.OnVersion = true
			settings[of(alias)] = p
		}
	}
	return err
}
