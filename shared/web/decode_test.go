package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

func acquire(b *bench, body string) (int, api.Problem) {
	w := b.do(http.MethodPost, api.PathAcquire, body)
	var p api.Problem
	if w.Code != http.StatusOK {
		_ = json.Unmarshal(w.Body.Bytes(), &p)
	}
	return w.Code, p
}

// valid are bodies that must be taken, with what they mean.
func valid() map[string]api.AcquireRequest {
	return map[string]api.AcquireRequest{
		`{"hardware_id":"hw-1"}`:                                    {HardwareID: "hw-1"},
		" \n{ \"hardware_id\" : \"~ !\" }\t":                        {HardwareID: "~ !"},
		`{"hardware_id":"\u0061"}`:                                  {HardwareID: "a"},
		`{"h\u0061rdware_id":"a"}`:                                  {HardwareID: "a"},
		`{"hardware_id":"a","client":{}}`:                           {HardwareID: "a"},
		`{"hardware_id":"a","client":{"name":""}}`:                  {HardwareID: "a"},
		`{"hardware_id":"a","client":{"name":"\ud83d\ude00"}}`:      {HardwareID: "a", Client: api.ClientInfo{Name: "😀"}},
		`{"hardware_id":"a","client":{"name":"\\ud83d"}}`:           {HardwareID: "a", Client: api.ClientInfo{Name: `\ud83d`}},
		`{"hardware_id":"a","client":{"name":"� \ufffd \ud7ff"}}`:   {HardwareID: "a", Client: api.ClientInfo{Name: "� � \ud7ff"}},
		`{"hardware_id":"a","client":{"name":"` + many("é") + `"}}`: {HardwareID: "a", Client: api.ClientInfo{Name: many("é")}},
		`{"hardware_id":"` + many("x") + `","instance_id":"` + many("y") + `","license_id":"acme-pro","product":"studio","client":{"name":"n","version":"v","hostname":"h","project":"p"}}`: {
			HardwareID: many("x"), InstanceID: many("y"), LicenseID: "acme-pro", Product: "studio",
			Client: api.ClientInfo{Name: "n", Version: "v", Hostname: "h", Project: "p"},
		},
		`{"hardware_id":"  ` + many("x") + ` ","instance_id":" "}`: {HardwareID: many("x")},
		// The texts about the program are the handler's to cut.
		`{"hardware_id":"a","client":{"name":"` + many("é") + `é\u0000\u202e\r\n"}}`: {HardwareID: "a", Client: api.ClientInfo{Name: many("é") + "é\x00\u202e\r\n"}},
		"\ufeff" + `{"hardware_id":"a"}`:                                             {HardwareID: "a"},
	}
}

// absent are bodies whose members say that they are absent: serializers that write
// null, or "", for what was not set.
func absent() map[string]api.AcquireRequest {
	bodies := map[string]api.AcquireRequest{}
	for _, nothing := range []string{"null", `""`} {
		for _, name := range []string{"instance_id", "license_id", "product", "client"} {
			bodies[`{"hardware_id":"a","`+name+`":`+nothing+`}`] = api.AcquireRequest{HardwareID: "a"}
		}
		for _, name := range []string{"name", "version", "hostname", "project"} {
			bodies[`{"client":{"`+name+`":`+nothing+`},"hardware_id":"a"}`] = api.AcquireRequest{HardwareID: "a"}
		}
		all := `{"hardware_id":"a","instance_id":N,"license_id":N,"product":N,"client":{"name":N,"version":N,"hostname":"h"}}`
		bodies[strings.ReplaceAll(all, "N", nothing)] = api.AcquireRequest{HardwareID: "a", Client: api.ClientInfo{Hostname: "h"}}
	}
	return bodies
}

