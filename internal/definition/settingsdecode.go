package definition

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// Settings is a settings document: what hangs on a function beside its
// configuration. What it does not name is not there and not touched.
type Settings struct {
	// Named are the settings that have a value, and statements to remove by Sid.
	Named []Setting
	// Kinds are those that the document names at all. What is of such a kind and is
	// not in Named is cleared: on the function and on the aliases that are deployed.
	// Of statements only those are cleared that got their Sid from this program.
	Kinds []SettingKind
}

// Empty reports whether the document names nothing.
func (s Settings) Empty() bool { return len(s.Kinds) == 0 }

// Names reports whether the document names a kind of setting.
func (s Settings) Names(kind SettingKind) bool { return slices.Contains(s.Kinds, kind) }

// find returns the setting of a key.
func (s Settings) find(key SettingKey) (Setting, bool) {
	i := slices.IndexFunc(s.Named, func(one Setting) bool { return one.SettingKey == key })
	if i < 0 {
		return Setting{}, false
	}
	return s.Named[i], true
}

// Wanted are the settings as a deployment of these aliases leaves them, in the
// order in which they are changed. A nil value means that it is not set.
func (s Settings) Wanted(aliases []Alias) []Setting {
	all := slices.Clone(s.Named)
	for i, one := range all {
		if p, is := one.Value.(ProvisionedConcurrency); is && p.OnVersion {
			all[i].Value = nil // A version has its own, or its alias has: not both.
		}
	}
	for _, one := range s.Named {
		for _, a := range aliases {
			if one.Kind == PermissionSetting && one.Value == nil {
				all = append(all, Setting{SettingKey: SettingKey{one.Kind, a.Name, one.Sid}})
			}
		}
	}
	for _, kind := range s.Kinds {
		if kind == PermissionSetting {
			continue // Nobody knows the Sids before the policy was read.
		}
		for _, qualifier := range s.qualifiers(kind, aliases) {
			key := SettingKey{Kind: kind, Qualifier: qualifier}
			if _, named := s.find(key); !named {
				all = append(all, Setting{key, DefaultSetting(kind)})
			}
		}
	}
	return all
}

// OnVersions are the aliases whose versions have provisioned concurrency of their
// own, with how much of it.
func (s Settings) OnVersions() map[string]int32 {
	all := map[string]int32{}
	for _, one := range s.Named {
		if p, is := one.Value.(ProvisionedConcurrency); is && p.OnVersion {
			all[one.Qualifier] = p.ProvisionedConcurrentExecutions
		}
	}
	return all
}

// qualifiers are where a kind of setting is cleared where the document does not
// set it.
func (s Settings) qualifiers(kind SettingKind, aliases []Alias) []string {
	switch kind {
	case ReservedConcurrencySetting, RecursiveLoopSetting, RuntimeManagementSetting:
		return []string{""}
	case ScalingSetting:
		if slices.ContainsFunc(s.Named, func(one Setting) bool { return one.Kind == kind }) {
			return nil
		}
		return []string{"$LATEST.PUBLISHED"}
	}
	var all []string
	if kind != ProvisionedConcurrencySetting {
		all = append(all, "")
	}
	for _, a := range aliases {
		all = append(all, a.Name)
	}
	return all
}

// Policies are the qualifiers whose policies are read: those of the statements
// and, where the document names statements at all, of the function and its
// aliases.
func (s Settings) Policies(aliases []Alias) []string {
	if !s.Names(PermissionSetting) {
		return nil
	}
	all := []string{""}
	for _, a := range aliases {
		all = append(all, a.Name)
	}
	for _, one := range s.Named {
		if one.Kind == PermissionSetting && !slices.Contains(all, one.Qualifier) {
			all = append(all, one.Qualifier)
		}
	}
	return all
}

// DecodeSettings reads a settings document, or lambroll's function_url.json. It
// reports every problem at its place.
func DecodeSettings(doc Document) (*Settings, diag.List) {
	d := newDecoder(doc)
	root := doc.Root()
	if values(root, maxValues) > maxValues {
		d.problem(root, "remove aliases of aliases (*name)", "expands to more than %d values", maxValues)
		return nil, d.problems
	}
	root = target(root)
	if root.Kind != yaml.MappingNode {
		d.problem(root, "", "a settings document is a mapping, not %s", nature(root))
		return nil, d.problems
	}
	s := &Settings{}
	pairs := d.pairs(root)
	if slices.ContainsFunc(pairs, func(p pair) bool { return find(lambrollFields, p.key.Value) == &lambrollFields[0] }) {
		d.lambrollURL(root, s)
		return s, d.problems
	}
	named := map[SettingKind]string{}
	for _, p := range pairs {
		f := findSetting(p.key.Value)
		switch {
		case f == nil && p.key.Value == schemaKey:
		case f == nil:
			d.unknown(p.key, scope{fields: settingNames()})
		case named[f.setting] != "":
			d.problem(p.key, "keep one of them", "%q and %q are the same setting", named[f.setting], p.key.Value)
		default:
			named[f.setting] = p.key.Value
			s.Kinds = append(s.Kinds, f.setting)
			d.setting(f, p.key.Value, target(p.value), s)
		}
	}
	return s, d.problems
}

