package acquire

import (
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// tidy makes the texts about the program fit to be shown, before anything is kept.
// The blanks around ids are cut where the body is read.
func tidy(in api.AcquireRequest) api.AcquireRequest {
	in.Client = api.ClientInfo{
		Name: presentable(in.Client.Name), Version: presentable(in.Client.Version), Hostname: presentable(in.Client.Hostname),
		Project: project(in.Client.Project),
	}
	return in
}

// project is one spelling of a project's name: usage is added up by it.
func project(s string) string {
	return strings.TrimSpace(cut(strings.TrimSpace(presentable(s)), api.MaxProject))
}

// presentable drops what a text could do to those who read it in a terminal, a log
// or a page, and cuts it at [api.MaxClientText] characters. It refuses nothing: the
// text decides nothing, and no seat must be lost for it.
func presentable(s string) string {
	kept := strings.Map(func(r rune) rune {
		if license.Unpresentable(r) {
			return -1
		}
		return r
	}, s)
	return cut(kept, api.MaxClientText)
}

// cut is the first characters of a text.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i]
		}
		n++
	}
	return s
}
