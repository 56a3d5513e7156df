package main

import (
	"context"
	"fmt"
	"os"

	"github.com/coditect-ai/coditect-licenses/cmd/licensectl/internal/report"
)

// page writes a page with plots. They are by the hour, whatever the step is.
func (u usageReport) page(ctx context.Context, a *app) error {
	c, err := a.control()
	if err != nil {
		return err
	}
	q := u.query()
	q.Step = "hour"
	used, err := c.Usage(ctx, u.Organization, q)
	if err != nil {
		return u.failed("report the usage", err)
	}
	// The same time, also where the question has left it to the service.
	q.From, q.To = used.From.String(), used.To.String()
	refused, err := c.Denials(ctx, u.Organization, q)
	if err != nil {
		return u.failed("report the denials", err)
	}
	file, err := os.Create(u.HTML)
	if err != nil {
		return usageError{err}
	}
	err = report.Write(file, used, refused)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		_, err = fmt.Fprintln(a.out, u.HTML)
	}
	return err
}
