package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Settings are the values of settings; nil for one that is not set. A key that is
// missing was not looked at.
type Settings = map[definition.SettingKey]definition.SettingValue

// PutSetting sets a setting.
type PutSetting struct {
	Setting definition.Setting
	// Replaces reports whether it is set already.
	Replaces bool
	// Early reports whether it is set before any traffic moves, and not after all
	// of it has.
	Early bool
}

// DeleteSetting removes a setting.
type DeleteSetting struct {
	Key definition.SettingKey
	// Early is as in PutSetting.
	Early bool
}

// settingCalls are the operations of a kind of setting.
type settingCalls struct {
	read, create, update, remove string
}

var callsOfSetting = map[definition.SettingKind]settingCalls{
	definition.ReservedConcurrencySetting:    {"GetFunctionConcurrency", "PutFunctionConcurrency", "PutFunctionConcurrency", "DeleteFunctionConcurrency"},
	definition.ProvisionedConcurrencySetting: {"GetProvisionedConcurrencyConfig", "PutProvisionedConcurrencyConfig", "PutProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"},
	definition.FunctionURLSetting:            {"GetFunctionUrlConfig", "CreateFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"},
	definition.PermissionSetting:             {"GetPolicy", "AddPermission", "AddPermission", "RemovePermission"},
	definition.EventInvokeSetting:            {"GetFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"},
	definition.RecursiveLoopSetting:          {"GetFunctionRecursionConfig", "PutFunctionRecursionConfig", "PutFunctionRecursionConfig", "PutFunctionRecursionConfig"},
	definition.RuntimeManagementSetting:      {"GetRuntimeManagementConfig", "PutRuntimeManagementConfig", "PutRuntimeManagementConfig", "PutRuntimeManagementConfig"},
	definition.ScalingSetting:                {"GetFunctionScalingConfig", "PutFunctionScalingConfig", "PutFunctionScalingConfig", "PutFunctionScalingConfig"},
}

// ReadsSetting returns the operation that reads a kind of setting.
func ReadsSetting(kind definition.SettingKind) string { return callsOfSetting[kind].read }

// SettingOperations returns the operation of a step that changes a setting, and the
// one that undoes it; none for any other step.
func SettingOperations(s Step) []string {
	after, is := SettingOf(s)
	if !is {
		return nil
	}
	c := callsOfSetting[after.Kind]
	if put, puts := s.(PutSetting); puts && put.Replaces {
		return []string{c.update}
	}
	all := []string{c.create, c.remove}
	slices.Sort(all)
	return slices.Compact(all)
}

// Operation returns the name of the call, which depends on the setting: a
// function URL that exists is updated.
func (s PutSetting) Operation() string {
	if s.Replaces {
		return callsOfSetting[s.Setting.Kind].update
	}
	return callsOfSetting[s.Setting.Kind].create
}

// Operation returns the name of the call.
func (s DeleteSetting) Operation() string { return callsOfSetting[s.Key.Kind].remove }

// Describe describes the value in one line.
func (s PutSetting) Describe() string { return definition.DescribeSetting(s.Setting.Value) }

func (PutSetting) sealed()    {}
func (DeleteSetting) sealed() {}

// SettingOf returns the setting that a step leaves behind.
func SettingOf(s Step) (definition.Setting, bool) {
	switch s := s.(type) {
	case PutSetting:
		return s.Setting, true
	case DeleteSetting:
		return definition.Setting{SettingKey: s.Key}, true
	case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, PublishLatest, CreateAlias, MoveAlias, LeaveLatest,
		UpdateAlias, DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, CreateDeployment, StopDeployment:
	}
	return definition.Setting{}, false
}

// ChangesSetting reports whether a plan changes a setting.
func (p Plan) ChangesSetting(key definition.SettingKey) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool {
		after, is := SettingOf(s)
		return is && after.SettingKey == key
	})
}

