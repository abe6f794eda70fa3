package rehearse

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"path/filepath"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

const byHand = "changed by somebody else"

// somebody is who changes something beside the deployment: a client of its own, and the
// function.
type somebody struct {
	*lambdaapi.Client
	of played
}

// hand is one kind of change that somebody else makes.
type hand struct {
	what   string
	change func(ctx context.Context, s somebody) error
	// look shows what was changed.
	look func(ctx context.Context, s somebody) (string, error)
}

// errNothing reports that there is nothing that could be changed so.
var errNothing = errors.New("there is nothing to change")

// hands are the changes that somebody else can make to a target: of each part that has
// somebody's hand on it alone, one.
func (p *player) hands(t played) []hand {
	all := []hand{
		{"$LATEST", func(ctx context.Context, s somebody) error {
			text := byHand
			return s.configure(ctx, definition.Function{Description: &text})
		}, latest(func(o *definition.Observed) any { return o.Description })},
		{"environment", func(ctx context.Context, s somebody) error { return s.addVariable(ctx) }, latest(func(o *definition.Observed) any { return o.Environment })},
		{"code", p.otherCode, latest(func(o *definition.Observed) any { return o.CodeSha256 })},
		tagged(t),
		{"deleted", func(ctx context.Context, s somebody) error { return s.DeleteFunction(ctx, s.of.At.Function, "") },
			latest(func(*definition.Observed) any { return true })},
	}
	for _, a := range t.Want.Aliases {
		all = append(all, p.handsOnAlias(t, a.Name)...)
	}
	for _, setting := range t.Want.Settings.Wanted(t.Want.Aliases) {
		if setting.Value != nil {
			all = append(all, otherSetting(setting))
		}
	}
	return all
}

// latest looks at a part of $LATEST, or at whether there is a function at all.
func latest(part func(*definition.Observed) any) func(context.Context, somebody) (string, error) {
	return func(ctx context.Context, s somebody) (string, error) {
		o, err := s.Find(ctx, s.of.At.Function, "")
		if err != nil || o == nil {
			return "", err
		}
		return mustJSON(part(o)), nil
	}
}

func (s somebody) configure(ctx context.Context, patch definition.Function) error {
	_, err := s.UpdateConfiguration(ctx, s.of.At.Function, patch, "")
	return err
}

// addVariable sets another environment variable.
func (s somebody) addVariable(ctx context.Context) error {
	o, err := s.Find(ctx, s.of.At.Function, "")
	if err != nil || o == nil {
		return errors.Join(err, errNothing)
	}
	variables := map[string]string{"REHEARSED": byHand}
	if o.Environment != nil {
		maps.Copy(variables, o.Environment.Variables)
		variables["REHEARSED"] = byHand
	}
	return s.configure(ctx, definition.Function{Environment: &definition.Environment{Variables: variables}})
}

// otherCode uploads a zip. The code of an image is another one, which nobody has here.
func (p *player) otherCode(ctx context.Context, s somebody) error {
	o, err := s.Find(ctx, s.of.At.Function, "")
	if err != nil || o == nil || o.ResolvedImageUri != "" {
		return errors.Join(err, errNothing)
	}
	zip := awslocal.StandIn(byHand)
	path := filepath.Join(p.options.Temp, "somebody-else.zip")
	if err := os.WriteFile(path, zip, 0o600); err != nil {
		return err
	}
	sum := sha256.Sum256(zip)
	_, err = s.UpdateCode(ctx, lambdaapi.CodeUpdate{
		Function: s.of.At.Function, Architectures: o.Architectures,
		Code: definition.Code{ZipPath: path, Sha256: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(zip))},
	})
	return err
}

const tags = "tags"

// tagged changes a tag that the deployment sets, or one that it does not know.
func tagged(t played) hand {
	key := "rehearsed"
	for name := range t.Want.Function.Tags {
		if key == "rehearsed" || name < key {
			key = name
		}
	}
	return hand{tags, func(ctx context.Context, s somebody) error {
		o, err := s.Find(ctx, s.of.At.Function, "")
		if err != nil || o == nil {
			return errors.Join(err, errNothing)
		}
		return s.Tag(ctx, o.Arn, map[string]string{key: byHand})
	}, latest(func(o *definition.Observed) any { return o.Tags[key] })}
}

