// Package provider hands out the Terraform provider that its own module keeps internal.
package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	internal "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New returns the provider.
func New() provider.Provider { return internal.New() }