// TestIDsHaveOneSpelling: the white space around them is cut, that inside is not.
func TestIDsHaveOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"id": "id", "id  ": "id", "  id": "id", " a b ": "a b", "ID": "ID", `id\n`: "id", `\tid`: "id", `id\r\n`: "id",
		`\u000b\fid`: "id", `\t a  b\n \n`: "a  b",
		strings.Repeat(" ", 200) + "id": "id",
	} {
		b := newBench(t, nil)
		status, p := acquire(b, `{"product":"`+in+`","instance_id":"`+in+`","hardware_id":"`+in+`"}`)
		if got := b.acquire.in; status != 200 || got != (api.AcquireRequest{HardwareID: want, InstanceID: want, Product: want}) {
			t.Errorf("%q: %d %+v, became %+v, want %q", in, status, p.Errors, got, want)
		}
	}
	for _, nothing := range []string{" ", `\t`, `\r\n`} {
		b := newBench(t, nil)
		status, p := acquire(b, `{"hardware_id":"a","product":"`+nothing+`","instance_id":"`+nothing+`"}`)
		if status != 200 || b.acquire.in != (api.AcquireRequest{HardwareID: "a"}) {
			t.Errorf("%q: %d %+v, became %+v", nothing, status, p.Errors, b.acquire.in)
		}
	}
}

// TestPatternsTakeBlanksToo: those of the document, as JSON Schema reads them.
func TestPatternsTakeBlanksToo(t *testing.T) {
	members := huma.NewMapRegistry("", huma.DefaultSchemaNamer).Schema(reflect.TypeFor[api.AcquireRequest](), false, "").Properties
	for _, name := range []string{"hardware_id", "instance_id"} {
		pattern := regexp.MustCompile(members[name].Pattern)
		for text, want := range map[string]bool{
			"id": true, " id ": true, "id\n": true, "\tid": true, "id\r\n": true, "\u00a0id": false, "\u2028id": false, "\n" + many("x") + "\n": true, //nolint:gocritic // blanks are what it is about
			"": name == "instance_id", "\t": name == "instance_id", "a\nb": false, "é": false, many("x") + "x": false, "a\x00": false,
		} {
			if got := pattern.MatchString(text); got != want {
				t.Errorf("%s: the pattern takes %q: %t", name, text, got)
			}
		}
	}
}

// TestTextsOfTheProgramRefuseNothing, whatever is in them; all other texts do.
func TestTextsOfTheProgramRefuseNothing(t *testing.T) {
	for sent, want := range map[string]string{
		`"\ud83d"`: "\ufffd", `"\ude00"`: "\ufffd", `"\ude00\ud83d"`: "\ufffd\ufffd", `"\ud83dx"`: "\ufffdx", `"\uD83D\n"`: "\ufffd\n", `"\ud83d\ud83d\ude00"`: "\ufffd😀",
		"\"a\xffb\"": "a\ufffdb", "\"\xed\xa0\x80\"": "\ufffd\ufffd\ufffd", "\"\xe9t\xe9\"": "\ufffdt\ufffd", `"\\ud83d"`: `\ud83d`, `"<\"&\u0000"`: "<\"&\x00",
		`null`: "", `""`: "", `" "`: " ",
	} {
		b := newBench(t, nil)
		status, p := acquire(b, ` {"client" : {"name":`+sent+` , "v\u0065rsion":`+sent+`,"project": `+sent+`,"hostname":`+sent+`}, "hardware_id":"a"}`)
		if got := b.acquire.in; status != 200 || got != (api.AcquireRequest{HardwareID: "a", Client: api.ClientInfo{Name: want, Version: want, Hostname: want, Project: want}}) {
			t.Errorf("%q: %d %+v, became %+v, want %q", sent, status, p.Errors, got, want)
		}
	}
}

func TestNullAndEmptyMeanAbsent(t *testing.T) {
	for body, want := range absent() {
		b := newBench(t, nil)
		if status, p := acquire(b, body); status != 200 || b.acquire.in != want {
			t.Errorf("%s: %d %+v, decoded %+v", body, status, p.Errors, b.acquire.in)
		}
	}
}

// TestFaultsAreCountedFromTheFirstByte, the byte order mark's.
func TestFaultsAreCountedFromTheFirstByte(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":x}`: "byte 5", "\ufeff" + `{"a":x}`: "byte 8", `{"hardware_id":" a ",x}`: "byte 21",
	} {
		_, p := acquire(newBench(t, nil), body)
		if len(p.Errors) != 1 || !strings.HasSuffix(p.Errors[0].Message, want) {
			t.Errorf("%q: %+v, want %s", body, p.Errors, want)
		}
	}
}

