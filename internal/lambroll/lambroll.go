// Package lambroll is what lambroll's definitions need beside a parser: the
// functions of their templates, the format of their environment files, and the
// names by which their files are known.
//
// It promises that a function returns what lambroll's own returns, so that a
// definition needs no change: env and must_env, ssm, tfstate and tfstatef with their
// prefixed forms, caller_identity, layer_arn, secretsmanager, json_escape, printf. A
// value takes no part in the document's structure, so json_escape has nothing to do.
// The package calls nobody: Options read what is asked for.
//
// Sources: https://github.com/fujiwara/lambroll, and the packages whose functions it
// offers: https://github.com/kayac/go-config, https://github.com/fujiwara/ssm-lookup,
// https://github.com/fujiwara/tfstate-lookup.
package lambroll

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// IsSettings reports whether a file has the name of one of lambroll's function URLs.
func IsSettings(name string) bool {
	base := path.Base(name)
	return base == "function_url.json" || path.Ext(base) == ".jsonnet"
}

// IsDefinition reports whether a file has the name of one of lambroll's definitions.
func IsDefinition(name string) bool {
	base := path.Base(name)
	return base == "function.json" || path.Ext(base) == ".jsonnet"
}

// Identity is what caller_identity returns.
type Identity struct{ Account, Arn, UserId string } //nolint:revive,staticcheck // AWS's own names, as templates write them

// Options are where the functions get what they return.
type Options struct {
	// Env looks up an environment variable.
	Env func(name string) (string, bool)
	// Later, where it is set, writes variables that only a later run has, and the text
	// that counts where none of them is set.
	Later func(names []string, otherwise string) string
	// State is the file of tfstate, "" where none is given; Prefixed are those of the
	// functions with a prefix.
	State    string
	Prefixed map[string]string
	// Read reads one value.
	Read func(values.Source) values.Result
	// Identity asks who calls, Layer for the ARN of a layer's version; "latest" is the
	// newest.
	Identity func() (Identity, error)
	Layer    func(name, version string) (string, error)
}

// Functions are lambroll's functions.
type Functions struct{ opts Options }

// New returns the functions.
func New(opts Options) Functions {
	opts.State = localPath(opts.State)
	opts.Prefixed = maps.Clone(opts.Prefixed)
	for prefix, file := range opts.Prefixed {
		opts.Prefixed[prefix] = localPath(file)
	}
	return Functions{opts}
}

// localPath is the path of a file:// URL, which lambroll takes for a state.
func localPath(file string) string { return strings.TrimPrefix(file, "file://") }

// Names lists the functions, those with a prefix included.
func (f Functions) Names() []string {
	names := []string{"caller_identity", "env", "json_escape", "layer_arn", "must_env", "or", "print", "printf", "secretsmanager", "ssm", "tfstate", "tfstatef"}
	for _, prefix := range slices.Sorted(maps.Keys(f.opts.Prefixed)) {
		names = append(names, prefix+"tfstate", prefix+"tfstatef")
	}
	return names
}

// Call returns the value of a function.
func (f Functions) Call(name string, args []expression.Value) (expression.Value, error) {
	texts := make([]string, len(args))
	secret := false
	for i, a := range args {
		texts[i] = a.Text()
		secret = secret || a.IsSecret()
	}
	v, err := f.call(name, texts)
	if secret {
		v = v.Secret()
	}
	return v, err
}

func (f Functions) call(name string, args []string) (expression.Value, error) {
	switch name {
	case "env":
		return f.env(args), nil
	case "must_env":
		return f.mustEnv(args)
	case "or":
		return or(args), nil
	case "json_escape", "print":
		return expression.NewString(strings.Join(args, "")), takes(args, 1, 1)
	case "printf":
		return sprintf(args)
	case "ssm":
		return f.ssm(args)
	case "secretsmanager":
		return f.secret(args)
	case "caller_identity":
		return f.identity(args)
	case "layer_arn":
		return f.layer(args)
	}
	state, formatted, err := f.stateOf(name)
	switch {
	case err != nil:
		return expression.Value{}, err
	case formatted:
		address, err := sprintf(args)
		if err != nil {
			return address, err
		}
		args = []string{address.Text()}
	}
	if err := takes(args, 1, 1); err != nil {
		return expression.Value{}, err
	}
	return f.read(values.State{File: state, Address: args[0]})
}

// takes wants a number of arguments.
func takes(args []string, least, most int) error {
	switch {
	case len(args) >= least && len(args) <= most:
		return nil
	case least == most:
		return fmt.Errorf("it takes %d argument(s), not %d", least, len(args))
	}
	return fmt.Errorf("it takes %d to %d arguments, not %d", least, most, len(args))
}

// env is the first variable that is set and not empty; the last argument, which is
// the default, where none is. A single name is no default.
func (f Functions) env(names []string) expression.Value {
	if last := len(names) - 1; f.opts.Later != nil && last >= 0 {
		if last == 0 {
			return expression.NewString(f.opts.Later(names, ""))
		}
		return expression.NewString(f.opts.Later(names[:last], names[last]))
	}
	text := ""
	for _, name := range names {
		if value, _ := f.opts.Env(name); value != "" {
			return expression.NewString(value)
		}
		text = name
	}
	return expression.NewString(text)
}

