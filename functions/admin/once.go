package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
	"github.com/coditect-ai/coditect-licenses/shared/web"
)

// recordKeeps declares that an act may be named by a key which the record itself judges, in
// the transaction of the act.
func recordKeeps(op web.Operation) web.Operation {
	op.Headers = append(op.Headers, keyHeader()...)
	op.Problems = append(op.Problems, api.IdempotencyKeyReused)
	return op
}

// keeping is how an answer is kept.
type keeping int

const (
	// asTold is answered again as the first time.
	asTold keeping = iota
	// asSecret is told once: a repetition is refused.
	asSecret
	// outliving is asTold, and kept where the end of the organization does not reach.
	outliving
)

// once serves what is several steps. A request that is sent again with its key is answered
// as the first time; one that failed is done again.
func once[In any](
	f *function, op web.Operation, how keeping, handle func(context.Context, web.Call, In) (web.Answer, error),
) web.Route {
	op = recordKeeps(op)
	if how == asSecret {
		op.Problems = append(op.Problems, api.SecretTold)
	}
	return web.Handle(op, func(ctx context.Context, c web.Call, in In) (web.Answer, error) {
		a, err := f.creation(c)
		if err != nil {
			return web.Answer{}, err
		}
		if a.Key == "" || a.DryRun {
			return handle(ctx, c, in)
		}
		request := record.Request{Name: nameOf(op, c, in), Outlives: how == outliving}
		known, found, err := f.Record.AnswerOf(ctx, caller(c), a, request)
		if err != nil {
			return web.Answer{}, err
		}
		if found {
			return repeated(known)
		}
		answer, err := handle(ctx, c, in)
		if err != nil {
			return web.Answer{}, err
		}
		return f.kept(ctx, c, a, request, how, answer)
	})
}

// nameOf tells a request from every other of its caller's.
func nameOf(op web.Operation, c web.Call, in any) string {
	name := []string{op.ID}
	for _, p := range op.Params {
		name = append(name, c.Param(p.Name))
	}
	body, err := json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("admin: a request without a JSON form: %v", err)) // it was read from JSON
	}
	return strings.Join(append(name, string(body)), "\n")
}

// kept keeps the answer. What was done is done: that it cannot be kept refuses nothing.
func (f *function) kept(
	ctx context.Context, c web.Call, a record.Act, request record.Request, how keeping, answer web.Answer,
) (web.Answer, error) {
	note := record.Answer{Status: int64(answer.Status), ETag: answer.Header.Get("Etag"), Secret: how == asSecret}
	if note.Status == 0 {
		note.Status = http.StatusOK
	}
	if answer.Body != nil && !note.Secret {
		body, err := json.Marshal(answer.Body)
		if err != nil {
			return web.Answer{}, fmt.Errorf("the answer to a request with a key: %w", err)
		}
		if goesOn(body) {
			return answer, nil
		}
		note.Body = string(body)
	}
	ctx = context.WithoutCancel(ctx) // of whoever asked and left: the record has a deadline of its own
	if err := f.Record.KeepAnswer(ctx, caller(c), a, request, note); err != nil {
		web.Degraded(ctx, "unkept", err)
	}
	return answer, nil
}

// goesOn reports whether the answer says that there is more to do: then its request, sent
// again with the key, goes on with that.
func goesOn(body []byte) bool {
	var report struct{ More bool }
	return json.Unmarshal(body, &report) == nil && report.More
}

// repeated is the first answer once more.
func repeated(known record.Answer) (web.Answer, error) {
	if known.Secret {
		return web.Answer{}, license.ErrSecretTold
	}
	answer := web.Answer{Status: int(known.Status), Outcome: "repeated", Header: http.Header{}}
	if known.ETag != "" {
		answer.Header.Set("Etag", known.ETag)
	}
	if known.Body != "" {
		answer.Body = json.RawMessage(known.Body)
	}
	return answer, nil
}
