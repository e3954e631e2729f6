// Command pulumi-resource-random is the Pulumi plugin of the Terraform provider random.
package main

import (
	"github.com/terraform-providers/terraform-provider-random/provider"

	"lab/bridged/bridged"
)

func main() {
	// RandomBytes is left out: its id needs code of its own, and the project does not use it.
	bridged.Serve("random", bridged.RandomVersion, provider.New(), bridged.Names{
		Resources: map[string]string{
			"random_id":       "RandomId",
			"random_integer":  "RandomInteger",
			"random_password": "RandomPassword",
			"random_pet":      "RandomPet",
			"random_shuffle":  "RandomShuffle",
			"random_string":   "RandomString",
			"random_uuid":     "RandomUuid",
		},
		Ignored: []string{"random_bytes"},
	})
}