// OtherQualifiers returns the aliases and versions that get a setting and are not deployed,
// so that somebody else must have made them. One that has such a setting exists.
func (p Plan) OtherQualifiers(w Wanted, now Settings) []string {
	var all []string
	for _, s := range p.Steps {
		after, _ := SettingOf(s)
		q := after.Qualifier
		if after.Value == nil || now[after.SettingKey] != nil || q == "" || q == LatestPublished || isProvisioned(after.SettingKey) && (q == NewVersion || q == p.newVersion()) {
			continue
		}
		if !named(w.Aliases, q) && !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}

// settings plans the settings of a document over those that are set.
func (p *Plan) settings(w Wanted, o Observation) {
	moves := settingMoves{now: o.Settings}
	for _, s := range w.Settings.Wanted(w.Aliases) {
		moves.to(s)
	}
	for _, key := range sortedKeys(o.Settings) {
		_, planned := moves.wanted[key]
		if !planned && w.Settings.Names(key.Kind) && definition.OwnSid(key.Sid) {
			moves.to(definition.Setting{SettingKey: key})
		}
	}
	p.versions(w, o, &moves)
	steps := moves.steps()
	p.place(steps, w, o)
	p.Changes = append(p.Changes, moves.changes...)
	p.Irreversible = append(p.Irreversible, unrestorable(steps, o.Settings)...)
	p.checkSettings(w, o, settingsAfter(o.Settings, steps))
}

// settingMoves collects what changes about settings.
type settingMoves struct {
	now     Settings
	wanted  Settings
	changes []definition.Change
}

func (m *settingMoves) to(s definition.Setting) {
	if m.wanted == nil {
		m.wanted = Settings{}
	}
	m.wanted[s.SettingKey] = s.Value
	if now := m.now[s.SettingKey]; !definition.SameSetting(now, s.Value) {
		m.changes = append(m.changes, definition.DiffSetting(s.SettingKey, now, s.Value)...)
	}
}

// steps orders the changes so that no caller meets a gap, and so that AWS takes
// each: provisioned concurrency must fit into what is reserved, and who may call
// a URL may do so before it is there.
func (m *settingMoves) steps() []Step {
	var all []Step
	for _, key := range sortedKeys(m.wanted) {
		if now, wanted := m.now[key], m.wanted[key]; !definition.SameSetting(now, wanted) {
			all = append(all, m.step(key, now, wanted)...)
		}
	}
	slices.SortStableFunc(all, func(a, b Step) int { return m.rank(a) - m.rank(b) })
	return all
}

func (m *settingMoves) step(key definition.SettingKey, now, wanted definition.SettingValue) []Step {
	if wanted == nil {
		if fixed := definition.DefaultSetting(key.Kind); fixed != nil {
			wanted = fixed
		} else {
			return []Step{DeleteSetting{Key: key}}
		}
	}
	put := PutSetting{Setting: definition.Setting{SettingKey: key, Value: wanted}, Replaces: now != nil}
	if key.Kind != definition.PermissionSetting || now == nil {
		return []Step{put}
	}
	// A statement cannot be changed: another one lets the callers in meanwhile.
	put.Replaces = false
	cover := coverOf(key)
	if m.now[cover] != nil {
		return []Step{DeleteSetting{Key: key}, put}
	}
	covering := PutSetting{Setting: definition.Setting{SettingKey: cover, Value: wanted}}
	return []Step{covering, DeleteSetting{Key: key}, put, DeleteSetting{Key: cover}}
}

// coverOf is the statement that takes the place of another while that changes.
func coverOf(key definition.SettingKey) definition.SettingKey {
	sum := sha256.Sum256([]byte(key.Sid))
	key.Sid = coverSid + hex.EncodeToString(sum[:6])
	return key
}

const coverSid = "lambda-rollout-swap-"

// rank is the place of a step among those of other settings.
func (m *settingMoves) rank(s Step) int {
	after, _ := SettingOf(s)
	switch after.Kind {
	case definition.ProvisionedConcurrencySetting:
		if executions(after.Value) < executions(m.now[after.SettingKey]) {
			return 0
		}
		return 2
	case definition.ReservedConcurrencySetting:
		return 1
	case definition.PermissionSetting:
		return m.rankStatement(after)
	case definition.FunctionURLSetting:
		return 4
	case definition.EventInvokeSetting, definition.RecursiveLoopSetting, definition.RuntimeManagementSetting, definition.ScalingSetting:
	}
	return 3
}

// rankStatement is the place of a statement around that of a function URL, which is 4.
// Who may call it may do so before it is there, and as it was and as it will be while
// its AuthType changes.
func (m *settingMoves) rankStatement(after definition.Setting) int {
	wanted, planned := m.wanted[after.SettingKey]
	switch {
	case after.Value != nil && m.now[after.SettingKey] == nil:
		return 3 // a new one, or the cover of one that changes
	case planned && wanted == nil:
		return 6
	}
	return 5 // the one that changes, and then its cover
}

func executions(v definition.SettingValue) int32 {
	p, _ := v.(definition.ProvisionedConcurrency)
	return p.ProvisionedConcurrentExecutions
}

func sortedKeys(s Settings) []definition.SettingKey {
	return slices.SortedFunc(maps.Keys(s), func(a, b definition.SettingKey) int { return strings.Compare(a.String(), b.String()) })
}

// FunctionURL returns the address of the function URL among settings, the first by
// its alias where there are several; "" without one.
func FunctionURL(s Settings) string {
	for _, key := range sortedKeys(s) {
		if url, is := s[key].(definition.FunctionURL); is && url.URL != "" {
			return url.URL
		}
	}
	return ""
}

// unrestorable lists what a rollback of these steps could not restore.
func unrestorable(steps []Step, now Settings) []string {
	var all []string
	for _, s := range steps {
		after, is := SettingOf(s)
		before := now[after.SettingKey]
		if !is || before == nil {
			continue
		}
		switch v := before.(type) {
		case definition.FunctionURL:
			if after.Value == nil {
				all = append(all, fmt.Sprintf("the %s is deleted, and a new one gets an address other than %s: to disable it, remove the permissions to call it instead", urlOf(after.SettingKey), v.URL))
			}
		case definition.Permission:
			if v.Other != "" {
				all = append(all, fmt.Sprintf("%s holds what AddPermission cannot write: %s", after.SettingKey, v.Other))
			}
		case definition.ReservedConcurrency, definition.ProvisionedConcurrency, definition.EventInvoke, definition.RecursiveLoop,
			definition.RuntimeManagement, definition.Scaling:
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func urlOf(key definition.SettingKey) string {
	if key.Qualifier == "" {
		return "function URL"
	}
	return "function URL of " + key.Qualifier
}

// restoreSettings restores what this run changed about settings. One that is
// neither as it was nor as this run left it is somebody else's by now.
func (b *back) restoreSettings() {
	moves := settingMoves{now: b.o.Settings}
	for _, key := range b.t.SettingKeys() {
		was, states := b.t.SettingStates(key)
		now := b.o.Settings[key]
		switch {
		case definition.SameSetting(now, was):
			b.plan.MayArriveLate = b.plan.MayArriveLate || b.lateSetting(func(k definition.SettingKey) bool { return k == key })
		case key.Kind == definition.ReservedConcurrencySetting && b.lateSetting(isProvisioned):
			// AWS reserves no less than what is provisioned, which may still grow.
			b.plan.MayArriveLate = true
		case !slices.ContainsFunc(states, func(v definition.SettingValue) bool { return definition.SameSetting(now, v) }):
			b.refuse(key.String(), definition.DescribeSetting(now), "that is neither what it was before nor what this run set")
		case gone(key, b.o):
			b.refuse(key.String(), "alias "+key.Qualifier+" is gone", "somebody deleted it")
		default:
			moves.to(definition.Setting{SettingKey: key, Value: was})
		}
	}
	b.plan.Steps = append(b.plan.Steps, moves.steps()...)
	b.plan.Changes = append(b.plan.Changes, moves.changes...)
}

// lateSetting reports whether a call that changes one of these settings may still
// take effect.
func (b *back) lateSetting(match func(definition.SettingKey) bool) bool {
	return !b.fences.Watched && slices.ContainsFunc(b.t.Steps, func(s journal.Step) bool {
		return s.Open() && s.Intent.Setting != nil && match(s.Intent.Setting.SettingKey)
	})
}

func isProvisioned(k definition.SettingKey) bool {
	return k.Kind == definition.ProvisionedConcurrencySetting
}

// gone reports whether a setting belonged to an alias that is not there any more.
func gone(key definition.SettingKey, o Observation) bool {
	now, known := o.Aliases[key.Qualifier]
	return known && now == nil
}
