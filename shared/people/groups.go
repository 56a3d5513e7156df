package people

import (
	"context"
	"maps"
	"slices"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// usersAtOnce is how many users one query reads to count groups: some 300 kB.
const usersAtOnce = 500

// Group is a group by its name, and how many users are in it.
type Group struct {
	Name  string
	Users int
}

// Groups are up to limit groups of names greater than after, ascending, that users are in.
// Nothing keeps their numbers, so they are counted anew, over the first most users by id.
// more says that there are further users, who are not counted.
func (d *Directory) Groups(
	ctx context.Context, caller license.Caller, after string, limit, most int,
) (groups []Group, more bool, err error) {
	counted, last := newTally(after, limit), ""
	for seen := 0; seen < most; {
		// One more than is counted tells whether there are further ones.
		size := min(usersAtOnce, most-seen) + 1
		page, err := d.record.UserPage(ctx, caller, record.UserFilter{}, last, size)
		if err != nil {
			return nil, false, err
		}
		more = len(page) == size
		page = page[:min(len(page), size-1)]
		for _, user := range page {
			counted.add(user.Value.Groups)
		}
		if !more {
			break
		}
		seen, last = seen+len(page), page[len(page)-1].Value.ID
	}
	return counted.groups(), more, nil
}

// tally counts the first groups behind a name, and keeps no others, however many there are.
type tally struct {
	after string
	limit int
	// before is the first name that is left out: with as many before it as are kept, nothing
	// makes room for it again. Empty: none is.
	before string
	users  map[string]int
}

func newTally(after string, limit int) *tally {
	return &tally{after: after, limit: limit, users: map[string]int{}}
}

func (t *tally) add(groups []string) {
	for _, name := range groups {
		if name <= t.after || t.before != "" && name >= t.before {
			continue
		}
		t.users[name]++
		if len(t.users) > t.limit {
			t.before = slices.Max(slices.Collect(maps.Keys(t.users)))
			delete(t.users, t.before)
		}
	}
}

func (t *tally) groups() []Group {
	out := make([]Group, 0, len(t.users))
	for _, name := range slices.Sorted(maps.Keys(t.users)) {
		out = append(out, Group{name, t.users[name]})
	}
	return out
}
