package worker

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// The messages of a [Seen] in a worker's log.
const (
	// ReadEntitlements: the worker has read what an organization has bought.
	ReadEntitlements = "entitlements read"
	// OpenedEpoch: the worker has the epoch by which it rebuilds, or goes on with the
	// rebuild of, an organization's ledger. Nothing is rebuilt without.
	OpenedEpoch = "epoch opened"
)

// Seen says what the record told a worker. The times are the machine's, in
// microseconds since 1970.
type Seen struct {
	Message      string `json:"message"`
	Organization string `json:"organization_id"`
	Began, Ended int64
}

// seen writes down what the record told, before anything goes by it.
type seen struct {
	record.Record

	out io.Writer
}

func watch(out io.Writer) func(record.Record) record.Record {
	return func(r record.Record) record.Record { return seen{r, out} }
}

// Entitlements implements [record.Record].
func (s seen) Entitlements(ctx context.Context, caller license.Caller) (license.Entitlements, error) {
	began := time.Now()
	e, err := s.Record.Entitlements(ctx, caller)
	if err != nil {
		return e, err
	}
	return e, s.note(ReadEntitlements, caller, began)
}

// OpenEpoch implements [record.Record].
func (s seen) OpenEpoch(ctx context.Context, caller license.Caller, nonce string) (license.Epoch, error) {
	began := time.Now()
	e, err := s.Record.OpenEpoch(ctx, caller, nonce)
	if err != nil {
		return e, err
	}
	return e, s.note(OpenedEpoch, caller, began)
}

func (s seen) note(message string, caller license.Caller, began time.Time) error {
	line, err := json.Marshal(Seen{message, caller.OrganizationID, began.UnixMicro(), time.Now().UnixMicro()})
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(line, '\n'))
	return err
}