func (f Functions) mustEnv(args []string) (expression.Value, error) {
	if err := takes(args, 1, 1); err != nil {
		return expression.Value{}, err
	}
	if f.opts.Later != nil {
		return expression.NewString(f.opts.Later(args, "")), nil
	}
	value, set := f.opts.Env(args[0])
	if !set {
		return expression.Value{}, fmt.Errorf("the environment variable %s is not set", args[0])
	}
	return expression.NewString(value), nil
}

// ssm is a parameter, or one item of a StringList.
func (f Functions) ssm(args []string) (expression.Value, error) {
	if err := takes(args, 1, 2); err != nil {
		return expression.Value{}, err
	}
	v, err := f.read(values.Parameter(args[0]))
	if err != nil || len(args) == 1 || v.Text() == expression.Unknown {
		return v, err
	}
	items := strings.Split(v.Text(), ",")
	i, err := strconv.Atoi(args[1])
	if err != nil || i < 0 || i >= len(items) {
		return expression.Value{}, fmt.Errorf("the parameter has %d items, and none with the number %s", len(items), args[1])
	}
	item := expression.NewString(items[i])
	if v.IsSecret() {
		item = item.Secret()
	}
	return item, nil
}

func (f Functions) secret(args []string) (expression.Value, error) {
	if err := takes(args, 1, 2); err != nil {
		return expression.Value{}, err
	}
	s := values.Secret{ID: args[0]}
	if len(args) == 2 {
		s.Key = args[1]
	}
	return f.read(s)
}

// result reads a source. That a state has an empty value is no error, as in lambroll.
func (f Functions) result(s values.Source) values.Result {
	r := f.opts.Read(s)
	if _, state := s.(values.State); state && errors.Is(r.Err, values.ErrEmpty) {
		r.Err = nil
	}
	return r
}

func (f Functions) read(s values.Source) (expression.Value, error) {
	r := f.result(s)
	v := expression.NewString(r.Text)
	if r.Secret {
		v = v.Secret()
	}
	return v, r.Err
}

// or is the first argument that is not empty, else the last.
func or(args []string) expression.Value {
	text := ""
	for _, text = range args {
		if text != "" {
			break
		}
	}
	return expression.NewString(text)
}

// stateOf is the state that a function reads, and whether its address is formatted.
func (f Functions) stateOf(name string) (file string, formatted bool, err error) {
	base, formatted := name, strings.HasSuffix(name, "tfstatef")
	if formatted {
		base = strings.TrimSuffix(name, "f")
	}
	prefix, is := strings.CutSuffix(base, "tfstate")
	switch {
	case !is:
		return "", false, expression.UnknownFunction{Name: name}
	case prefix == "" && f.opts.State == "":
		return "", false, errors.New("no state is named: give the input tfstate, a file or s3://bucket/key")
	case prefix == "":
		return f.opts.State, formatted, values.CheckStateFile(f.opts.State)
	}
	file, ok := f.opts.Prefixed[prefix]
	if !ok {
		return "", false, fmt.Errorf("no state is named: give the input prefixed-tfstate, %s=FILE", prefix)
	}
	return file, formatted, values.CheckStateFile(file)
}

// sprintf knows the verbs that take a text or a number.
func sprintf(args []string) (expression.Value, error) {
	if len(args) == 0 {
		return expression.Value{}, errors.New("it takes a format")
	}
	var out strings.Builder
	format, rest := args[0], args[1:]
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		if i++; i == len(format) {
			return expression.Value{}, errors.New("the format ends in %")
		}
		switch format[i] {
		case '%':
			out.WriteByte('%')
		case 's', 'd', 'v', 'q':
			if len(rest) == 0 {
				return expression.Value{}, fmt.Errorf("the format %q needs more arguments", format)
			}
			if format[i] == 'q' {
				rest[0] = strconv.Quote(rest[0])
			}
			out.WriteString(rest[0])
			rest = rest[1:]
		default:
			return expression.Value{}, fmt.Errorf("the verb %%%c of a format is not known here: %%s, %%d, %%v and %%q are", format[i])
		}
	}
	if len(rest) > 0 {
		return expression.Value{}, fmt.Errorf("the format %q takes fewer arguments", format)
	}
	return expression.NewString(out.String()), nil
}

func (f Functions) identity(args []string) (expression.Value, error) {
	if err := takes(args, 0, 0); err != nil {
		return expression.Value{}, err
	}
	id, err := f.opts.Identity()
	return expression.NewMap([]expression.Field{
		{Name: "Account", Value: expression.NewString(id.Account)},
		{Name: "Arn", Value: expression.NewString(id.Arn)},
		{Name: "UserId", Value: expression.NewString(id.UserId)},
	}), err
}

func (f Functions) layer(args []string) (expression.Value, error) {
	if err := takes(args, 1, 2); err != nil {
		return expression.Value{}, err
	}
	version := "latest"
	if len(args) == 2 && args[1] != "" {
		version = args[1]
	}
	arn, err := f.opts.Layer(args[0], version)
	return expression.NewString(arn), err
}
