package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
)

const waitingLines = 1024 // more, and the command waits until the engine has taken some

// capture collects what a command writes, and logs the streams that were asked for.
type capture struct {
	stdout, stderr stream

	mu    sync.Mutex
	both  []byte          // in the order in which it came
	ctx   context.Context // ends the logging
	lines chan string
}

func newCapture(ctx context.Context, logging string) *capture {
	c := &capture{ctx: ctx, lines: make(chan string, waitingLines)}
	all := logging == "" || logging == "stdoutAndStderr"
	c.stdout = stream{all: c, logged: all || logging == "stdout"}
	c.stderr = stream{all: c, logged: all || logging == "stderr"}
	return c
}

// during logs while a command runs, line by line, and waits until the engine has it all.
func (c *capture) during(log resourceLog, run func() error) error {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(ctx, log)
	}()
	err := run()
	if c.ctx.Err() != nil { // the command may still write
		return c.ctx.Err()
	}
	c.stdout.finish()
	c.stderr.finish()
	close(c.lines)
	<-sent
	return err
}

func (c *capture) send(ctx context.Context, log resourceLog) {
	for {
		select {
		case <-ctx.Done():
			return
		case line, more := <-c.lines:
			if !more {
				return
			}
			log.status(ctx, line)
		}
	}
}

func (c *capture) combined() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.both
}

func (c *capture) output() output {
	return output{stdout: c.stdout.text(), stderr: c.stderr.text()}
}

// stream is one of the two that a command writes to.
type stream struct {
	all    *capture
	logged bool
	kept   []byte
	rest   []byte // of a line whose end has not come yet
}

func (s *stream) Write(data []byte) (int, error) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.kept = append(s.kept, data...)
	s.all.both = append(s.all.both, data...)
	if s.logged {
		s.rest = append(s.rest, data...)
		for {
			line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
			if !whole {
				break
			}
			s.log(line)
			s.rest = rest
		}
	}
	return len(data), nil
}

func (s *stream) finish() {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if len(s.rest) > 0 {
		s.log(s.rest)
	}
}

func (s *stream) log(line []byte) {
	shown := strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "\uFFFD")
	select {
	case s.all.lines <- shown:
	case <-s.all.ctx.Done():
	}
}

func (s *stream) text() string {
	return strings.TrimSuffix(strings.ToValidUTF8(string(s.kept), "\uFFFD"), "\n")
}
