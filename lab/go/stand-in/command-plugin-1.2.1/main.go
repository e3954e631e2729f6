package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

const (
	version      = "1.2.1"           // of pulumi-command, whose behaviour this follows
	messageLimit = 400 * 1024 * 1024 // what the engine uses
	grace        = time.Second
)

func main() {
	// The engine's address comes last, after its flags for logging and tracing.
	address := ""
	if last := os.Args[len(os.Args)-1]; len(os.Args) > 1 && !strings.HasPrefix(last, "-") {
		address = last
	}
	if err := serve(address); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-command: %v\n", err)
		os.Exit(1)
	}
}

// serve answers the engine's calls until the engine ends it, or dies.
func serve(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	parent := os.Getppid() // before anything that takes time: the parent could die in it

	provider := newProvider()
	var watched *engine
	if address != "" {
		var err error
		if watched, err = connectEngine(address); err != nil {
			return err
		}
		provider.engine.Store(watched)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(messageLimit), grpc.MaxSendMsgSize(messageLimit),
	)
	pb.RegisterResourceProviderServer(server, provider)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	// The engine reads the port from the first line and nothing after it.
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	case <-engineDeath(ctx, parent, watched):
	}
	provider.cancel()
	// Without the pause a command's TERM would not get onto the wire.
	force := time.AfterFunc(grace, server.Stop)
	defer force.Stop()
	server.GracefulStop()
	return nil
}
