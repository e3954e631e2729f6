// Package provider hands out the Terraform provider that its own module keeps internal.
package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	internal "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// New returns the provider.
func New() provider.Provider { return internal.New() }
