package lambda

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// fill sets every exported field. Other values of n make other values. A type that contains
// itself ends after ten pointers.
func fill(v reflect.Value, n, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < 10 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), n, depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n, depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, 0, depth+1)
		fill(value, n, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Interface:
		v.Set(reflect.ValueOf(map[string]any{"list": []any{float64(n)}}))
	default:
		fillPlain(v, n, depth)
	}
}

func fillPlain(v reflect.Value, n, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(n), 0).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n, depth+1)
			}
		}
	case reflect.String:
		v.SetString(string(rune('a' + n)))
	case reflect.Bool:
		v.SetBool(n == 1)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Float64:
		v.SetFloat(float64(n))
	case reflect.Uint8:
		v.SetUint(uint64('0' + n)) // a digit is JSON too
	}
}

// overwrite changes every value that can be reached without replacing what holds it.
func overwrite(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			overwrite(v.Elem(), n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			overwrite(v.Index(i), n)
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			switch value.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
				overwrite(value, n)
			default:
				fresh := reflect.New(value.Type()).Elem()
				fill(fresh, n, 0)
				v.SetMapIndex(key, fresh)
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			fill(v, n, 0)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				overwrite(v.Field(i), n)
			}
		}
	default:
		if v.CanSet() {
			fill(v, n, 0)
		}
	}
}

// A call changes its copy of a function and may fail then: what others read must not change.
func TestACopySharesNothingThatCouldChange(t *testing.T) {
	t.Parallel()
	seen, copied := new(function), new(function)
	fill(reflect.ValueOf(seen).Elem(), 1, 0)
	text := func(f *function) string {
		t.Helper()
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := text(seen)
	copyInto(reflect.ValueOf(copied).Elem(), reflect.ValueOf(seen).Elem())
	if got := text(copied); got != before {
		t.Fatalf("the copy is another:\n%s\n%s", got, before)
	}
	overwrite(reflect.ValueOf(copied).Elem(), 2)
	if text(copied) == before {
		t.Fatal("nothing was changed")
	}
	if got := text(seen); got != before {
		t.Errorf("a change of the copy changed the original:\n%s\n%s", got, before)
	}
}
