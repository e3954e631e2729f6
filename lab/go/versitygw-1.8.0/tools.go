//go:build tools

// Package tools keeps the program that lab/builds.py builds in go.mod.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
