package definition

import (
	"reflect"
	"slices"
)

// Canonical is the function with every field of its configuration explicit, as
// AWS shows it or would: what was never named has AWS's value, lists whose
// order means nothing are sorted, and what AWS leaves out for empty is empty
// the same way. Two functions are configured alike exactly when their canonical
// configurations are equal. Name, tags and code stay as they are.
func Canonical(f Function) Function {
	f = f.Clone()
	v := reflect.ValueOf(&f).Elem()
	for field := range configuration() {
		normalize(field, field.in(v))
	}
	for i := range f.FileSystemConfigs {
		if s3 := f.FileSystemConfigs[i].S3FilesConfig; s3 != nil && s3.DirectS3Read != nil && *s3.DirectS3Read == "AUTO" {
			f.FileSystemConfigs[i].S3FilesConfig = nil
		}
	}
	if len(f.VpcConfig.SubnetIds) == 0 {
		// Lambda has no security groups without subnets, so who names no subnets
		// wants neither.
		f.VpcConfig.SecurityGroupIds = []string{}
	}
	f.LoggingConfig.normalize(f.FunctionName)
	return f
}

// normalize fills in the log group and the levels as AWS does: levels exist
// with the format JSON alone and are INFO at first.
func (l *LoggingConfig) normalize(functionName string) {
	if l.LogGroup == nil || *l.LogGroup == "" {
		if n, err := ParseFunctionName(functionName); err == nil {
			functionName = n.Name
		}
		l.LogGroup = new("/aws/lambda/" + functionName)
	}
	if *l.LogFormat != "JSON" {
		l.ApplicationLogLevel, l.SystemLogLevel = nil, nil
		return
	}
	for _, level := range []**string{&l.ApplicationLogLevel, &l.SystemLogLevel} {
		if *level == nil || **level == "" {
			*level = new("INFO")
		}
	}
}

// normalize gives one value its canonical form.
func normalize(f *field, v reflect.Value) {
	switch f.kind {
	case text:
		if !v.IsNil() && v.Elem().String() == "" {
			v.SetZero()
		}
		fill(f, v)
	case integer, number, boolean:
		fill(f, v)
	case list, stringMap, objects:
		normalizeSeveral(f, v)
	case object:
		if v.IsNil() {
			if f.defaultValue == nil {
				return
			}
			v.Set(reflect.New(v.Type().Elem()))
		}
		for i := range f.members {
			normalize(&f.members[i], f.members[i].in(v.Elem()))
		}
	}
}

func fill(f *field, v reflect.Value) {
	if v.IsNil() && f.defaultValue != nil {
		set(v, f.defaultValue)
	}
}

func normalizeSeveral(f *field, v reflect.Value) {
	if v.Len() == 0 {
		switch value := f.defaultValue.(type) {
		case nil:
			v.SetZero()
		case empty:
			if f.kind == stringMap {
				v.Set(reflect.MakeMap(v.Type()))
			} else {
				v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			}
		case []string:
			v.Set(reflect.ValueOf(slices.Clone(value)))
		}
		return
	}
	if f.unordered {
		members := v.Interface().([]string)
		slices.Sort(members)
		v.Set(reflect.ValueOf(slices.Compact(members)))
	}
	if f.kind == objects {
		for i := range v.Len() {
			for m := range f.members {
				normalize(&f.members[m], f.members[m].in(v.Index(i)))
			}
		}
	}
}

// Clone shares nothing with the function that it copies.
func (f Function) Clone() Function {
	return deepCopy(reflect.ValueOf(f)).Interface().(Function)
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(deepCopy(v.Elem()))
		return p
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(deepCopy(v.Index(i)))
		}
		return s
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		m := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, e := range v.Seq2() {
			m.SetMapIndex(k, e)
		}
		return m
	case reflect.Struct:
		s := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			s.Field(i).Set(deepCopy(v.Field(i)))
		}
		return s
	}
	return v
}

// EqualConfiguration reports whether two functions are configured alike:
// everything but name, tags, code signing and code.
func EqualConfiguration(a, b Function) bool {
	a, b = Canonical(a), Canonical(b)
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for f := range configuration() {
		if !reflect.DeepEqual(f.in(va).Interface(), f.in(vb).Interface()) {
			return false
		}
	}
	return true
}

// Merge returns the function as AWS shows it after the patch was applied: its
// canonical form, where each field that the patch names has the patch's value,
// and of an object the members that the patch names (but all of ImageConfig). It
// is a prediction; nobody is asked.
func (f Function) Merge(patch Function) Function {
	out := Canonical(f)
	from, to := reflect.ValueOf(patch.Clone()), reflect.ValueOf(&out).Elem()
	for field := range configuration() {
		overlay(field, field.in(to), field.in(from))
	}
	return Canonical(out)
}

// overlay puts what is named over what is there. An object that is named but
// empty clears: all its members take AWS's values, where AWS has any.
func overlay(f *field, to, from reflect.Value) {
	if from.IsNil() {
		return
	}
	if f.kind != object || f.replacedWhole || to.IsNil() || f.defaultValue != nil && from.Elem().IsZero() {
		to.Set(from)
		return
	}
	for i := range f.members {
		m := &f.members[i]
		overlay(m, m.in(to.Elem()), m.in(from.Elem()))
	}
}
