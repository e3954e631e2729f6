//go:build tools

// Package tools keeps the programs that lab/builds.py builds in go.mod.
package tools

import _ "sigs.k8s.io/cri-tools/cmd/crictl"
