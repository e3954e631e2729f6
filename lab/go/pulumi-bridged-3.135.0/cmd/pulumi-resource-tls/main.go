// Command pulumi-resource-tls is the Pulumi plugin of the Terraform provider tls.
package main

import (
	"github.com/hashicorp/terraform-provider-tls/provider"

	"lab/bridged/bridged"
)

func main() {
	bridged.Serve("tls", bridged.TLSVersion, provider.New(), bridged.Names{
		Resources: map[string]string{
			"tls_cert_request":        "CertRequest",
			"tls_locally_signed_cert": "LocallySignedCert",
			"tls_private_key":         "PrivateKey",
			"tls_self_signed_cert":    "SelfSignedCert",
		},
		Functions: map[string]string{
			"tls_certificate": "getCertificate",
			"tls_public_key":  "getPublicKey",
		},
	})
}
