package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// runLocal runs one command here, by /bin/sh -c unless an interpreter is given.
func runLocal(ctx context.Context, r request) (output, error) {
	words := r.interpreter
	if len(words) == 0 {
		words = []string{"/bin/sh", "-c"}
	}
	words = append(words, r.command)
	command := exec.Command(words[0], words[1:]...)
	command.Dir = r.dir
	command.Env = os.Environ()
	for _, each := range []map[string]string{r.environment, r.previous} {
		for name, value := range each {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	if r.stdin != "" {
		command.Stdin = strings.NewReader(r.stdin)
	}
	// A group of its own, so that ending it ends what it started.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	wrote := newCapture(ctx, r.logging)
	command.Stdout, command.Stderr = &wrote.stdout, &wrote.stderr

	return r.follow(ctx, wrote, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := command.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			// Not waited for: it may take its time to end in good order.
			return syscall.Kill(-command.Process.Pid, syscall.SIGTERM)
		}
	})
}
