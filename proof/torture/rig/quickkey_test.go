package rig

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// TestQuickKey: its signatures are those of any key of its length.
func TestQuickKey(t *testing.T) {
	t.Parallel()
	k, err := newQuickKey()
	if err != nil {
		t.Fatal(err)
	}
	if k.public.N.BitLen() != keyBits {
		t.Errorf("%d bits", k.public.N.BitLen())
	}
	for _, text := range []string{"", "a", "another"} {
		digest := sha256.Sum256([]byte(text))
		signature, err := k.sign(digest[:])
		if err == nil {
			err = rsa.VerifyPKCS1v15(&k.public, crypto.SHA256, digest[:], signature)
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := k.sign(make([]byte, keyBits)); err == nil {
		t.Error("it signs what is too long")
	}
}

func BenchmarkQuickKey(b *testing.B) {
	k, err := newQuickKey()
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for b.Loop() {
		if _, err := k.sign(digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}