func many(s string) string { return strings.Repeat(s, 128) }

func TestValidBodies(t *testing.T) {
	for body, want := range valid() {
		b := newBench(t, nil)
		if status, p := acquire(b, body); status != 200 || b.acquire.in != want {
			t.Errorf("%s: %d %+v, decoded %+v", body, status, p.Errors, b.acquire.in)
		}
	}
}

// invalid are bodies that must be refused, with the fields that are at fault.
func invalid() map[string][]string {
	return map[string][]string{
		`x`: {""}, `{`: {""}, `{"hardware_id":"a"`: {""}, `{"hardware_id":"a",}`: {""}, `{'hardware_id':'a'}`: {""},
		`{"hardware_id":"a"}{}`: {""}, `{"hardware_id":"a"} {"hardware_id":"a"}`: {""}, `{"hardware_id":"a"}]`: {""}, `{"hardware_id":"a"}//`: {""},
		"\ufeff\ufeff" + `{"hardware_id":"a"}`: {""}, `{"hardware_id":"a"}` + "\ufeff": {""}, " \ufeff" + `{"hardware_id":"a"}`: {""},
		"\ufeff": {""}, "\xfe\xff\x00{\x00}": {""}, "\ufeffnull": {""}, "{\"hardware_id\":\"a\x00\"}": {""}, `{"hardware_id":"a"} x`: {""},
		`null`: {""}, `true`: {""}, `"a"`: {""}, `1`: {""}, `[]`: {""}, `[{"hardware_id":"a"}]`: {""},
		strings.Repeat("[", 16000): {""}, strings.Repeat("[", 8000) + strings.Repeat("]", 8000): {""},
		"{\"hardware_id\":\"a\xff\"}": {""}, "{\"hardware_id\":\"\xff\",\"client\":{\"name\":\"\xff\"}}": {""},
		"{\"hardware_id\":\"a\",\"product\":\"studio\xff\"}": {""}, "{\"hardware_id\":\"a\",\"client\":{\"name\":\"n\",\"na\xffme\":\"n\"}}": {""},
		"{\"hardware_id\":\"a\",\"client\":\"\xff\"}": {""}, "{\"hardware_id\":\"a\",\"x\":{\"name\":\"\xff\"}}": {""},
		`{"hardware_id":"a\ud83d"}`: {""}, `{"hardware_id":"a","product":" \ude00 "}`: {""}, `{"hardware_id":"a","license_id":"\ud83dx"}`: {""},
		`{"hardware_id":"a","client":{"name":"\ud83d"}`: {""}, `{"hardware_id":"a","client":{"name":"\ud8"}}`: {""}, `{"hardware_id":"a","client":{"version":01}}`: {""},
		`{"hardware_id":"a","client":[{"name":"\ud83d"}]}`: {""}, `{"hardware_id":"a","client":{"name":"a` + "\n" + `"}}`: {""},
		`{}`:                        {"hardware_id"},
		`{"hardware_id":""}`:        {"hardware_id"},
		`{"hardware_id":" "}`:       {"hardware_id"},
		`{"hardware_id":"   "}`:     {"hardware_id"},
		`{"hardware_id":"\t\r\n"}`:  {"hardware_id"},
		`{"hardware_id":"\u00a0a"}`: {"hardware_id"},
		`{"hardware_id":"a","client":{"version":1}}`:                {"client.version"},
		`{"hardware_id":"a\tb"}`:                                    {"hardware_id"},
		`{"hardware_id":"a","license_id":"acme-pro "}`:              {"license_id"},
		`{"hardware_id":"\t"}`:                                      {"hardware_id"},
		`{"hardware_id":" ` + many("x") + `x "}`:                    {"hardware_id"},
		`{"hardware_id":null}`:                                      {"hardware_id"},
		`{"hardware_id":1}`:                                         {"hardware_id"},
		`{"hardware_id":1e999}`:                                     {"hardware_id", "hardware_id"},
		`{"hardware_id":"a","instance_id":0}`:                       {"instance_id"},
		`{"hardware_id":"a","instance_id":false}`:                   {"instance_id"},
		`{"hardware_id":"a","instance_id":[]}`:                      {"instance_id"},
		`{"hardware_id":"a","instance_id":{}}`:                      {"instance_id"},
		`{"hardware_id":"a","instance_id":"` + many("x") + `x"}`:    {"instance_id"},
		`{"hardware_id":"a","license_id":" "}`:                      {"license_id"},
		`{"hardware_id":"a","license_id":null,"license_id":null}`:   {"license_id"},
		`{"hardware_id":"a","client":{"name":null,"name":""}}`:      {"client.name"},
		`{"hardware_id":"a","client":{"os":null}}`:                  {"client.os"},
		`{"hardware_id":"a","client":0}`:                            {"client"},
		`{"hardware_id":"a","client":" "}`:                          {"client"},
		`{"hardware_id":true}`:                                      {"hardware_id"},
		`{"hardware_id":["a"]}`:                                     {"hardware_id"},
		`{"hardware_id":{"a":1}}`:                                   {"hardware_id"},
		`{"hardware_id":"` + many("x") + `x"}`:                      {"hardware_id"},
		`{"hardware_id":"é"}`:                                       {"hardware_id"},
		`{"hardware_id":"a\u007f"}`:                                 {"hardware_id"},
		`{"hardware_id":"\u0000"}`:                                  {"hardware_id"},
		`{"hardware_id":"a","hardware_id":"b"}`:                     {"hardware_id"},
		`{"hardware_id":"a","h\u0061rdware_id":"b"}`:                {"hardware_id"},
		`{"hardware_id":"a","Hardware_ID":"b"}`:                     {"Hardware_ID"},
		`{"hardware_id":"a","hardware_İd":"b"}`:                     {"hardware_İd"},
		`{"HARDWARE_ID":"a"}`:                                       {"hardware_id", "HARDWARE_ID"},
		`{"hardware_id":"a","licenſe_id":"b"}`:                      {"licenſe_id"},
		`{"hardware_id":"a","x":1}`:                                 {"x"},
		`{"hardware_id":"a","x":null}`:                              {"x"},
		`{"hardware_id":"a","":1}`:                                  {""},
		`{"hardware_id":"a","client.name":"n"}`:                     {"client.name"},
		`{"hardware_id":"a","user_id":"root"}`:                      {"user_id"},
		`{"hardware_id":"a","organization_id":"globex"}`:            {"organization_id"},
		`{"hardware_id":"a","license_id":"A"}`:                      {"license_id"},
		`{"hardware_id":"a","license_id":"-a"}`:                     {"license_id"},
		`{"hardware_id":"a","license_id":"a/b"}`:                    {"license_id"},
		`{"hardware_id":"a","license_id":"` + many("a")[:64] + `"}`: {"license_id"},
		`{"hardware_id":"a","product":"` + many("p")[:65] + `"}`:    {"product"},
		`{"hardware_id":"a","client":"x"}`:                          {"client"},
		`{"hardware_id":"a","client":[]}`:                           {"client"},
		`{"hardware_id":"a","client":{"os":"x"}}`:                   {"client.os"},
		`{"hardware_id":"a","client":{"Name":"x"}}`:                 {"client.Name"},
		`{"hardware_id":"a","client":{"name":"x","name":"y"}}`:      {"client.name"},
		`{"client":{"a.b":1,"name":2},"product":3}`:                 {"client.name", "client.a.b", "hardware_id", "product"},
	}
}

