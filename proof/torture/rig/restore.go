package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
)

// Copy is all that the record has of one organization, as it was exported.
type Copy struct {
	org  string
	docs map[string]map[string]any // by path
}

// orgs is the collection of the organizations, sessions that of an organization's
// sessions, ledger and state are where its epoch is.
const (
	orgs     = "orgs"
	sessions = "sessions"
	ledger   = "ledger"
	state    = "state"
)

// sessionIDLength is that of a UUID, with which a session's document's name ends.
const sessionIDLength = 36

// SessionOf is the session whose document has this name.
func SessionOf(document string) string { return document[max(0, len(document)-sessionIDLength):] }

// Export copies an organization's documents, past all faults. It is no snapshot, as
// a managed export is none.
func (s *Shared) Export(ctx context.Context, org string) (*Copy, error) {
	c := &Copy{org: org, docs: map[string]map[string]any{}}
	root := s.Client.Collection(orgs).Doc(org)
	snapshot, err := root.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", org, err)
	}
	c.docs[path(root)] = snapshot.Data()
	collections := root.Collections(ctx)
	for {
		collection, err := collections.Next()
		if errors.Is(err, iterator.Done) {
			return c, nil
		}
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", org, err)
		}
		docs, err := collection.Documents(ctx).GetAll()
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", org, err)
		}
		for _, doc := range docs {
			c.docs[path(doc.Ref)] = doc.Data()
		}
	}
}

// emulatorHolds is how many sessions an emulator has had at most before there is a new
// one: what is deleted stays in it, and every query looks at it, until none is answered
// within its deadline.
const emulatorHolds = 4000

// Forget deletes all documents of a run's own emulator.
func (s *Shared) Forget(ctx context.Context) error {
	if s.own != nil && s.Recorded > emulatorHolds {
		s.Recorded = 0
		return s.renew(ctx)
	}
	return s.clear(ctx)
}

// renew starts the emulator anew, and waits until all find it again.
func (s *Shared) renew(ctx context.Context) error {
	if err := s.own.Restart(); err != nil { //nolint:contextcheck // bounded by itself
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, emulatorDeadline)
	defer cancel()
	for {
		_, err := s.Client.Collection(orgs).Limit(1).Documents(ctx).GetAll()
		if err = errors.Join(err, s.Record.Ping(ctx)); err == nil || ctx.Err() != nil {
			return err
		}
		Sleep(ctx, 50*time.Millisecond)
	}
}

func (s *Shared) clear(ctx context.Context) error {
	url := fmt.Sprintf("http://%s/emulator/v1/projects/%s/databases/(default)/documents", s.emulator, devstack.Project)
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the emulator forgets nothing: %s", response.Status)
	}
	return nil
}

// path is where a document lies below the database.
func path(ref *firestore.DocumentRef) string {
	if ref.Parent.Parent == nil {
		return ref.Parent.ID + "/" + ref.ID
	}
	return path(ref.Parent.Parent) + "/" + ref.Parent.ID + "/" + ref.ID
}

// Sessions are those that the copy has documents of.
func (c *Copy) Sessions() map[string]bool {
	out := map[string]bool{}
	prefix := orgs + "/" + c.org + "/" + sessions + "/"
	for p := range c.docs {
		if len(p) > len(prefix) && p[:len(prefix)] == prefix {
			out[SessionOf(p)] = true
		}
	}
	return out
}

// Restore puts an organization's ledger and sessions back as they were exported, in
// one step; what was bought stays. What has been recorded since is gone. With
// keepEpoch the ledger's state stays as it is. The answer says whether the epoch is
// the one that it was before.
func (s *Shared) Restore(ctx context.Context, c *Copy, keepEpoch bool) (sameEpoch bool, err error) {
	root := s.written.Collection(orgs).Doc(c.org)
	epoch := root.Collection(ledger).Doc(state)
	err = s.written.RunTransaction(ctx, func(ctx context.Context, tx *firestore.Transaction) error {
		before, err := tx.Get(epoch)
		if err != nil && status.Code(err) != codes.NotFound {
			return err
		}
		now, err := s.Client.Collection(orgs).Doc(c.org).Collection(sessions).Documents(ctx).GetAll()
		if err != nil {
			return err
		}
		for _, doc := range now {
			if _, kept := c.docs[path(doc.Ref)]; !kept {
				if err := tx.Delete(root.Collection(sessions).Doc(doc.Ref.ID)); err != nil {
					return err
				}
			}
		}
		sameEpoch = keepEpoch || c.docs[path(epoch)]["epoch"] == before.Data()["epoch"]
		return c.set(tx, root, keepEpoch)
	})
	if err != nil {
		return false, fmt.Errorf("restore %s: %w", c.org, err)
	}
	return sameEpoch, nil
}

// set writes what the copy has of the ledger and of the sessions.
func (c *Copy) set(tx *firestore.Transaction, root *firestore.DocumentRef, keepEpoch bool) error {
	for _, collection := range []string{ledger, sessions} {
		prefix := path(root) + "/" + collection + "/"
		for p, data := range c.docs {
			if len(p) <= len(prefix) || p[:len(prefix)] != prefix || keepEpoch && collection == ledger {
				continue
			}
			if err := tx.Set(root.Collection(collection).Doc(p[len(prefix):]), data); err != nil {
				return err
			}
		}
	}
	return nil
}
