package main

import (
	"maps"

	"google.golang.org/protobuf/types/known/structpb"
)

// kind is the type of an input, worded for whoever gave another.
type kind string

const (
	aString        kind = "a string"
	aNumber        kind = "a number"
	aWhole         kind = "a whole number"
	aBoolean       kind = "true or false"
	aList          kind = "a list"
	aListOfStrings kind = "a list of strings"
	aMap           kind = "a map of strings"
	anObject       kind = "an object"
)

// field is one input: its type and what Check does about it.
type field struct {
	kind     kind
	required bool
	secret   bool
	preset   *structpb.Value // what it is where none is given
	fields   map[string]field
	refusal  string // set where the official plugin takes the input and this one cannot
}

var endpointFields = map[string]field{
	"user":               {kind: aString, preset: structpb.NewStringValue("root")},
	"password":           {kind: aString, secret: true},
	"host":               {kind: aString, required: true},
	"port":               {kind: aNumber, preset: structpb.NewNumberValue(22)},
	"privateKey":         {kind: aString, secret: true},
	"privateKeyPassword": {kind: aString, secret: true},
	"agentSocketPath":    {kind: aString},
	"dialErrorLimit":     {kind: aWhole, preset: structpb.NewNumberValue(10)},
	"perDialTimeout":     {kind: aWhole, preset: structpb.NewNumberValue(15)},
	"hostKey":            {kind: aString},
}

var commandFields = map[string]field{
	"create":                 {kind: aString},
	"update":                 {kind: aString},
	"delete":                 {kind: aString},
	"triggers":               {kind: aList},
	"stdin":                  {kind: aString},
	"logging":                {kind: aString},
	"environment":            {kind: aMap},
	"addPreviousOutputInEnv": {kind: aBoolean},
}

var remoteFields = joined(commandFields, map[string]field{
	"connection": {
		kind: anObject, required: true, secret: true,
		fields: joined(endpointFields, map[string]field{
			"proxy": {kind: anObject, fields: endpointFields},
		}),
	},
})

const noAssets = "the stand-in for Pulumi's command plugin returns no assets or archives"

var localFields = joined(commandFields, map[string]field{
	"interpreter":  {kind: aListOfStrings},
	"dir":          {kind: aString},
	"assetPaths":   {kind: aListOfStrings, refusal: noAssets},
	"archivePaths": {kind: aListOfStrings, refusal: noAssets},
})

func joined(first, second map[string]field) map[string]field {
	both := maps.Clone(first)
	maps.Copy(both, second)
	return both
}
