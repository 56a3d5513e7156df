package functions_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coditect-ai/coditect-licenses/internal/devstack"
	"github.com/coditect-ai/coditect-licenses/shared/license"
	"github.com/coditect-ai/coditect-licenses/shared/record/recordtest"
)

// TestAReleaseOfSomebodyElsesIsAudited: at the door of programs too, with who it was; one's
// own is not, and needs no note.
func TestAReleaseOfSomebodyElsesIsAudited(t *testing.T) {
	onCommon(t, func(t *testing.T, w *world) {
		for _, role := range []license.Role{license.RoleAdmin, license.RoleOwner} {
			org := w.licensed(t, 9)
			ann, boss := w.user(org, "ann"), w.userAs(org, "boss", role)
			held, own := ann.take(t, "hw").SessionID, boss.take(t, "hw").SessionID
			for range 2 {
				boss.release(t, strings.ToUpper(held)).want(t, http.StatusNoContent)
				boss.release(t, own).want(t, http.StatusNoContent)
			}
			w.wantEnded(t, org, held, license.EndRevoked)
			w.wantEnded(t, org, own, license.EndReleased)
			entries := boss.revoked(t)
			if len(entries) != 1 || entries[0].Actor != "boss" || entries[0].Before["user_id"] != "ann" || !strings.HasSuffix(entries[0].Object, held) {
				t.Errorf("%+v", entries)
			}
			boss.release(t, nobodysSession).refused(t, "session_not_found")
			ann.release(t, boss.take(t, "hw-2").SessionID).refused(t, "session_not_found")
		}
	})
}

// TestAReleaseWithoutTheRecord: one's own seat comes back, an administrator's too; nobody
// ends another's unseen.
func TestAReleaseWithoutTheRecord(t *testing.T) {
	w := start(t, embedded(), devstack.Defaults())
	org := w.licensed(t, 9)
	ann, boss := w.user(org, "ann"), w.boss(org)
	held, own := ann.take(t, "hw").SessionID, boss.take(t, "hw").SessionID
	w.outage.begin(recordtest.Outage(nil))
	boss.release(t, own).want(t, http.StatusNoContent)
	boss.release(t, held).refused(t, "unavailable")
	w.outage.end()
	ann.beat(t, held).want(t, http.StatusOK)
	boss.beat(t, own).refused(t, "session_ended").wantMember(t, "reason", "released")
	boss.release(t, held).want(t, http.StatusNoContent)
	if got := boss.revoked(t); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
