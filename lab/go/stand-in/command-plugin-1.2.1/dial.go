package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	firstDelay   = 100 * time.Millisecond
	backoff      = 1.5
	longestDelay = 5 * time.Second
	loginWithin  = 2 * time.Minute
)

// connection is a login on a host, and what leads there.
type connection struct {
	client *ssh.Client
	hop    *ssh.Client // none where the host is reached directly
}

// The order matters: the host first, then the hop that leads there.
func (c *connection) close() {
	_ = c.client.Close()
	if c.hop != nil {
		_ = c.hop.Close()
	}
}

// dialer opens a TCP connection, from here or from a hop.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial logs in on the host that the `connection` input names, over its proxy if there is one.
func dial(ctx context.Context, given props, log resourceLog) (*connection, error) {
	target := newEndpoint(given)
	config, done, err := target.config()
	if err != nil {
		return nil, err
	}
	defer done()
	if given["proxy"] == nil {
		client, err := retry(ctx, "Dial", target, log, config, target.direct())
		if err != nil {
			return nil, err
		}
		return &connection{client: client}, nil
	}

	proxy := newEndpoint(fieldsOf(given["proxy"]))
	proxyConfig, proxyDone, err := proxy.config()
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	defer proxyDone()
	hop, err := retry(ctx, "Dial proxy", proxy, log, proxyConfig, proxy.direct())
	if err != nil {
		return nil, orCancelled(ctx, fmt.Errorf("proxy: %w", err))
	}
	client, err := retry(ctx, "Dial", target, log, config, hop.DialContext)
	if err != nil {
		_ = hop.Close()
		return nil, orCancelled(ctx, fmt.Errorf("proxy: %w", err))
	}
	return &connection{client: client, hop: hop}, nil
}

func retry(
	ctx context.Context, what string, to endpoint, log resourceLog,
	config *ssh.ClientConfig, open dialer,
) (*ssh.Client, error) {
	limit, shown := to.dialErrorLimit, strconv.Itoa(to.dialErrorLimit)
	if limit == -1 {
		shown = "inf"
	}
	delay := firstDelay
	for failed := 0; ; {
		client, err := login(ctx, to, config, open)
		if err == nil {
			return client, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if limit > -1 && failed >= limit {
			return nil, fmt.Errorf("after %d failed attempts: %w", failed, err)
		}
		failed++
		log.status(ctx, fmt.Sprintf("%s %d/%s failed: retrying", what, failed, shown))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
		delay = min(time.Duration(float64(delay)*backoff), longestDelay)
	}
}

func login(
	ctx context.Context, to endpoint, config *ssh.ClientConfig, open dialer,
) (*ssh.Client, error) {
	socket, err := open(ctx, "tcp", to.address())
	if err != nil {
		return nil, err
	}
	// Closing is what ends a login early: a socket that a hop opened knows no deadline.
	within, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()
	cut := context.AfterFunc(within, func() { _ = socket.Close() })
	opened, channels, requests, err := ssh.NewClientConn(socket, to.address(), config)
	if err == nil && cut() {
		return ssh.NewClient(opened, channels, requests), nil
	}
	_ = socket.Close()
	if within.Err() != nil {
		return nil, fmt.Errorf("ssh: handshake failed: no login within %v", loginWithin)
	}
	return nil, err
}
