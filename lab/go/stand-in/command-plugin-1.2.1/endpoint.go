package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// endpoint is one host, and how to log in there. It holds secrets: it is never printed.
type endpoint struct {
	host               string
	port               int
	user               string
	password           *string
	privateKey         *string
	privateKeyPassword *string
	hostKey            *string
	agentSocket        string
	dialErrorLimit     int // -1: none
	dialTimeout        time.Duration
}

// newEndpoint reads the `connection` input, or the `proxy` in it.
func newEndpoint(given props) endpoint {
	e := endpoint{
		host:               text(given["host"]),
		port:               int(number(given["port"])),
		user:               text(given["user"]),
		password:           optional(given, "password"),
		privateKey:         optional(given, "privateKey"),
		privateKeyPassword: optional(given, "privateKeyPassword"),
		hostKey:            optional(given, "hostKey"),
		agentSocket:        text(given["agentSocketPath"]),
		dialErrorLimit:     10,
		dialTimeout:        15 * time.Second,
	}
	// A state of another version may lack what Check fills in.
	if e.port == 0 {
		e.port = 22
	}
	if e.user == "" {
		e.user = "root"
	}
	if limit, ok := given["dialErrorLimit"]; ok {
		e.dialErrorLimit = int(number(limit))
	}
	if seconds, ok := given["perDialTimeout"]; ok {
		e.dialTimeout = time.Duration(number(seconds) * float64(time.Second))
	}
	if e.privateKey != nil {
		e.agentSocket = "" // the official plugin tries one source of keys
	} else if e.agentSocket == "" {
		e.agentSocket = os.Getenv("SSH_AUTH_SOCK")
	}
	return e
}

func optional(given props, name string) *string {
	if value, ok := given[name]; ok {
		found := text(value)
		return &found
	}
	return nil
}

func (e endpoint) address() string {
	return net.JoinHostPort(e.host, strconv.Itoa(e.port))
}

func (e endpoint) direct() dialer {
	return (&net.Dialer{Timeout: e.dialTimeout}).DialContext
}

// config returns how to log in, and what to call when that is done with. Its errors are final:
// dialing again would not help.
func (e endpoint) config() (*ssh.ClientConfig, func(), error) {
	config := &ssh.ClientConfig{User: e.user, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	if e.hostKey != nil {
		if err := pin(config, *e.hostKey); err != nil {
			return nil, nil, err
		}
	}
	if e.privateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	done := func() {}
	if e.agentSocket != "" {
		socket, err := net.Dial("unix", e.agentSocket)
		switch {
		case err == nil:
			done = func() { _ = socket.Close() }
			keys := agent.NewClient(socket).Signers
			config.Auth = append(config.Auth, ssh.PublicKeysCallback(keys))
		case e.password == nil: // beside a password, a socket left behind need not fail
			return nil, nil, err
		}
	}
	if e.password != nil {
		config.Auth = append(
			config.Auth, ssh.Password(*e.password), ssh.KeyboardInteractive(e.answers),
		)
	}
	return config, done, nil
}

func (e endpoint) signer() (ssh.Signer, error) {
	if e.privateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase(
			[]byte(*e.privateKey), []byte(*e.privateKeyPassword),
		)
	}
	return ssh.ParsePrivateKey([]byte(*e.privateKey))
}

func (e endpoint) answers(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for index := range answers {
		answers[index] = *e.password
	}
	return answers, nil
}

// pin takes a public key, alone or after the host of a known_hosts line.
func pin(config *ssh.ClientConfig, line string) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("failed to parse host key: %w", err)
	}
	config.HostKeyCallback = ssh.FixedHostKey(key)
	// Else a host with several keys would show another one first. (As the plugin: an RSA key is
	// asked for as `ssh-rsa`, that is with SHA-1.)
	config.HostKeyAlgorithms = []string{key.Type()}
	return nil
}
