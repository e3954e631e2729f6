//go:build tools

// Package tools keeps the programs that lab/builds.py builds in go.mod.
package tools

import _ "github.com/cri-o/cri-o/cmd/crio"
