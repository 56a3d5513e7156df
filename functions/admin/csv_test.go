package admin

import "testing"

// TestNoCellIsAFormula: what a spreadsheet would calculate has an apostrophe before it.
func TestNoCellIsAFormula(t *testing.T) {
	got := string(csvOf([][]string{{"=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=b", "", "1", `say "a", b`}}))
	want := "'=1+1,'+1,'-1,'@x,'\tx,\"'x\",a=b,,1,\"say \"\"a\"\", b\"\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWhatIsLikedMost: CSV for who names it and likes JSON less.
func TestWhatIsLikedMost(t *testing.T) {
	for accept, want := range map[string]float64{
		"": 0, "text/csv": 1, "text/csv;q=0.5, application/json": 0.5, "*/*": 0, "text/*": 0, "text/csv;q=x": 0, "TEXT/CSV; header=present": 1, ";": 0,
	} {
		if got := quality(accept, "text/csv"); got != want {
			t.Errorf("%q: %v, want %v", accept, got, want)
		}
	}
}
