package web_test

import (
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// The operations of these tests: one of each kind, at the service's own paths.
// The service's own declarations stand beside their handlers, in functions.

func acquiring() web.Operation {
	return web.Operation{ID: "acquire", Method: http.MethodPost, Path: api.PathAcquire, Body: web.BodyRequired}
}

func heartbeating() web.Operation {
	return web.Operation{
		ID: "heartbeat", Method: http.MethodPatch, Path: api.PathHeartbeat,
		Params: []web.Param{web.SessionParam()}, Body: web.BodyIgnored,
		Also: []web.Way{{ID: "heartbeatByPost", Method: http.MethodPost, Path: api.PathHeartbeat}},
	}
}

func releasing() web.Operation {
	return web.Operation{
		ID: "release", Method: http.MethodDelete, Path: api.PathSession,
		Params: []web.Param{web.SessionParam()}, Body: web.BodyIgnored,
		Also: []web.Way{{ID: "releaseByPost", Method: http.MethodPost, Path: api.PathRelease}},
	}
}

func keySet() web.Operation {
	return web.Operation{ID: "jwks", Method: http.MethodGet, Path: api.PathJWKS, Access: web.AccessPublic, AnyOrigin: true}
}

func reaping() web.Operation {
	return web.Operation{ID: "reap", Method: http.MethodPost, Path: api.PathReap, Aliases: []string{"/"}, Access: web.AccessScheduler}
}

// users lets in whom auth knows.
func users(auth web.Authenticator) web.Authenticators {
	return web.Authenticators{web.AccessUser: auth}
}
