package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coditect-ai/coditect-licenses/shared/event"
)

const document = "../../docs/webhooks.md"

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is the page's first fenced block of a language.
func block(t *testing.T, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(page(t), "\n```"+language+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("%s has no block of %s", document, language)
	}
	return text
}

// TestTheReceiverOfTheDocument: the code that the page gives to receivers takes what is
// signed here, and nothing else.
func TestTheReceiverOfTheDocument(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3 is not installed, and CI runs every test")
		}
		t.Skip("python3 is not installed")
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	body := []byte(`{"specversion":"1.0","id":"ä"}`)
	k := Key("key")
	present, before, foreign := k.Secret("acme", "q", 2), k.Secret("acme", "q", 1), k.Secret("globex", "q", 2)
	for name, tt := range map[string]struct {
		secret Secret
		body   string
		later  time.Duration
		want   string
	}{
		"the present secret": {present, string(body), 0, "True"}, "the one before": {before, string(body), 4 * time.Minute, "True"},
		"another's": {foreign, string(body), 0, "False"}, "another body": {present, "{}", 0, "False"}, "an old request": {present, string(body), 6 * time.Minute, "False"},
	} {
		header := http.Header{}
		Sign(header, "evt", now, body, present, before)
		values := map[string]string{}
		for n := range header {
			values[n] = header.Get(n)
		}
		input, err := json.Marshal(map[string]any{
			"secret": tt.secret.String(), "headers": values, "body": base64.StdEncoding.EncodeToString([]byte(tt.body)), "now": now.Add(tt.later).Unix(),
		})
		if err != nil {
			t.Fatal(err)
		}
		program := block(t, "python") + "\nimport json, sys\ni = json.load(sys.stdin)\nprint(verified(i['secret'], i['headers'], base64.b64decode(i['body']), i['now']))\n"
		cmd := exec.CommandContext(t.Context(), python, "-c", program)
		cmd.Stdin = strings.NewReader(string(input))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, tt.want)
		}
	}
}

// TestTheDocumentHasEveryType, and shows an event as it is encoded.
func TestTheDocumentHasEveryType(t *testing.T) {
	for _, kind := range event.Types() {
		if !strings.Contains(page(t), "`"+string(kind)+"`") {
			t.Errorf("%s does not speak of %s", document, kind)
		}
	}
	var shown, encoded map[string]any
	if err := json.Unmarshal([]byte(block(t, "json")), &shown); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 5_000_000, time.UTC)
	data, err := json.Marshal(event.Session{SessionID: "01993f5a-6c00-7000-8000-000000000001", LicenseID: "acme-pro", UserID: "u-1", AcquiredAt: &at})
	if err != nil {
		t.Fatal(err)
	}
	body, err := event.Event{
		ID: "3b5d5c3712955042212316173ccf37be", OrganizationID: "acme", Type: event.SeatGranted, Subject: "sessions/01993f5a-6c00-7000-8000-000000000001",
		Time: at, Data: data, RecordedAt: time.UnixMicro(1795435201000000),
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &encoded); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(encoded)
	if got, _ := json.Marshal(shown); !bytes.Equal(got, want) {
		t.Errorf("the page shows\n%s\nwhat is sent is\n%s", got, want)
	}
}
