// Command pulumi-resource-command is a stand-in for Pulumi's command plugin, where Pulumi's
// downloads are out of reach.
//
// It speaks Pulumi's plugin protocol and serves two types of pulumi-command 1.2.1,
// command:remote:Command and command:local:Command, with that version's inputs, outputs, rules and
// error texts, so that a program cannot tell which of the two it runs on. tests/contract runs the
// same cases against either. The code and its sentences are this project's own.
//
//	main.go       starting, and what ends this process
//	lifetime.go   noticing that the engine died
//	provider.go   the gRPC service, and what ends a running operation
//	check.go      Check: required values, types, defaults, secrets
//	fields.go     the inputs of the two types
//	diff.go       Diff: property by property
//	operations.go Create, Update, Delete, and what a preview knows of their outputs
//	request.go    one command to run, read from a resource's properties
//	remote.go     one command over SSH
//	dial.go       reaching the host, with retries
//	endpoint.go   one host, and the login there
//	local.go      one command on this machine
//	capture.go    what a command writes
//	log.go        the engine's log
//	values.go     property values, as they are on the wire
package main