// handsOnAlias are the changes of one alias. What CodeDeploy moves is CodeDeploy's.
func (p *player) handsOnAlias(t played, name string) []hand {
	handed := t.HandOver != nil
	look := func(ctx context.Context, s somebody) (string, error) {
		now, err := s.FindAlias(ctx, s.of.At.Function, name)
		switch {
		case err != nil || now == nil:
			return "", err
		case handed:
			return mustJSON(now.Description), nil
		}
		return mustJSON(now.Alias), nil
	}
	update := func(does func(a *definition.Alias) error) func(context.Context, somebody) error {
		return func(ctx context.Context, s somebody) error {
			now, err := s.FindAlias(ctx, s.of.At.Function, name)
			if err != nil || now == nil {
				return errors.Join(err, errNothing)
			}
			changed := now.Alias
			if err := does(&changed); err != nil {
				return err
			}
			_, err = s.UpdateAlias(ctx, s.of.At.Function, changed, "")
			return err
		}
	}
	all := []hand{{"alias-" + name, update(func(a *definition.Alias) error {
		text := byHand
		a.Description = &text
		return nil
	}), look}}
	if handed {
		return all
	}
	return append(all,
		hand{"alias-" + name + "-weights", update(func(a *definition.Alias) error {
			other, err := p.otherVersion(t, a.Version)
			a.Weights = map[string]float64{other: 0.05}
			return err
		}), look},
		hand{"alias-" + name + "-moved", update(func(a *definition.Alias) (err error) {
			a.Version, err = p.otherVersion(t, a.Version)
			a.Weights = nil
			return err
		}), func(ctx context.Context, s somebody) (string, error) {
			// While provisioned concurrency moves, Lambda shares the traffic.
			now, err := s.FindAlias(ctx, s.of.At.Function, name)
			if err != nil || now == nil {
				return "", err
			}
			return now.Version, nil
		}},
		hand{"alias-" + name + "-deleted", func(ctx context.Context, s somebody) error {
			return s.DeleteAlias(ctx, s.of.At.Function, name)
		}, look},
	)
}

// otherVersion is the oldest version but one of those that were there before: what the
// deployment publishes, its rollback may take for its own.
func (p *player) otherVersion(t played, but string) (string, error) {
	for _, number := range p.copy.versions[t.Label()] {
		if number != but {
			return number, nil
		}
	}
	return "", errNothing
}

// otherSetting takes a setting away, or sets it otherwise where no call takes it away.
func otherSetting(wanted definition.Setting) hand {
	key := wanted.SettingKey
	return hand{"setting-" + key.String(), func(ctx context.Context, s somebody) error {
		other := definition.Setting{SettingKey: key}
		switch wanted.Value.(type) {
		case definition.RecursiveLoop:
			other.Value = definition.RecursiveLoop{Mode: "Allow"}
			if wanted.Value == other.Value {
				other.Value = definition.RecursiveLoop{Mode: "Terminate"}
			}
		case definition.RuntimeManagement:
			other.Value = definition.RuntimeManagement{UpdateRuntimeOn: "FunctionUpdate"}
			if wanted.Value == other.Value {
				other.Value = definition.RuntimeManagement{UpdateRuntimeOn: "Auto"}
			}
		case definition.Scaling:
			most := int32(97)
			other.Value = definition.Scaling{MaxExecutionEnvironments: &most}
		default:
			return s.DeleteSetting(ctx, s.of.At.Function, key)
		}
		_, err := s.PutSetting(ctx, s.of.At.Function, other, true)
		return err
	}, func(ctx context.Context, s somebody) (string, error) {
		found, err := s.Settings(ctx, s.of.At.Function, []definition.SettingKey{key}, nil)
		return mustJSON(found[key]), err
	}}
}
