package record

// DialEmulator lets tests put interceptors into a connection, inside of
// WatchCommits, where the network would be.
var DialEmulator = dialEmulator

// PageSize lets tests need more than one page.
const PageSize = pageSize

// CachedOrganizations lets tests overflow the cache.
const CachedOrganizations = cachedOrganizations
