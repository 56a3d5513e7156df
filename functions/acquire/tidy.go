package acquire

import (
	"strings"

	"github.com/coditect-ai/coditect-licenses/client/api"
	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// tidy makes one spelling of what means the same, before anything is compared or
// kept: "id" and "id  " are one machine, and the texts about the program are fit to
// be shown.
func tidy(in api.AcquireRequest) api.AcquireRequest {
	in.HardwareID, in.InstanceID = strings.Trim(in.HardwareID, " "), strings.Trim(in.InstanceID, " ")
	in.Client = api.ClientInfo{
		Name: presentable(in.Client.Name), Version: presentable(in.Client.Version), Hostname: presentable(in.Client.Hostname),
	}
	return in
}

// presentable drops what a text could do to those who read it in a terminal, a log
// or a page, and cuts it at [api.MaxClientText] characters. It refuses nothing: the
// text decides nothing, and no seat must be lost for it.
func presentable(s string) string {
	kept, n := strings.Builder{}, 0
	for _, r := range s {
		if n == api.MaxClientText {
			break
		}
		if !license.Unpresentable(r) {
			kept.WriteRune(r)
			n++
		}
	}
	return kept.String()
}
