package lambdaapi

import (
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// When the SDK gains a field, one of these tests fails until the table of
// internal/definition and this package carry it.

// fill puts something into every field, so that what a conversion forgets
// stays empty and is seen.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		m.SetMapIndex(key, value)
		v.Set(m)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// unset names the exported fields that are empty, however deep.
func unset(at string, v reflect.Value) []string {
	var names []string
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return []string{at}
		}
		return unset(at, v.Elem())
	case reflect.Slice:
		if v.Len() == 0 {
			return []string{at}
		}
		return unset(at, v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				names = append(names, unset(at+"."+f.Name, v.Field(i))...)
			}
		}
		return names
	}
	if v.IsZero() {
		return []string{at}
	}
	return nil
}

func TestADefinitionHasEveryFieldOfCreateFunction(t *testing.T) {
	t.Parallel()
	var names func(at string, of reflect.Type) []string
	names = func(at string, of reflect.Type) []string {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || at == ".Code" {
			return []string{at}
		}
		var out []string
		for i := range of.NumField() {
			if f := of.Field(i); f.IsExported() {
				out = append(out, names(at+"."+f.Name, f.Type)...)
			}
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff(names("", reflect.TypeFor[lambda.CreateFunctionInput]()), names("", reflect.TypeFor[definition.Function]())); diff != "" {
		t.Errorf("CreateFunctionInput (-) and definition.Function (+):\n%s", diff)
	}
}

func TestCreateFunctionCarriesAllOfADefinition(t *testing.T) {
	t.Parallel()
	var f definition.Function
	fill(reflect.ValueOf(&f).Elem())
	in := expandCreate(f, &types.FunctionCode{})
	got := slices.DeleteFunc(unset("", reflect.ValueOf(in)), func(name string) bool { return len(name) > 6 && name[:6] == ".Code." })
	// A version is published by PublishVersion, which takes the marker.
	if diff := cmp.Diff([]string{".Publish", ".PublishTo"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateFunctionConfigurationCarriesAllOfAPatch(t *testing.T) {
	t.Parallel()
	var wanted definition.Function
	fill(reflect.ValueOf(&wanted).Elem())
	have := definition.Function{DurableConfig: &definition.DurableConfig{}, CapacityProviderConfig: &definition.CapacityProviderConfig{}}
	wanted.LoggingConfig.LogFormat = new("JSON")
	wanted.VpcConfig.Ipv6AllowedForDualStack = new(true)
	in := expandUpdate("hello", definition.Diff(wanted, have).Patch, "revision")
	if got := unset("", reflect.ValueOf(in)); len(got) > 0 {
		t.Errorf("the update leaves out %v", got)
	}
}

func TestEveryFieldOfAnAnswerReachesTheFunction(t *testing.T) {
	t.Parallel()
	var c types.FunctionConfiguration
	fill(reflect.ValueOf(&c).Elem())
	got := unset("", reflect.ValueOf(flattenConfiguration(&c).Function))
	// Tags and code come with GetFunction, the others are no state.
	if diff := cmp.Diff([]string{".CodeSigningConfigArn", ".Tags", ".Publish", ".PublishTo", ".Code"}, got); diff != "" {
		t.Error(diff)
	}
}
