package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// resource is a type of resource: the inputs it takes, and where its commands run.
type resource struct {
	fields map[string]field
	run    func(context.Context, request) (output, error)
}

// operation is one Create, Update or Delete under way.
type operation struct {
	ctx         context.Context
	resource    resource
	log         resourceLog
	dialTimeout time.Duration
}

// create runs the resource's create. A preview runs nothing and knows no output.
func (o operation) create(inputs props, preview bool) (props, error) {
	if preview {
		return withUnknownOutput(inputs), nil
	}
	return o.runFirst(inputs, output{}, "create")
}

// update runs the resource's update, or its create where there is none.
func (o operation) update(state, inputs props, preview bool) (props, error) {
	previous := outputOf(state)
	if preview {
		if o.mayWriteAnew(state, inputs) {
			return withUnknownOutput(inputs), nil
		}
		return withOutput(inputs, previous), nil
	}
	return o.runFirst(inputs, previous, "update", "create")
}

// delete runs the state's delete, over the state's connection.
func (o operation) delete(state props) error {
	_, err := o.runFirst(state, outputOf(state), "delete")
	return err
}

// runFirst runs the first of these commands that there is; where there is none, the output stays.
func (o operation) runFirst(inputs props, previous output, verbs ...string) (props, error) {
	for _, verb := range verbs {
		if _, given := inputs[verb]; !given {
			continue
		}
		wrote, err := o.resource.run(o.ctx, newRequest(o, inputs[verb], inputs, previous))
		if err != nil {
			return nil, err
		}
		return withOutput(inputs, wrote), nil
	}
	return withOutput(inputs, previous), o.ctx.Err()
}

// The official plugin keeps the old output in a preview unless an input that the state holds too
// has changed, or is not known yet.
func (o operation) mayWriteAnew(state, inputs props) bool {
	for name := range o.resource.fields {
		old, held := state[name]
		if isUnknown(inputs[name]) || held && !proto.Equal(old, inputs[name]) {
			return true
		}
	}
	return false
}

// output is what a command wrote, one closing newline of each stream removed.
type output struct {
	stdout, stderr string
}

func outputOf(state props) output {
	return output{stdout: text(state["stdout"]), stderr: text(state["stderr"])}
}

func withOutput(inputs props, wrote output) props {
	all := maps.Clone(inputs)
	all["stdout"] = structpb.NewStringValue(wrote.stdout)
	all["stderr"] = structpb.NewStringValue(wrote.stderr)
	return all
}

func withUnknownOutput(inputs props) props {
	return withOutput(inputs, output{stdout: unknownText, stderr: unknownText})
}

// newID makes an id that tells a person which resource it is: its name and eight random digits.
func newID(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	digits := make([]byte, 4)
	rand.Read(digits) // never fails: it ends the process instead
	return parts[len(parts)-1] + hex.EncodeToString(digits)
}
