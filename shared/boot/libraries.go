package boot

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// adoptLibraries leads what libraries print by themselves into the log: a bare
// line of text on stderr has no severity and no fields to search. It covers the
// standard library's log and slog packages (net/http's complaints, a broken
// span exporter) and go-redis, which says once per connection what the
// request's own line says already; hence debug.
func adoptLibraries(log *slog.Logger) {
	slog.SetDefault(log)
	redis.SetLogger(redisLog{log})
}

type redisLog struct{ log *slog.Logger }

// Printf is what go-redis calls.
func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "go-redis", slog.String("detail", fmt.Sprintf(format, v...)))
	}
}
