package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// readSettings reads what a settings document names.
func readSettings(ctx context.Context, api Reader, w plan.Wanted) (plan.Settings, error) {
	var keys []definition.SettingKey
	for _, s := range w.Settings.Wanted(w.Aliases) {
		keys = append(keys, s.SettingKey)
	}
	return api.Settings(ctx, w.Function.FunctionName, keys, w.Settings.Policies(w.Aliases))
}

// readVersions adds the provisioned concurrency that versions have of their own which
// the deployed aliases point to, and who else uses these. A shift whose role may not
// read it releases none.
func readVersions(ctx context.Context, api Reader, w plan.Wanted, o *plan.Observation) error {
	var keys []definition.SettingKey
	for _, version := range plan.ProvisionedVersions(w, *o) {
		keys = append(keys, definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: version})
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := api.Settings(ctx, w.Function.FunctionName, keys, nil)
	switch {
	case w.ShiftTo != "" && lambdaapi.Classify(err) == lambdaapi.Denied:
		return nil
	case err != nil:
		return err
	case o.Settings == nil:
		o.Settings = plan.Settings{}
	}
	used := map[string]string{}
	for key, v := range found {
		if o.Settings[key] = v; v != nil {
			used[key.Qualifier] = ""
		}
	}
	if len(used) == 0 {
		return nil
	}
	aliases, err := api.ListAliases(ctx, w.Function.FunctionName)
	for version := range used {
		if err != nil {
			used[version] = "which aliases point to it cannot be seen: " + unseen(err)
		}
		for _, a := range aliases {
			_, deployed := o.Aliases[a.Name]
			if _, shares := a.Weights[version]; !deployed && (shares || a.Version == version) {
				used[version] = "alias " + a.Name + " points to it"
			}
		}
	}
	o.InUse = used
	return nil
}

// settingsBefore are the settings that a plan changes, as they are before.
func settingsBefore(p plan.Plan, o plan.Observation) []definition.Setting {
	var all []definition.Setting
	for _, s := range p.Steps {
		after, is := plan.SettingOf(s)
		before := definition.Setting{SettingKey: after.SettingKey, Value: o.Settings[after.SettingKey]}
		if is && after.Qualifier != plan.NewVersion && !slices.ContainsFunc(all, func(one definition.Setting) bool { return one.SettingKey == after.SettingKey }) {
			all = append(all, before)
		}
	}
	return all
}

// onNewVersion returns a step about provisioned concurrency as it is for the version
// that was published; nil where nothing is left of it to do. PublishVersion may have
// returned a version that exists, with provisioned concurrency of its own.
func (e *Engine) onNewVersion(ctx context.Context, s plan.Step) (plan.Step, error) {
	if d, is := s.(plan.DeleteSetting); is && d.Key.Kind == definition.ProvisionedConcurrencySetting && d.Key.Qualifier == e.newVersion() {
		return nil, nil // The old version is the new one.
	}
	put, is := s.(plan.PutSetting)
	if !is || put.Setting.Qualifier != plan.NewVersion {
		return s, nil
	}
	put.Setting.Qualifier = e.newVersion()
	key := put.Setting.SettingKey
	found, err := e.api.Settings(ctx, e.live.function, []definition.SettingKey{key}, nil)
	if err != nil {
		return nil, err
	}
	if definition.SameSetting(found[key], put.Setting.Value) {
		return nil, nil
	}
	if e.live.settings == nil {
		e.live.settings = plan.Settings{}
	}
	e.live.settings[key], put.Replaces = found[key], found[key] != nil
	return put, nil
}

// newVersion is the version that was published, or found.
func (e *Engine) newVersion() string {
	if e.version != nil {
		return e.version.Version
	}
	return e.target
}

// setting sets or removes a setting.
func (e *Engine) setting(s definition.Setting, replaces bool) change {
	before, left := e.live.settings[s.SettingKey], s.Value
	intent := journal.Intent{Setting: &s}
	if t := e.record.Target(); before != nil && !t.KnowsSetting(s.SettingKey) {
		intent.Before = &definition.Setting{SettingKey: s.SettingKey, Value: before}
	}
	return change{
		intent:   intent,
		unfenced: true, guarded: true,
		send: func(ctx context.Context) error {
			if s.Value == nil {
				return e.api.DeleteSetting(ctx, e.live.function, s.SettingKey)
			}
			answer, err := e.api.PutSetting(ctx, e.live.function, s, replaces)
			if err == nil {
				left = answer
			}
			return err
		},
		look: func(ctx context.Context) (sight, error) {
			found, err := e.api.Settings(ctx, e.live.function, []definition.SettingKey{s.SettingKey}, nil)
			switch now := found[s.SettingKey]; {
			case err != nil:
				return unreadable, err
			case definition.SameSetting(now, s.Value):
				left = now
				return applied, nil
			case definition.SameSetting(now, before):
				return unchanged, nil
			case before == nil && e.live.created && definition.SameSetting(now, definition.DefaultSetting(s.Kind)):
				// Nobody could read it before the function existed; AWS began with this.
				return unchanged, nil
			}
			return foreign, nil
		},
		finish: func(ctx context.Context, _ *journal.Outcome) error {
			if e.live.settings == nil {
				e.live.settings = plan.Settings{}
			}
			e.live.settings[s.SettingKey] = left
			if s.Kind != definition.ProvisionedConcurrencySetting || s.Value == nil {
				return nil
			}
			if e.live.provisioned == nil {
				e.live.provisioned = map[string]bool{}
			}
			e.live.provisioned[s.Qualifier] = true
			return e.provisionedReady(ctx, s.Qualifier)
		},
	}
}

// provisionedReady waits until provisioned concurrency that was asked for, of an alias
// or a version, is there.
func (e *Engine) provisionedReady(ctx context.Context, qualifier string) error {
	status, err := e.api.Provisioned(ctx, e.live.function, qualifier)
	if err == nil {
		status, err = e.provisionedAtRest(ctx, qualifier, status)
	}
	if err == nil && status.Value != "READY" {
		err = fmt.Errorf("provisioned concurrency of %s:%s is %s: %s", e.live.function, qualifier, status.Value, status.Reason)
	}
	return err
}

// notOurs leaves out what this run itself attached and nobody changed since.
func notOurs(found []lambdaapi.Attachment, t journal.TargetLog, now plan.Settings) []lambdaapi.Attachment {
	return slices.DeleteFunc(found, func(a lambdaapi.Attachment) bool {
		return slices.ContainsFunc(t.SettingKeys(), func(key definition.SettingKey) bool {
			_, states := t.SettingStates(key)
			return key.Qualifier == a.Qualifier && attachedAs(key, a.What) &&
				slices.ContainsFunc(states, func(v definition.SettingValue) bool { return v != nil && definition.SameSetting(v, now[key]) })
		})
	})
}

// attachedAs reports whether a setting is found under a name that
// lambdaapi.Attachment gives.
func attachedAs(key definition.SettingKey, what string) bool {
	switch key.Kind {
	case definition.PermissionSetting:
		return what == "permission "+key.Sid
	case definition.FunctionURLSetting:
		return what == "function URL"
	case definition.EventInvokeSetting:
		return what == "event-invoke configuration"
	case definition.ProvisionedConcurrencySetting:
		return what == "provisioned concurrency"
	case definition.ReservedConcurrencySetting:
		return strings.HasPrefix(what, "reserved concurrency of ")
	case definition.RecursiveLoopSetting:
		return what == "recursive loop detection"
	case definition.RuntimeManagementSetting:
		return what == "runtime management"
	case definition.ScalingSetting:
	}
	return false
}
