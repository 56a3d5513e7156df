package worker

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// ReadEntitlements is the message of a [Read] in a worker's log.
const ReadEntitlements = "entitlements read"

// Read says that the worker has read what an organization has bought. The times
// are the machine's, in microseconds since 1970.
type Read struct {
	Message      string `json:"message"`
	Organization string `json:"organization_id"`
	Began, Ended int64
}

// reads writes down when entitlements were read, before anything goes by them.
type reads struct {
	record.Record

	out io.Writer
}

func watch(out io.Writer) func(record.Record) record.Record {
	return func(r record.Record) record.Record { return reads{r, out} }
}

// Entitlements implements [record.Record].
func (r reads) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	began := time.Now().UnixMicro()
	e, err := r.Record.Entitlements(ctx, caller)
	if err != nil {
		return e, err
	}
	line, err := json.Marshal(Read{ReadEntitlements, caller.OrganizationID, began, time.Now().UnixMicro()})
	if err != nil {
		return e, err
	}
	_, err = r.out.Write(append(line, '\n'))
	return e, err
}
