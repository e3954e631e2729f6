// Package bridged serves a Terraform provider as a Pulumi plugin.
package bridged

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// The versions to report, set by the linker: those of the Python SDKs that the project pins, because
// the engine warns when a plugin reports another version than the one that the program asks for.
var (
	TLSVersion    string
	RandomVersion string
)

// Names maps the names of a Terraform provider to those of its Pulumi package.
type Names struct {
	Resources map[string]string
	Functions map[string]string
	Ignored   []string
}

// Serve runs the plugin until the engine ends it.
func Serve(pkg, version string, p provider.Provider, names Names) {
	info := tfbridge.ProviderInfo{
		Name:           pkg,
		Version:        version,
		P:              pf.ShimProvider(p),
		Resources:      map[string]*tfbridge.ResourceInfo{},
		DataSources:    map[string]*tfbridge.DataSourceInfo{},
		IgnoreMappings: names.Ignored,
		MetadataInfo:   tfbridge.NewProviderMetadata([]byte("{}")),
	}
	for terraform, name := range names.Resources {
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(pkg, name))}
	}
	for terraform, name := range names.Functions {
		info.DataSources[terraform] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token(pkg, name))}
	}
	// The schema serves those who generate SDKs; the program uses the published ones.
	schema, err := json.Marshal(map[string]string{"name": pkg, "version": version})
	if err != nil {
		panic(err)
	}
	pf.Main(context.Background(), pkg, info, pf.ProviderMetadata{PackageSchema: schema})
}

// token returns the name of a resource or function in today's Pulumi packages, such as
// tls:index/privateKey:PrivateKey.
func token(pkg, name string) string {
	return pkg + ":index/" + strings.ToLower(name[:1]) + name[1:] + ":" + name
}