func TestInvalidBodies(t *testing.T) {
	for body, want := range invalid() {
		b := newBench(t, nil)
		status, p := acquire(b, body)
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field)
			if e.Message == "" {
				t.Errorf("%.60s: nothing is said about %q", body, e.Field)
			}
		}
		if status != 400 || !reflect.DeepEqual(got, want) {
			t.Errorf("%.60s: %d, faults %+v, want of %q", body, status, p.Errors, want)
		}
		if b.acquire.calls != 0 {
			t.Errorf("%.60s: the handler was called", body)
		}
	}
}

// TestFaultsAreBounded: a bad request is not sent back in full.
func TestFaultsAreBounded(t *testing.T) {
	var members []string
	for i := range 500 {
		members = append(members, fmt.Sprintf(`"%s%d":1`, strings.Repeat("é", 8), i))
	}
	b := newBench(t, nil)
	_, p := acquire(b, "{"+strings.Join(members, ",")+"}")
	if len(p.Errors) != 20 {
		t.Errorf("%d faults are listed, want 20", len(p.Errors))
	}
	_, p = acquire(b, `{"hardware_id":"a","x`+strings.Repeat("é", 4000)+`":1}`)
	if field := p.Errors[0].Field; len(field) > 70 || !utf8.ValidString(field) || !strings.HasSuffix(field, "…") {
		t.Errorf("the field is told as %q", field)
	}
}

