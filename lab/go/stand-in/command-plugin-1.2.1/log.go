package main

import (
	"context"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// engine is the engine that started this plugin.
type engine struct {
	connection *grpc.ClientConn
	client     pb.EngineClient
}

func connectEngine(address string) (*engine, error) {
	connection, err := grpc.NewClient(
		address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithIdleTimeout(0), // the connection tells that the engine lives, even in silence
		grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, err
	}
	return &engine{connection: connection, client: pb.NewEngineClient(connection)}, nil
}

// resourceLog is the log of one resource. Without an engine it drops what it is given.
type resourceLog struct {
	engine *engine
	urn    string
}

// debug is for what is of interest to somebody who looks for the cause of trouble.
func (l resourceLog) debug(ctx context.Context, message string) {
	l.send(ctx, &pb.LogRequest{Severity: pb.LogSeverity_DEBUG, Message: message})
}

func (l resourceLog) warning(ctx context.Context, message string) {
	l.send(ctx, &pb.LogRequest{Severity: pb.LogSeverity_WARNING, Message: message})
}

func (l resourceLog) error(ctx context.Context, message string) {
	l.send(ctx, &pb.LogRequest{Severity: pb.LogSeverity_ERROR, Message: message})
}

// status shows a message that the next one replaces.
func (l resourceLog) status(ctx context.Context, message string) {
	l.send(ctx, &pb.LogRequest{Severity: pb.LogSeverity_INFO, Message: message, Ephemeral: true})
}

func (l resourceLog) send(ctx context.Context, message *pb.LogRequest) {
	if l.engine == nil {
		return
	}
	message.Urn = l.urn
	// An engine that does not answer is no reason to fail an operation.
	_, _ = l.engine.client.Log(ctx, message)
}