func findSetting(key string) *settingField {
	for i := range settingsFields {
		if settingsFields[i].spelled(key) {
			return &settingsFields[i]
		}
	}
	return nil
}

func settingNames() []field {
	var all []field
	for _, f := range settingsFields {
		all = append(all, f.field)
	}
	return all
}

// setting decodes one setting of a document; null and [] set nothing.
func (d *decoder) setting(f *settingField, key string, n *yaml.Node, s *Settings) {
	if d.absent(n) || d.foreign(n, key) {
		return
	}
	if f.entry == nil {
		d.oneValue(f, key, n, s)
		return
	}
	if d.doc.Whole(n) {
		parsed, ok := d.expand(n, key)
		if !ok {
			return
		}
		d.whole = n
		defer func() { d.whole = nil }()
		n = parsed
	}
	switch {
	case n.Kind == yaml.SequenceNode:
		d.checkCount(&f.field, n, key, len(n.Content))
		for i, item := range n.Content {
			d.entry(f, fmt.Sprintf("%s[%d]", key, i), target(item), s)
		}
	case n.Kind == yaml.MappingNode && f.setting == PermissionSetting:
		d.bySid(f, key, n, s)
	case n.Kind == yaml.MappingNode:
		d.entry(f, key, n, s)
	default:
		d.problem(n, "", "%s must be a mapping or a list, not %s", key, nature(n))
	}
}

// oneValue decodes a setting that is a number or a text.
func (d *decoder) oneValue(f *settingField, key string, n *yaml.Node, s *Settings) {
	one := Setting{SettingKey: SettingKey{Kind: f.setting}}
	switch f.setting {
	case ReservedConcurrencySetting:
		v, ok := d.integer(&f.field, n, key)
		if !ok || !d.checkNumber(&f.field, n, key, float64(v)) {
			return
		}
		one.Value = ReservedConcurrency{v}
	case RecursiveLoopSetting:
		v, ok := d.scalar(n, key)
		if !ok || !d.checkText(&f.field, n, key, v) {
			return
		}
		one.Value = RecursiveLoop{v}
	}
	s.Named = append(s.Named, one)
}

// entry decodes one entry of a setting.
func (d *decoder) entry(f *settingField, name string, n *yaml.Node, s *Settings) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "", "%s must be a mapping, not %s", name, nature(n))
		return
	}
	before := len(d.problems.Errors())
	into := f.entry()
	d.members(n, scope{f.members, name + ".", f.name + "."}, into)
	if len(d.problems.Errors()) > before {
		return
	}
	one := settingOfEntry(into.Interface())
	if one.Value == (EventInvoke{}) {
		// AWS: "You must specify at least one of error handling or destination setting."
		d.problem(n, "write null to clear it", "%s names neither an age, nor retries, nor a destination", name)
		return
	}
	d.addSetting(n, one, s)
}

// contradiction is what is wrong about members that are right each by itself, "" for
// nothing
// (https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html).
func contradiction(v SettingValue) (what, hint string) {
	if r, is := v.(RuntimeManagement); is {
		switch manual := r.UpdateRuntimeOn == "Manual"; {
		case manual && r.RuntimeVersionArn == "":
			return "is Manual and names no runtimeVersionArn", "CloudWatch has it in INIT_START of the function's log"
		case !manual && r.RuntimeVersionArn != "":
			return "names a runtimeVersionArn, which is only for Manual, and is " + r.UpdateRuntimeOn, "remove one of them"
		}
	}
	if s, is := v.(Scaling); is && s.MinExecutionEnvironments != nil && s.MaxExecutionEnvironments != nil && *s.MinExecutionEnvironments > *s.MaxExecutionEnvironments {
		return fmt.Sprintf("has a minimum of %d environments and a maximum of %d", *s.MinExecutionEnvironments, *s.MaxExecutionEnvironments), ""
	}
	if p, is := v.(Permission); is && p.FunctionUrlAuthType != "" && p.Action != "lambda:InvokeFunctionUrl" {
		// AWS: "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action".
		return "names functionUrlAuthType, which is only for lambda:InvokeFunctionUrl", "with lambda:InvokeFunction it is invokedViaFunctionUrl: true"
	}
	return "", ""
}

