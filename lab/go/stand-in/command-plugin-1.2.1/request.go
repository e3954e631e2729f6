package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
)

// request is one command to run, its inputs unwrapped.
type request struct {
	command     string
	stdin       string
	logging     string
	environment map[string]string // the user's: refusing one of these is an error
	previous    map[string]string // the output of the command before, for this one to use
	connection  props             // of a remote command
	interpreter []string          // of a local command
	dir         string            // of a local command
	log         resourceLog
	dialTimeout time.Duration // as in the official plugin it bounds the dialing, not the command
}

func newRequest(o operation, command *structpb.Value, inputs props, previous output) request {
	environment := map[string]string{}
	for name, value := range fieldsOf(inputs["environment"]) {
		environment[name] = text(value)
	}
	return request{
		command:     text(command),
		stdin:       text(inputs["stdin"]),
		logging:     text(inputs["logging"]),
		environment: environment,
		previous:    previousEnvironment(inputs["addPreviousOutputInEnv"], previous),
		connection:  fieldsOf(inputs["connection"]),
		interpreter: list(inputs["interpreter"]),
		dir:         text(inputs["dir"]),
		log:         o.log,
		dialTimeout: o.dialTimeout,
	}
}

func previousEnvironment(wanted *structpb.Value, previous output) map[string]string {
	both := map[string]string{}
	inner, _ := opened(wanted)
	if inner != nil && !inner.GetBoolValue() {
		return both
	}
	if previous.stdout != "" {
		both["PULUMI_COMMAND_STDOUT"] = previous.stdout
	}
	if previous.stderr != "" {
		both["PULUMI_COMMAND_STDERR"] = previous.stderr
	}
	return both
}

// follow logs what a command writes until `run` says that it has ended, and tells how it ended.
func (r request) follow(ctx context.Context, wrote *capture, run func() error) (output, error) {
	err := wrote.during(r.log, run)
	if ctx.Err() != nil {
		return output{}, ctx.Err()
	}
	if err != nil {
		return output{}, r.failure(err, wrote.combined())
	}
	return wrote.output(), nil
}

// failure says why a command failed: the reason, the whole command, all that it wrote.
func (r request) failure(reason error, wrote []byte) error {
	return fmt.Errorf("%w: running %q:\n%s", reason, r.command, wrote)
}
