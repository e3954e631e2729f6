package main

import (
	"context"
	"os"
	"time"

	"google.golang.org/grpc/connectivity"
)

const (
	poll         = 500 * time.Millisecond
	firstContact = 10 * time.Second
)

// engineDeath returns a channel that closes when the process that started this one is gone, or the
// engine hangs up.
func engineDeath(ctx context.Context, parent int, watched *engine) <-chan struct{} {
	dead := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(dead)
		<-ctx.Done()
	}()
	go func() {
		defer cancel()
		untilParentDies(ctx, parent)
	}()
	if watched != nil {
		go func() {
			defer cancel()
			untilConnectionBreaks(ctx, watched)
		}()
	}
	return dead
}

// Polled, because no event that every system has tells of a parent's death.
func untilParentDies(ctx context.Context, parent int) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Needed beside the parent: a wrapper script that does not exec is the parent then.
func untilConnectionBreaks(ctx context.Context, watched *engine) {
	first, cancel := context.WithTimeout(ctx, firstContact)
	defer cancel()
	state := watched.connection.GetState()
	for state != connectivity.Ready {
		watched.connection.Connect()
		if !watched.connection.WaitForStateChange(first, state) {
			return
		}
		state = watched.connection.GetState()
	}
	for state != connectivity.TransientFailure && state != connectivity.Shutdown {
		watched.connection.Connect() // does nothing unless it fell idle
		if !watched.connection.WaitForStateChange(ctx, state) {
			return
		}
		state = watched.connection.GetState()
	}
}
