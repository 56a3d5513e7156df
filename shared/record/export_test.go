package record

import "github.com/coditect-ai/coditect-licenses/shared/license"

// DialEmulator lets tests put interceptors into a connection, inside of
// WatchCommits, where the network would be.
var DialEmulator = dialEmulator

// PageSize lets tests need more than one page.
const PageSize = pageSize

// CachedOrganizations lets tests overflow the cache.
const CachedOrganizations = cachedOrganizations

// MaxShared lets tests fill a shared commit.
const MaxShared = maxShared

// Waiting is how many calls wait for the commit under way.
func (f *Firestore) Waiting(caller license.Caller, epoch license.Epoch) int {
	f.groups.mu.Lock()
	defer f.groups.mu.Unlock()
	return len(f.groups.waiting[groupKey{caller.OrganizationID, epoch}])
}

// RevisionAt lets tests change what they wrote past the administration.
var RevisionAt = revisionAt
