package record

import (
	"slices"
	"time"
)

// actLasts is more than an act on a user may take, from its entry to the last word that
// reaches the other store: no request lasts as long (terraform/sizes.tf). Whoever asked
// so long ago writes nothing there any more.
const actLasts = time.Minute

// openAct is an act of which nobody has confirmed that the other store did it. Whoever
// asked for it may still write there.
type openAct struct {
	Entry string    `firestore:"entry"`
	At    time.Time `firestore:"at"`
	// Overtaken: the user is to be something else since. Written late, the act makes of the
	// account what the user is not.
	Overtaken bool `firestore:"overtaken,omitempty"`
}

// pending reports whether the other store may have something else than the user: nobody
// has confirmed the user as it is, or an act may yet write what it was to be before.
func (d userDoc) pending() bool {
	return d.Unconfirmed || slices.ContainsFunc(d.Open, func(o openAct) bool { return o.Overtaken })
}

// ask is the document, which was before, with the act that asks for it. Acts that asked
// for the same are not overtaken: whichever of them is written last writes what is true.
func (d userDoc) ask(before userDoc, act openAct) userDoc {
	d.Open = slices.Clone(before.Open)
	if !d.alike(before) {
		d.Unconfirmed = true
		for i := range d.Open {
			d.Open[i].Overtaken = true
		}
	}
	d.Open = append(d.Open, act)
	return d
}

func (d userDoc) alike(other userDoc) bool {
	return d.Role == other.Role && d.Disabled == other.Disabled && d.Leaving == other.Leaving && slices.Equal(d.Groups, other.Groups)
}

// settlement is what settling an entry makes of a user.
type settlement struct {
	doc userDoc
	// write says that the document is to be written, gone that the user is no more: the act
	// for that was asked for at a time.
	write, gone bool
	at          time.Time
	// known says that the entry's state is: of an act that another overtook it is not, until
	// whoever asked for it has written what the user is to be now.
	known bool
}

// settle is what comes of an entry whose act ended in a state, after the other store was
// told did. An act that changes nothing in the record is not among the open ones, and
// confirms nothing of the user.
func (d userDoc) settle(entry string, state EntryState, did userDoc) settlement {
	i := slices.IndexFunc(d.Open, func(o openAct) bool { return o.Entry == entry })
	switch {
	case i < 0:
		return settlement{doc: d, known: true}
	case state == EntryRefused:
		gone, at := d.Invited && !d.Open[i].Overtaken, d.Open[i].At
		d.Open = slices.Delete(slices.Clone(d.Open), i, i+1)
		return settlement{doc: d, write: true, gone: gone, known: true, at: at}
	case !d.alike(did):
		return settlement{doc: d}
	}
	// Whoever asked long before this act had ended before it was written.
	at := d.Open[i].At
	ended := at.Add(-actLasts)
	d.Open = slices.DeleteFunc(slices.Clone(d.Open), func(o openAct) bool { return o.Entry == entry || !o.At.After(ended) })
	d.Unconfirmed, d.Invited = false, false
	return settlement{doc: d, write: true, gone: d.Leaving, known: true, at: at}
}
