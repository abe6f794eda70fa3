package adopt

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// orders is a function with an alias whose version is what $LATEST is.
func orders() Source {
	latest := func() *definition.Observed {
		return &definition.Observed{CodeSha256: "a", Function: definition.Function{
			FunctionName: "orders", Description: aws.String("takes orders"), Tags: map[string]string{"team": "shop"},
			ImageConfig: &definition.ImageConfig{Command: []string{"run"}, WorkingDirectory: aws.String("/srv")},
			Environment: &definition.Environment{Variables: map[string]string{"KEY": "value"}},
		}}
	}
	live := definition.ObservedAlias{}
	live.Name, live.Version, live.Description = "live", "1", aws.String("for all")
	return Source{
		Region: "eu-central-1", Latest: latest(), Aliases: []definition.ObservedAlias{live},
		Versions: map[string]*definition.Observed{"1": latest(), "2": latest()},
		Settings: map[definition.SettingKey]definition.SettingValue{},
	}
}

func permission(sid, qualifier string) definition.SettingKey {
	return definition.SettingKey{Kind: definition.PermissionSetting, Qualifier: qualifier, Sid: sid}
}

// invoke is a permission that a deployment can write.
func invoke(token string) definition.Permission {
	return definition.Permission{Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", EventSourceToken: token}
}

// text is one of the files that were made, "" where there is none.
func (f *Files) text(base string) string {
	for _, file := range f.files {
		if path.Base(file.name) == base {
			return string(file.content)
		}
	}
	return ""
}

// What a definition cannot express, or would evaluate, is not in the files, and a note
// says so.
func TestWhatTheFilesWouldNotGiveBackIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change         func(*Source)
		file, out, say string
	}{
		"a description that is an expression": {func(s *Source) { s.Latest.Description = aws.String("<+env.name>") }, "function.json", "description", "description holds"},
		"a description that is a template":    {func(s *Source) { s.Latest.Description = aws.String("{{ x }}") }, "function.json", "description", "description holds"},
		"a tag's key":                         {func(s *Source) { s.Latest.Tags["<+x>"] = "1" }, "function.json", "tags", "a tag holds"},
		"a tag's value":                       {func(s *Source) { s.Latest.Tags["x"] = "{{1}}" }, "function.json", "tags", "a tag holds"},
		"a command":                           {func(s *Source) { s.Latest.ImageConfig.Command[0] = "{{1}}" }, "function.json", "imageConfig", "imageConfig holds"},
		"an entry point":                      {func(s *Source) { s.Latest.ImageConfig.EntryPoint = []string{"<+x>"} }, "function.json", "imageConfig", "imageConfig holds"},
		"a working directory":                 {func(s *Source) { s.Latest.ImageConfig.WorkingDirectory = aws.String("<+x>") }, "function.json", "imageConfig", "imageConfig holds"},
		"unreadable tags":                     {unreadable("Tags"), "function.json", "tags", "Tags cannot be read (AccessDenied)"},
		"an unreadable image configuration":   {unreadable("ImageConfig"), "function.json", "imageConfig", "ImageConfig cannot be read"},
		"an alias's description":              {func(s *Source) { s.Aliases[0].Description = aws.String("<+x>") }, "alias-live.json", "description", ""},
		"an alias's empty description":        {func(s *Source) { s.Aliases[0].Description = aws.String("") }, "alias-live.json", "description", ""},
		"settings that could not be read": {func(s *Source) {
			s.Settings[permission("api", "")], s.NoSettings = invoke(""), errDenied
		}, "settings.json", "permissions", "settings are not written: denied"},
		"a statement that no call can write": {func(s *Source) {
			s.Settings[permission("api", "")] = definition.Permission{Action: "lambda:InvokeFunction", Principal: "*", Other: "{}"}
		}, "settings.json", "permissions", "no call can write such a statement"},
		"what hangs on an alias that does not move": {func(s *Source) {
			s.Aliases[0].Weights, s.Settings[permission("api", "live")] = map[string]float64{"2": 0.1}, invoke("")
		}, "settings.json", "permissions", "permissions.api of live is not in the settings, because"},
		"all of a kind of which one is evaluated, named by the first": {func(s *Source) {
			for _, sid := range []string{"e", "d", "c", "b"} {
				s.Settings[permission(sid, "")] = invoke("{{x}}")
			}
			s.Settings[permission("a", "")] = invoke("")
		}, "settings.json", "permissions", "permissions.b holds <+ or {{"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			has := func(change func(*Source)) (bool, string) {
				s := orders()
				change(&s)
				f, err := Make(s, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return strings.Contains(strings.ToLower(f.text(tc.file)), `"`+strings.ToLower(tc.out)+`"`), strings.Join(f.Notes, "\n")
			}
			if is, notes := has(tc.change); is || !strings.Contains(notes, tc.say) {
				t.Errorf("%s holds %s: %v; notes:\n%s", tc.file, tc.out, is, notes)
			}
			// Without the change it is there.
			if is, notes := has(func(s *Source) { s.Settings[permission("api", "live")] = invoke("x") }); !is || tc.say != "" && strings.Contains(notes, tc.say) {
				t.Errorf("%s lacks %s; notes:\n%s", tc.file, tc.out, notes)
			}
		})
	}
}

type denied struct{}

func (denied) Error() string { return "denied" }

var errDenied error = denied{}

func unreadable(field string) func(*Source) {
	return func(s *Source) {
		s.Latest.Unreadable = []definition.Unreadable{{Field: field, Reason: "AccessDenied"}}
	}
}

// A deploy of the files moves an alias only where that changes nothing.
func TestOnlyAnAliasOfTheNewestEqualVersionIsAnArgument(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Source)
		moves  []string
	}{
		"its version is what $LATEST is":   {func(*Source) {}, []string{"orders/alias-live.json"}},
		"its version has other code":       {func(s *Source) { s.Versions["1"].CodeSha256 = "b" }, nil},
		"its version is configured anew":   {func(s *Source) { s.Versions["1"].Timeout = aws.Int32(9) }, nil},
		"it points to $LATEST":             {func(s *Source) { s.Aliases[0].Version, s.Versions["$LATEST"] = "$LATEST", s.Latest }, nil},
		"it shares its traffic":            {func(s *Source) { s.Aliases[0].Weights = map[string]float64{"2": 0.1} }, nil},
		"its version was not read":         {func(s *Source) { delete(s.Versions, "1") }, nil},
		"a newer version is the same, too": {func(s *Source) { s.Aliases = append(s.Aliases, named("next", "2")) }, []string{"orders/alias-next.json"}},
		"two of one version":               {func(s *Source) { s.Aliases = append(s.Aliases, named("next", "1")) }, []string{"orders/alias-live.json", "orders/alias-next.json"}},
	} {
		s := orders()
		tc.change(&s)
		f, err := Make(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var moves []string
		for i, a := range f.Arguments {
			if a == "--alias-definition" {
				moves = append(moves, f.Arguments[i+1])
			}
		}
		if !slices.Equal(moves, tc.moves) || f.text("alias-live.json") == "" {
			t.Errorf("%s: moves %q, want %q", name, moves, tc.moves)
		}
	}
}

func named(name, version string) definition.ObservedAlias {
	a := definition.ObservedAlias{}
	a.Name, a.Version = name, version
	return a
}
