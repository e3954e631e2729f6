package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)
	escaper    = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)

var replacing = map[pb.PropertyDiff_Kind]pb.PropertyDiff_Kind{
	pb.PropertyDiff_ADD:    pb.PropertyDiff_ADD_REPLACE,
	pb.PropertyDiff_DELETE: pb.PropertyDiff_DELETE_REPLACE,
	pb.PropertyDiff_UPDATE: pb.PropertyDiff_UPDATE_REPLACE,
}

// withIgnored keeps the state's value of each input whose changes are to be ignored.
func withIgnored(inputs, state props, ignored []string) props {
	kept := maps.Clone(inputs)
	for _, name := range ignored {
		if value, there := state[name]; there {
			kept[name] = value
		}
	}
	return kept
}

// diff compares two sets of inputs, property by property, so that a preview can show each change.
func diff(before, after props) *pb.DiffResponse {
	found := changes{}
	maps.DeleteFunc(after, func(name string, _ *structpb.Value) bool {
		return strings.HasPrefix(name, "__")
	})
	found.compareMaps("", before, after)
	response := &pb.DiffResponse{
		Changes: pb.DiffResponse_DIFF_NONE, DetailedDiff: found, HasDetailedDiff: true,
	}
	if len(found) > 0 {
		response.Changes = pb.DiffResponse_DIFF_SOME
	}
	if triggers, changed := found["triggers"]; changed {
		// Only triggers that appear or vanish as a whole replace from here, as in the official
		// plugin. For a change inside them the SDK asks: replace_on_changes=["triggers[*]"].
		triggers.Kind = replacing[triggers.Kind]
		response.Replaces = []string{"triggers"}
	}
	names := map[string]bool{}
	for path := range found {
		if end := strings.IndexAny(path, ".["); end >= 0 {
			path = path[:end]
		}
		names[path] = true
	}
	response.Diffs = slices.Sorted(maps.Keys(names))
	return response
}

type changes map[string]*pb.PropertyDiff

func (c changes) add(path string, kind pb.PropertyDiff_Kind) {
	c[path] = &pb.PropertyDiff{Kind: kind}
}

func (c changes) compareMaps(at string, before, after props) {
	for name, old := range before {
		if now, there := after[name]; there {
			c.compare(join(at, name), old, now)
		} else {
			c.add(join(at, name), pb.PropertyDiff_DELETE)
		}
	}
	for name := range after {
		if _, there := before[name]; !there {
			c.add(join(at, name), pb.PropertyDiff_ADD)
		}
	}
}

func (c changes) compare(at string, before, after *structpb.Value) {
	// What is marked is one value: looking inside a secret would name what it holds.
	if mark(before) == "" && mark(after) == "" {
		left, right := before.GetStructValue(), after.GetStructValue()
		if left != nil && right != nil {
			c.compareMaps(at, left.GetFields(), right.GetFields())
			return
		}
		if before.GetListValue() != nil && after.GetListValue() != nil {
			c.compareLists(at, before.GetListValue().GetValues(), after.GetListValue().GetValues())
			return
		}
	}
	if !proto.Equal(before, after) {
		c.add(at, pb.PropertyDiff_UPDATE)
	}
}

func (c changes) compareLists(at string, before, after []*structpb.Value) {
	for index := range max(len(before), len(after)) {
		path := fmt.Sprintf("%s[%d]", at, index)
		switch {
		case index >= len(after):
			c.add(path, pb.PropertyDiff_DELETE)
		case index >= len(before):
			c.add(path, pb.PropertyDiff_ADD)
		default:
			c.compare(path, before[index], after[index])
		}
	}
}

func join(at, name string) string {
	if !identifier.MatchString(name) {
		return fmt.Sprintf(`%s["%s"]`, at, escaper.Replace(name))
	}
	if at == "" {
		return name
	}
	return at + "." + name
}
