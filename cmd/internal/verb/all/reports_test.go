// SPDX-License-Identifier: Apache-2.0

package all

import (
	"encoding"
	"reflect"
	"strings"
	"testing"
)

// A declaration documents each field of its report, in the order in which they are printed.
func TestReportsAreDocumented(t *testing.T) {
	compared := 0
	for _, v := range Verbs() {
		if v.Report.Of == nil {
			continue
		}
		compared++
		var documented, printed []string
		for _, f := range v.Report.Fields {
			documented = append(documented, f.Path+" "+f.Type)
		}
		describe(reflect.TypeOf(v.Report.Of), "", &printed)
		if got, want := strings.Join(documented, "\n"), strings.Join(printed, "\n"); got != want {
			t.Errorf("%s: declared is\n%s\nand the report is\n%s", v.Name, got, want)
		}
	}
	if compared < 5 {
		t.Errorf("%d reports have a type to compare them with", compared)
	}
}

// describe lists the fields of a struct as "path type".
func describe(t reflect.Type, prefix string, list *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			describe(deref(f.Type), prefix, list)
		case name != "" && name != "-":
			*list = append(*list, prefix+name+" "+typeName(f.Type))
			describeWithin(f.Type, prefix+name, list)
		}
	}
}

// describeWithin lists the fields of the structs that a field holds.
func describeWithin(t reflect.Type, prefix string, list *[]string) {
	t = deref(t)
	switch {
	case t.Kind() == reflect.Slice && deref(t.Elem()).Kind() == reflect.Struct:
		describe(deref(t.Elem()), prefix+"[].", list)
	case t.Kind() == reflect.Struct && typeName(t) == "object":
		describe(t, prefix+".", list)
	}
}

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func typeName(t reflect.Type) string {
	t = deref(t)
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return "string"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float64:
		return "number"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "integer"
}
