package definition

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// RenderSettings is the settings document that describes values, as JSON; nil where
// none is set to anything but what AWS begins with. A statement that AddPermission
// could not have written cannot be described and is left out.
func RenderSettings(all map[SettingKey]SettingValue) []byte {
	document := map[string]any{}
	keys := slices.SortedFunc(maps.Keys(all), func(a, b SettingKey) int {
		return strings.Compare(a.Qualifier+"/"+a.Sid, b.Qualifier+"/"+b.Sid)
	})
	for _, key := range keys {
		value := all[key]
		if value == nil || SameSetting(value, DefaultSetting(key.Kind)) || !describable(value) {
			continue
		}
		name := lowerFirst(settingName(key.Kind))
		if reserved, is := value.(ReservedConcurrency); is {
			document[name] = reserved.Executions
		} else if loop, is := value.(RecursiveLoop); is {
			document[name] = loop.Mode
		} else if _, is := value.(RuntimeManagement); is {
			document[name] = entryDocument(key, value)
		} else {
			list, _ := document[name].([]any)
			document[name] = append(list, entryDocument(key, value))
		}
	}
	if len(document) == 0 {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(document) != nil {
		return nil // texts and numbers always are JSON
	}
	return bytes.TrimSpace(b.Bytes())
}

// describable reports whether a document can say what a value is.
func describable(value SettingValue) bool {
	p, is := value.(Permission)
	return !is || p.Other == ""
}

func settingName(kind SettingKind) string {
	for _, f := range settingsFields {
		if f.setting == kind {
			return f.name
		}
	}
	return string(kind)
}

// entryDocument is one entry of a setting, with keys as documents spell them.
func entryDocument(key SettingKey, value SettingValue) map[string]any {
	if url, is := value.(FunctionURL); is {
		url.URL = "" // AWS makes the address
		value = url
	} else if p, is := value.(Permission); is {
		p.Principal = principal(p.Principal)
		value = p
	}
	fields := map[string]any{}
	if text, err := json.Marshal(value); err != nil || json.Unmarshal(text, &fields) != nil {
		return nil // structs of texts and numbers always are JSON
	}
	entry, _ := withLowerKeys(fields).(map[string]any)
	if key.Qualifier != "" {
		entry["qualifier"] = key.Qualifier
	}
	if key.Sid != "" {
		entry["sid"] = key.Sid
	}
	return entry
}

func withLowerKeys(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range value {
			out[lowerFirst(k)] = withLowerKeys(v)
		}
		return out
	case []any:
		for i, v := range value {
			value[i] = withLowerKeys(v)
		}
	}
	return value
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }
