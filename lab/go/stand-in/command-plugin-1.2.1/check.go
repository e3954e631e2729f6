package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// check returns the inputs with defaults and secrets applied, and every reason to refuse them.
func check(fields map[string]field, inputs props) (props, []*pb.CheckFailure) {
	found := checker{}
	checked := found.all(fields, inputs, "")
	return checked, found.failures
}

type checker struct {
	failures []*pb.CheckFailure
}

func (c *checker) refuse(path, reason string, values ...any) {
	c.failures = append(c.failures, &pb.CheckFailure{
		Property: path, Reason: fmt.Sprintf(reason, values...),
	})
}

func (c *checker) all(fields map[string]field, values props, at string) props {
	checked := props{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		path := at + name
		spec, known := fields[name]
		if !known {
			names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
			c.refuse(path, "is not an input of this resource; it takes %s", names)
			checked[name] = values[name]
			continue
		}
		checked[name] = c.one(spec, values[name], path)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		spec := fields[name]
		if _, given := values[name]; given {
			continue
		}
		if spec.required {
			c.refuse(at+name, "missing required field '%s%s'", at, name)
		} else if spec.preset != nil {
			checked[name] = spec.preset
		}
	}
	return checked
}

func (c *checker) one(spec field, value *structpb.Value, path string) *structpb.Value {
	if spec.refusal != "" {
		c.refuse(path, "%s", spec.refusal)
	}
	inner, secret := opened(value)
	if !isUnknown(inner) {
		if !spec.kind.fits(inner) {
			c.refuse(path, "must be %s", spec.kind)
		} else if spec.kind == anObject {
			inner = object(c.all(spec.fields, inner.GetStructValue().GetFields(), path+"."))
		}
	}
	if secret || spec.secret {
		return asSecret(inner)
	}
	return inner
}

func (k kind) fits(value *structpb.Value) bool {
	switch inner := value.GetKind().(type) {
	case *structpb.Value_StringValue:
		return k == aString
	case *structpb.Value_NumberValue:
		whole := inner.NumberValue == math.Trunc(inner.NumberValue)
		return k == aNumber || k == aWhole && whole
	case *structpb.Value_BoolValue:
		return k == aBoolean
	case *structpb.Value_ListValue:
		items := inner.ListValue.GetValues()
		return k == aList || k == aListOfStrings && !slices.ContainsFunc(items, isNoString)
	case *structpb.Value_StructValue:
		if mark(value) != "" { // an asset, an archive, another resource
			return false
		}
		fields := maps.Values(inner.StructValue.GetFields())
		return k == anObject ||
			k == aMap && !slices.ContainsFunc(slices.Collect(fields), isNoString)
	}
	return false
}

func isNoString(value *structpb.Value) bool {
	inner, _ := opened(value)
	_, is := inner.GetKind().(*structpb.Value_StringValue)
	return !is
}
