package torture

import (
	"context"
	"fmt"
	"sync"

	"github.com/coditect-ai/coditect-licenses/proof/torture/history"
)

// crowdAtLeast is more than there are seats, or almost.
const (
	crowdAtLeast = 110
	crowdMore    = 40
)

// playCrowd sends a crowd of holders of one organization, all at once. Some of
// those who get a seat keep it for a while, some give it back, some are gone.
func (r *round) playCrowd(ctx context.Context, f planned) error {
	var all sync.WaitGroup
	size := crowdAtLeast + int(f.chance%crowdMore)
	for i := range size {
		lic := "pro"
		if i%8 == 0 {
			lic = "lab"
		}
		p := &program{
			round: r, rand: r.random(f.chance + uint64(i)),
			holder: history.Holder{Org: r.plan.crowded, License: lic, User: fmt.Sprint("crowd-", i), Hardware: "hw"},
		}
		all.Go(func() { p.passBy(ctx, f) })
	}
	all.Wait()
	return nil
}

// passBy takes a seat, keeps it about as long as the fault lasts, and leaves.
func (p *program) passBy(ctx context.Context, f planned) {
	p.noteHold(p.client.acquire(ctx, p.worker(), p.holder))
	for range 1 + int(f.length/(p.pace.SessionTTL/3)) {
		if p.session == "" {
			return
		}
		p.pause(ctx, p.pace.SessionTTL/2)
		p.noteHold(p.client.heartbeat(ctx, p.worker(), p.holder, p.session))
	}
	if p.session != "" && p.chance(70) {
		p.client.release(ctx, p.worker(), p.holder, p.session)
	}
}
