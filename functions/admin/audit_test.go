package admin

import (
	"strconv"
	"testing"

	"github.com/coditect-ai/coditect-licenses/shared/record"
)

// TestAFilteredPageReadsSoMuchAlone: where little passes the filter, the page says where to
// go on, and those that follow have it all.
func TestAFilteredPageReadsSoMuchAlone(t *testing.T) {
	const entries, every = 2500, 700
	read := 0
	audit := func(after string, limit int) (page []record.Entry, err error) {
		from := 0
		if after != "" {
			from, err = strconv.Atoi(after)
			from++
		}
		for i := from; i < min(entries, from+limit); i++ {
			e := record.Entry{ID: strconv.Itoa(i), Actor: "eve"}
			if i%every == 0 {
				e.Actor = "ann"
			}
			page = append(page, e)
		}
		read += len(page)
		return page, err
	}
	for _, limit := range []int{1, 2, 200} {
		var found []string
		for after, pages := "", 0; pages == 0 || after != ""; pages++ {
			read = 0
			list, err := auditFilter{actor: "ann"}.page(page{after: after, limit: limit}, audit)
			if err != nil || read > auditScans*(auditScan+1) || len(list.Entries) > limit || pages > entries {
				t.Fatalf("%d entries for %d, %d read, %v", len(list.Entries), limit, read, err)
			}
			for _, e := range list.Entries {
				found = append(found, e.ID)
			}
			after = list.After
		}
		if len(found) != 4 || found[3] != "2100" {
			t.Errorf("a page of %d: %q", limit, found)
		}
	}
}
