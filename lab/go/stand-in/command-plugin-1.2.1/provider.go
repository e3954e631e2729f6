package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	remoteType = "command:remote:Command"
	localType  = "command:local:Command"
	whatThisIs = "this is the stand-in for Pulumi's command plugin " + version +
		", used where Pulumi's downloads cannot be reached; it knows only " +
		remoteType + " and " + localType
)

var resources = map[string]resource{
	remoteType: {fields: remoteFields, run: runRemote},
	localType:  {fields: localFields, run: runLocal},
}

// provider answers the engine's calls.
type provider struct {
	pb.UnimplementedResourceProviderServer
	engine atomic.Pointer[engine] // none where nobody named an address
	life   context.Context        // ends with the engine's wish to go on
	cancel context.CancelFunc
}

func newProvider() *provider {
	life, cancel := context.WithCancel(context.Background())
	return &provider{life: life, cancel: cancel}
}

func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pb.PluginInfo, error) {
	return &pb.PluginInfo{Version: version}, nil
}

// Attach brings the engine's address, where this process was not started by the engine.
func (p *provider) Attach(_ context.Context, request *pb.PluginAttach) (*emptypb.Empty, error) {
	connected, err := connectEngine(request.GetAddress())
	if err != nil {
		return nil, err
	}
	p.engine.Store(connected)
	return &emptypb.Empty{}, nil
}

// Cancel ends every running command, and new ones are refused.
func (p *provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	p.cancel()
	return &emptypb.Empty{}, nil
}

// CheckConfig accepts whatever is given: the provider has no configuration.
func (p *provider) CheckConfig(
	_ context.Context, request *pb.CheckRequest,
) (*pb.CheckResponse, error) {
	return &pb.CheckResponse{Inputs: request.GetNews()}, nil
}

func (p *provider) DiffConfig(context.Context, *pb.DiffRequest) (*pb.DiffResponse, error) {
	return &pb.DiffResponse{Changes: pb.DiffResponse_DIFF_NONE}, nil
}

// Configure agrees on features. Secrets come marked, so that they go back into the state marked.
func (p *provider) Configure(
	ctx context.Context, _ *pb.ConfigureRequest,
) (*pb.ConfigureResponse, error) {
	resourceLog{engine: p.engine.Load()}.debug(ctx, whatThisIs)
	return &pb.ConfigureResponse{
		AcceptSecrets: true, SupportsPreview: true, AcceptResources: true, AcceptOutputs: true,
	}, nil
}

// GetSchema refuses: half a schema would mislead whoever generates code from it.
func (p *provider) GetSchema(
	context.Context, *pb.GetSchemaRequest,
) (*pb.GetSchemaResponse, error) {
	return nil, unserved("the schema")
}

func (p *provider) Invoke(
	_ context.Context, request *pb.InvokeRequest,
) (*pb.InvokeResponse, error) {
	return nil, unserved("the function " + request.GetTok())
}

func (p *provider) Check(
	_ context.Context, request *pb.CheckRequest,
) (*pb.CheckResponse, error) {
	resource, err := resourceOf(request.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, failures := check(resource.fields, read(request.GetNews()))
	return &pb.CheckResponse{Inputs: written(inputs), Failures: failures}, nil
}

func (p *provider) Diff(_ context.Context, request *pb.DiffRequest) (*pb.DiffResponse, error) {
	if _, err := resourceOf(request.GetUrn()); err != nil {
		return nil, err
	}
	state := read(request.GetOlds())
	news := withIgnored(read(request.GetNews()), state, request.GetIgnoreChanges())
	return diff(read(request.GetOldInputs()), news), nil
}

func (p *provider) Create(
	ctx context.Context, request *pb.CreateRequest,
) (*pb.CreateResponse, error) {
	outputs, err := p.operate(ctx, request.GetUrn(), request.GetTimeout(),
		func(each operation) (props, error) {
			return each.create(read(request.GetProperties()), request.GetPreview())
		})
	if err != nil {
		return nil, err
	}
	return &pb.CreateResponse{Id: newID(request.GetUrn()), Properties: written(outputs)}, nil
}

func (p *provider) Update(
	ctx context.Context, request *pb.UpdateRequest,
) (*pb.UpdateResponse, error) {
	outputs, err := p.operate(ctx, request.GetUrn(), request.GetTimeout(),
		func(each operation) (props, error) {
			state := read(request.GetOlds())
			inputs := withIgnored(read(request.GetNews()), state, request.GetIgnoreChanges())
			return each.update(state, inputs, request.GetPreview())
		})
	if err != nil {
		return nil, err
	}
	return &pb.UpdateResponse{Properties: written(outputs)}, nil
}

func (p *provider) Delete(
	ctx context.Context, request *pb.DeleteRequest,
) (*emptypb.Empty, error) {
	_, err := p.operate(ctx, request.GetUrn(), request.GetTimeout(),
		func(each operation) (props, error) {
			return nil, each.delete(read(request.GetProperties()))
		})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// Read returns what is known already: nothing on a host is looked at.
func (p *provider) Read(_ context.Context, request *pb.ReadRequest) (*pb.ReadResponse, error) {
	if _, err := resourceOf(request.GetUrn()); err != nil {
		return nil, err
	}
	return &pb.ReadResponse{
		Id: request.GetId(), Properties: request.GetProperties(), Inputs: request.GetInputs(),
	}, nil
}

// operate does one operation, which ends early when the engine cancels, or hangs up on this call.
func (p *provider) operate(
	ctx context.Context, urn string, dialSeconds float64, do func(operation) (props, error),
) (props, error) {
	resource, err := resourceOf(urn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.life.Err() != nil {
		cancel() // at once: what follows would be too late for a short command
	}
	defer context.AfterFunc(p.life, cancel)()
	outputs, err := do(operation{
		ctx:         ctx,
		resource:    resource,
		log:         resourceLog{engine: p.engine.Load(), urn: urn},
		dialTimeout: time.Duration(dialSeconds * float64(time.Second)),
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = context.Canceled
		}
		// Unknown also for what was cancelled: nobody can say how far the command came.
		return nil, status.Error(codes.Unknown, strings.ToValidUTF8(err.Error(), "\uFFFD"))
	}
	return outputs, nil
}

func resourceOf(urn string) (resource, error) {
	kind := urn
	if parts := strings.Split(urn, "::"); len(parts) > 3 {
		kind = parts[2][strings.LastIndex(parts[2], "$")+1:]
	}
	found, known := resources[kind]
	if !known {
		return resource{}, unserved("the resource " + kind)
	}
	return found, nil
}

func unserved(what string) error {
	return status.Errorf(codes.Unimplemented, "no %s here: %s", what, whatThisIs)
}