// TestFaultsTellNoValues, neither in the answer nor in the log: a token pasted
// into the wrong member must not spread.
func TestFaultsTellNoValues(t *testing.T) {
	b := newBench(t, nil)
	w := b.do("POST", api.PathAcquire, `{"hardware_id":"é-s3cret","license_id":"S3cret","s3cret":1,"client":{"name":["s3cret"]}}`)
	answer := strings.ReplaceAll(w.Body.String(), `"field":"s3cret"`, "")
	if strings.Contains(strings.ToLower(answer), "s3cret") || strings.Contains(strings.ToLower(b.log.String()), "s3cret") {
		t.Errorf("answer %s\nlog %s", answer, b.log)
	}
}

// FuzzBody: what is accepted means the same to every reader. It is UTF-8 but for the
// texts about the program, fits the contract, has no name twice and, written again,
// says what the body said.
func FuzzBody(f *testing.F) {
	for body := range valid() {
		f.Add(body)
	}
	for body := range invalid() {
		f.Add(body)
	}
	for body := range absent() {
		f.Add(body)
	}
	id := regexp.MustCompile(`^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$`)
	f.Fuzz(func(t *testing.T, body string) {
		b := newBench(t, nil)
		status, p := acquire(b, body)
		switch status {
		case 200:
		case 400:
			if len(p.Errors) == 0 || b.acquire.calls != 0 {
				t.Fatalf("%q: refused without a reason, or handled", body)
			}
			return
		case 413:
			if len(body) <= api.MaxBody {
				t.Fatalf("%d bytes are too many", len(body))
			}
			return
		default:
			t.Fatalf("%q: %d", body, status)
		}
		in := b.acquire.in
		repaired := strings.Contains(fmt.Sprint(in.Client), "\ufffd")
		if !utf8.ValidString(body) && !repaired || !id.MatchString(in.HardwareID) || in.InstanceID != "" && !id.MatchString(in.InstanceID) {
			t.Fatalf("%q was taken as %+v", body, in)
		}
		var meant any
		again, err := json.Marshal(in)
		if err != nil || json.Unmarshal(again, &meant) != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if said, meant := prune(understood(t, body)), prune(meant); !reflect.DeepEqual(said, meant) {
			t.Fatalf("%q says %v and was taken as %v", body, said, meant)
		}
	})
}

// understood is what an accepted body says to a reader who forgives what is to be forgiven.
func understood(t *testing.T, body string) any {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &members); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	said := map[string]any{}
	for name, raw := range members {
		texts := map[string]json.RawMessage{}
		var v any
		switch {
		case name == "client" && json.Unmarshal(raw, &texts) == nil:
			client := map[string]any{}
			for name, raw := range texts {
				client[name] = value(t, raw)
			}
			v = client
		default:
			v = value(t, raw)
		}
		if text, ok := v.(string); ok && name != "license_id" {
			v = strings.Trim(text, "\t\n\v\f\r ")
		}
		said[name] = v
	}
	return said
}

func value(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return v
}

// prune drops what is the same as nothing: null, empty strings and empty objects.
func prune(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for k, v := range m {
		if v = prune(v); v == nil || v == "" || reflect.DeepEqual(v, map[string]any{}) {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return m
}
