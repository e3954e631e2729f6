package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

const hangUpWithin = 200 * time.Millisecond

const setenvHelp = "Unable to set '%s'. The SSH server must accept this variable: name it in " +
	"AcceptEnv in sshd_config. Or write VAR=value before the command, where a shell runs it."

// runRemote runs one command over a connection of its own.
func runRemote(ctx context.Context, r request) (output, error) {
	connection, err := dialWithin(ctx, r)
	if err != nil {
		return output{}, err
	}
	defer connection.close()
	// Until the command runs there is nothing to tell that it has to end.
	cut := context.AfterFunc(ctx, connection.close)
	defer cut()

	session, err := connection.client.NewSession()
	if err != nil {
		return output{}, orCancelled(ctx, err)
	}
	if err := setEnvironment(ctx, session, r); err != nil {
		return output{}, orCancelled(ctx, err)
	}
	wrote := newCapture(ctx, r.logging)
	session.Stdout, session.Stderr = &wrote.stdout, &wrote.stderr
	// Not session.Stdin: with that, a command that ends before it has read all would be a failure.
	stdin, err := session.StdinPipe()
	if err != nil {
		return output{}, err
	}
	command := r.command
	if command == "" {
		command = " " // one of no characters would start a login shell
	}
	if err := session.Start(command); err != nil {
		return output{}, orCancelled(ctx, r.failure(err, nil))
	}
	cut()
	go func() {
		_, _ = io.WriteString(stdin, r.stdin)
		_ = stdin.Close()
	}()
	return r.follow(ctx, wrote, func() error { return wait(ctx, session) })
}

func dialWithin(ctx context.Context, r request) (*connection, error) {
	if r.dialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.dialTimeout)
		defer cancel()
	}
	return dial(ctx, r.connection, r.log)
}

// A command that runs without a variable that it was promised can do harm: the server is asked
// about each before the command starts.
func setEnvironment(ctx context.Context, session *ssh.Session, r request) error {
	for _, name := range slices.Sorted(maps.Keys(r.environment)) {
		if err := session.Setenv(name, r.environment[name]); err != nil {
			r.log.error(ctx, fmt.Sprintf(setenvHelp, name))
			return fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.previous)) {
		if err := session.Setenv(name, r.previous[name]); err != nil {
			r.log.warning(ctx, fmt.Sprintf(setenvHelp, name))
		}
	}
	return nil
}

func wait(ctx context.Context, session *ssh.Session) error {
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// A command without a terminal outlives its connection, so it is told to stop first. Root's
	// commands do not hear it: there OpenSSH refuses signals. They end at their next output.
	told := make(chan struct{})
	go func() {
		defer close(told)
		_ = session.Signal(ssh.SIGTERM)
		_ = session.Close()
	}()
	select {
	case <-told:
	case <-time.After(hangUpWithin): // the host takes nothing any more
	}
	return ctx.Err()
}

// orCancelled prefers the cause to what it led to: a connection that was cut.
func orCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
