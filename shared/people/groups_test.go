package people_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/people"
	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// crowd are users of nobody's, whose groups are known.
type crowd struct {
	record.Users
	groups [][]string
	pages  int
}

func (c *crowd) UserPage(
	_ context.Context, _ license.Caller, _ record.UserFilter, after string, limit int,
) (page []record.Revised[license.User], err error) {
	c.pages++
	for i, groups := range c.groups {
		if id := fmt.Sprintf("u-%06d", i); id > after && len(page) < limit {
			page = append(page, record.Revised[license.User]{Value: license.User{ID: id, Groups: groups}})
		}
	}
	return page, nil
}

// TestGroupsAreCountedAPageAtATime: all pages together are what counting everything at once
// finds, however long they are, and of no more users than that.
func TestGroupsAreCountedAPageAtATime(t *testing.T) {
	seed := rand.Uint64()
	draw := rand.New(rand.NewPCG(seed, 0))
	for _, tt := range []struct{ users, most int }{{0, 100}, {1, 100}, {99, 100}, {100, 100}, {101, 100}, {1201, 5000}, {1201, 1000}, {1001, 1001}, {1001, 1000}} {
		c, want := &crowd{}, map[string]int{}
		for i := range tt.users {
			var groups []string
			for _, n := range draw.Perm(40)[:draw.IntN(5)] {
				groups = append(groups, fmt.Sprintf("g-%02d", n))
			}
			c.groups = append(c.groups, groups)
			for _, name := range groups {
				if i < tt.most {
					want[name]++
				}
			}
		}
		directory := people.New(c, nil)
		for _, limit := range []int{1, 7, 100} {
			got, after := map[string]int{}, ""
			for {
				page, more, err := directory.Groups(t.Context(), acme(), after, limit, tt.most)
				if err != nil || more != (tt.users > tt.most) || len(page) > limit {
					t.Fatalf("seed %d, %+v: %d groups of %d, more users %t, %v", seed, tt, len(page), limit, more, err)
				}
				if !slices.IsSortedFunc(page, func(a, b people.Group) int { return strings.Compare(a.Name, b.Name) }) {
					t.Errorf("seed %d: %v", seed, page)
				}
				for _, g := range page {
					got[g.Name] = g.Users
				}
				if len(page) == 0 {
					break
				}
				after = page[len(page)-1].Name
			}
			if !maps.Equal(got, want) {
				t.Errorf("seed %d, %+v by %d: %v, want %v", seed, tt, limit, got, want)
			}
		}
	}
}
