package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig"
	"google.golang.org/protobuf/types/known/structpb"
)

// unknownText stands for a value that a preview cannot know. The SDK's own constant is in a package
// that brings hundreds of others.
const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

// props are a resource's inputs, or its outputs, by name: as they are on the wire, secrets and
// unknown values marked.
type props map[string]*structpb.Value

// read takes nulls out, which to the engine are no value at all, and turns values that say where
// they come from into plain or secret ones.
func read(given *structpb.Struct) props {
	found := props{}
	for name, value := range given.GetFields() {
		value = readValue(value)
		if _, null := value.GetKind().(*structpb.Value_NullValue); !null {
			found[name] = value
		}
	}
	return found
}

func readValue(value *structpb.Value) *structpb.Value {
	switch inner := value.GetKind().(type) {
	case *structpb.Value_ListValue:
		items := make([]*structpb.Value, 0, len(inner.ListValue.GetValues()))
		for _, item := range inner.ListValue.GetValues() {
			items = append(items, readValue(item))
		}
		return structpb.NewListValue(&structpb.ListValue{Values: items})
	case *structpb.Value_StructValue:
		fields := inner.StructValue.GetFields()
		switch mark(value) {
		case "":
			return object(read(inner.StructValue))
		case sig.Secret:
			return asSecret(readValue(fields["value"]))
		case sig.OutputValue:
			held, known := fields["value"]
			if !known {
				held = structpb.NewStringValue(unknownText)
			}
			if held = readValue(held); fields["secret"].GetBoolValue() {
				return asSecret(held)
			}
			return held
		}
	}
	return value
}

func written(outputs props) *structpb.Struct {
	return &structpb.Struct{Fields: outputs}
}

func object(fields props) *structpb.Value {
	return structpb.NewStructValue(written(fields))
}

// mark tells what a struct stands for, or nothing where it is a map.
func mark(value *structpb.Value) string {
	return value.GetStructValue().GetFields()[sig.Key].GetStringValue()
}

// opened takes the mark off a secret, and tells whether there was one.
func opened(value *structpb.Value) (*structpb.Value, bool) {
	if mark(value) != sig.Secret {
		return value, false
	}
	inner, _ := opened(value.GetStructValue().GetFields()["value"])
	return inner, true
}

func asSecret(value *structpb.Value) *structpb.Value {
	inner, _ := opened(value)
	return object(props{sig.Key: structpb.NewStringValue(sig.Secret), "value": inner})
}

func isUnknown(value *structpb.Value) bool {
	inner, _ := opened(value)
	return inner.GetStringValue() == unknownText
}

// The following take all marks off: for using a value. What is stored keeps them.

func text(value *structpb.Value) string {
	inner, _ := opened(value)
	return inner.GetStringValue()
}

func number(value *structpb.Value) float64 {
	inner, _ := opened(value)
	return inner.GetNumberValue()
}

func list(value *structpb.Value) []string {
	inner, _ := opened(value)
	var items []string
	for _, item := range inner.GetListValue().GetValues() {
		items = append(items, text(item))
	}
	return items
}

func fieldsOf(value *structpb.Value) props {
	inner, _ := opened(value)
	return inner.GetStructValue().GetFields()
}
