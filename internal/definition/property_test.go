package definition

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// arbitrary names some of the fields and gives each one of a few legal values,
// so that equal and cleared ones are frequent. What AWS shows is complete: it
// has role, runtime and handler, and an object's every member.
func arbitrary(r *rand.Rand, fields []field, v reflect.Value, observed bool) {
	for i := range fields {
		f := &fields[i]
		always := observed && (f.kind == text || v.Type() != reflect.TypeFor[Function]())
		if f.ignored || f.call == byNobody || !always && r.IntN(2) == 0 {
			continue
		}
		into := f.in(v)
		switch f.kind {
		case text:
			choices := append([]string{"a", "b", "c"}, f.enum...)
			if len(f.enum) > 0 {
				choices = f.enum
			} else if f.defaultValue != nil {
				choices = append(choices, "")
			}
			set(into, choices[r.IntN(len(choices))])
		case integer:
			set(into, int32(f.min)+r.Int32N(3))
		case number:
			set(into, f.min+float64(r.IntN(3)))
		case boolean:
			set(into, r.IntN(2) == 0)
		case list:
			items := f.items.enum
			if items == nil {
				items = []string{"a", "b", "a, b", ""}
			}
			n := int(f.min) + r.IntN(3)
			out := make([]string, min(n, max(int(f.max), 1)))
			for i := range out {
				out[i] = items[r.IntN(len(items))]
			}
			into.Set(reflect.ValueOf(out))
		case stringMap:
			m := map[string]string{}
			for range r.IntN(3) {
				m["K"+strconv.Itoa(r.IntN(3))] = strconv.Itoa(r.IntN(2))
			}
			into.Set(reflect.ValueOf(m))
		case object:
			o := reflect.New(into.Type().Elem())
			arbitrary(r, f.members, o.Elem(), observed)
			into.Set(o)
		case objects:
			s := reflect.MakeSlice(into.Type(), r.IntN(2), 1)
			for i := range s.Len() {
				arbitrary(r, f.members, s.Index(i), true)
			}
			into.Set(s)
		}
	}
}

var full = flag.Bool("full", false, "patch a thousand functions, not a sample of them")

func TestAnyPatchLeadsThereAndBack(t *testing.T) {
	t.Parallel()
	seeds := uint64(200)
	switch {
	case *full:
		seeds = 1000
	case testing.Short(): // for the race detector, which is slow
		seeds = 100
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		wanted, have := Function{FunctionName: "hello"}, Function{FunctionName: "hello"}
		arbitrary(r, functionFields, reflect.ValueOf(&wanted).Elem(), false)
		arbitrary(r, functionFields, reflect.ValueOf(&have).Elem(), true)
		d := Diff(wanted, have)
		if (len(d.Changes) > 0) == cmp.Equal(d.Patch, Function{}) {
			t.Fatalf("seed %d: patch and changes do not say the same:\n%+v\n%+v", seed, d.Patch, d.Changes)
		}
		after := have.Merge(d.Patch)
		if again := Diff(wanted, after); len(again.Changes) > 0 {
			t.Fatalf("seed %d: after the patch there is still a difference: %+v", seed, again.Changes)
		}
		back := after.Merge(Diff(Canonical(have), after).Patch)
		if diff := cmp.Diff(Canonical(have), back); diff != "" {
			t.Fatalf("seed %d: the reverse patch does not restore the function:\n%s\nwanted %s", seed, diff, Render(wanted, false))
		}
		if again := Canonical(back); !EqualConfiguration(again, have) {
			t.Fatalf("seed %d: what is restored is not equal", seed)
		}
		if d := Diff(back, Canonical(have)); !d.Empty() {
			t.Fatalf("seed %d: what is restored differs: %+v", seed, d)
		}
	}
}