// bySid decodes statements by their Sid; null removes one.
func (d *decoder) bySid(f *settingField, key string, n *yaml.Node, s *Settings) {
	for _, p := range d.pairs(n) {
		sid, name, value := p.key.Value, key+"."+p.key.Value, target(p.value)
		if !d.checkText(&f.members[0], p.key, "the Sid", sid) {
			continue
		}
		if d.absent(value) {
			d.addSetting(p.key, Setting{SettingKey: SettingKey{PermissionSetting, "", sid}}, s)
			continue
		}
		if value.Kind != yaml.MappingNode {
			d.problem(value, "", "%s must be a mapping, not %s", name, nature(value))
			continue
		}
		before := len(d.problems.Errors())
		entry := permissionEntry{}
		into := reflect.ValueOf(&entry).Elem()
		d.members(value, scope{f.members, name + ".", f.name + "."}, into)
		if entry.Sid+entry.StatementId != "" {
			d.problem(value, "remove it", "%s has its Sid as its key", name)
		}
		entry.Sid = sid
		if len(d.problems.Errors()) == before {
			d.addSetting(p.key, settingOfEntry(entry), s)
		}
	}
}

// addSetting refuses to set the same twice, and what AWS would refuse of members that
// are right each by itself.
func (d *decoder) addSetting(n *yaml.Node, one Setting, s *Settings) {
	if _, twice := s.find(one.SettingKey); twice {
		d.problem(n, "keep one of them", "%s is set twice", one.SettingKey)
		return
	}
	if what, hint := contradiction(one.Value); what != "" {
		d.problem(n, hint, "%s %s", one.SettingKey, what)
		return
	}
	s.Named = append(s.Named, one)
}

// lambrollFields are those of lambroll's function_url.json
// (https://github.com/fujiwara/lambroll#function-url-support).
var lambrollFields = []field{
	{name: "Config", kind: object, required: true, members: urlFields},
	{name: "Permissions", kind: objects, members: lambrollPermission()},
}

// lambrollPermission are the fields of a statement, of which none is required:
// lambroll fills in the action.
func lambrollPermission() []field {
	all := slices.Clone(permissionFields)
	for i := range all {
		if all[i].name == "Action" {
			all[i].required = false
		}
	}
	return all
}

// lambrollURL reads lambroll's file. Where it names no permission, or an empty list
// of them, and no signature is asked for, everybody may call the URL, as with lambroll
// (FunctionURL.Validate in
// https://github.com/fujiwara/lambroll/blob/v1.5.2/functionurl.go).
func (d *decoder) lambrollURL(root *yaml.Node, s *Settings) {
	var in struct {
		Config      *urlEntry
		Permissions []permissionEntry
	}
	d.members(root, scope{fields: lambrollFields}, reflect.ValueOf(&in).Elem())
	if in.Config == nil || len(d.problems.Errors()) > 0 {
		return
	}
	s.Kinds = []SettingKind{FunctionURLSetting, PermissionSetting}
	s.Named = append(s.Named, settingOfEntry(*in.Config))
	if len(in.Permissions) == 0 && in.Config.AuthType == "NONE" {
		if in.Permissions != nil {
			d.warn(d.keys["Permissions"], "with AuthType AWS_IAM nobody may call it without a permission", "an empty Permissions lets everybody call the URL, as with lambroll")
		}
		in.Permissions = []permissionEntry{{Permission: Permission{Principal: "*"}}}
	}
	for _, p := range in.Permissions {
		p.Qualifier = in.Config.Qualifier
		if p.Action != "" {
			d.addSetting(root, settingOfEntry(p), s)
			continue
		}
		for _, one := range urlStatements(p, in.Config.AuthType) {
			d.addSetting(root, settingOfEntry(one), s)
		}
	}
}

// urlStatements are the two statements that a call of a function URL needs:
// lambda:InvokeFunctionUrl, and since October 2025 lambda:InvokeFunction
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
func urlStatements(p permissionEntry, authType string) []permissionEntry {
	url, invoke := p, p
	url.Action, url.FunctionUrlAuthType = "lambda:InvokeFunctionUrl", authType
	yes := true
	invoke.Action, invoke.FunctionUrlAuthType, invoke.InvokedViaFunctionUrl = "lambda:InvokeFunction", "", &yes
	if sid := cmp.Or(p.Sid, p.StatementId); sid != "" {
		const more, most = "-invoke", 100
		invoke.Sid = sid[:min(len(sid), most-len(more))] + more
	}
	return []permissionEntry{url, invoke}
}

// SettingKinds are all kinds of settings.
func SettingKinds() []SettingKind {
	var all []SettingKind
	for _, f := range settingsFields {
		all = append(all, f.setting)
	}
	return all
}
