package admin

import (
	"context"
	"net/http"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

func exampleMachine() api.User {
	u := exampleUser()
	u.Machine, u.Email, u.Name = true, "", "build-farm"
	return u
}

const exampleToken = "AMf-vBx9…" //nolint:gosec // an example

func createMachine() web.Operation {
	return web.Operation{
		ID: "createMachine", Method: http.MethodPost, Path: api.PathUsersMachine, Params: []web.Param{organizationParam()}, Access: web.AccessStaff,
		Query: dryRunQuery(), Headers: keyHeader(), Body: web.BodyRequired,
		Summary: "Make a machine user", Description: forVendor + "A user without an address, for builds and servers: a member, or one that reads metrics and may do nothing else. The answer has the refresh token by which it signs in, once: it is kept nowhere here. Where the answer is lost, rotate the token.",
		Answers: []web.Documented{{Status: http.StatusCreated, Description: "It was made, or would be.", Body: api.UserMachine{
			User: exampleMachine(), MachineToken: api.MachineToken{RefreshToken: exampleToken},
		}, Headers: etagHeader()}},
		Problems: []api.Code{api.Forbidden, api.IdempotencyKeyReused, api.UserNotFound},
	}
}

func (f *function) createMachine(ctx context.Context, c web.Call, in api.MachineInput) (web.Answer, error) {
	a, err := f.creation(c)
	if err != nil {
		return web.Answer{}, err
	}
	made, token, err := f.People.CreateMachine(ctx, caller(c), a, license.Invitation{
		Name: in.Name, User: license.User{Role: license.Role(in.Role), Groups: in.Groups},
	})
	if err != nil {
		return web.Answer{}, err
	}
	return answered(http.StatusCreated, "created", made.Revision, api.UserMachine{
		User: userOf(made), MachineToken: api.MachineToken{RefreshToken: token},
	}), nil
}

func rotateToken() web.Operation {
	return web.Operation{
		ID: "rotateToken", Method: http.MethodPost, Path: api.PathUserRotate, Params: oneUser(), Access: web.AccessStaff, Query: dryRunQuery(),
		Summary: "Give a machine another token", Description: forVendor + "No refresh token of before is good any more; ID tokens are until they end, within the hour. Its sessions go on. The answer has the new token, once. The user of a person has none.",
		Answers:  []web.Documented{{Status: http.StatusOK, Description: "It, or for a dry run nothing.", Body: api.MachineToken{RefreshToken: exampleToken}}},
		Problems: []api.Code{api.Forbidden},
	}
}

func (f *function) rotateToken(ctx context.Context, c web.Call, _ struct{}) (web.Answer, error) {
	a, err := f.act(c)
	if err != nil {
		return web.Answer{}, err
	}
	token, err := f.People.RotateToken(ctx, caller(c), a, c.Param("user"))
	if err != nil {
		return web.Answer{}, err
	}
	return web.Answer{Outcome: "created", Body: api.MachineToken{RefreshToken: token}}, nil
}
