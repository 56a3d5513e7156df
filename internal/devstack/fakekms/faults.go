package fakekms

import (
	"context"
	"maps"
	"slices"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Tamper changes an answer before it is sent. It must leave methods and answers
// it does not mean alone, and may run concurrently.
type Tamper func(method string, answer proto.Message)

// SetBefore runs f at the start of every call from now on; its error is the
// call's answer. f may block until ctx ends, to play a KMS that hangs. Nil ends it.
func (s *Server) SetBefore(f func(ctx context.Context, method string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// SetTamper runs f over every successful answer from now on. Nil ends it.
func (s *Server) SetTamper(f Tamper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = f
}

// Calls is how often a method was called, failed calls included.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// TotalCalls is how often any method was called.
func (s *Server) TotalCalls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for n := range maps.Values(s.calls) {
		total += n
	}
	return total
}

// ResetCalls sets all counts to zero.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

// enter counts a call and returns the faults programmed at this moment.
func (s *Server) enter(method string) (func(context.Context, string) error, Tamper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	return s.before, s.tamper
}

// DamageSignature flips a bit of signatures after their checksum was made: damage
// on the way.
func DamageSignature(_ string, answer proto.Message) {
	if a, ok := answer.(*kmspb.AsymmetricSignResponse); ok {
		a.Signature = flip(a.GetSignature())
	}
}

// FaultySignature flips a bit of signatures and checksums the result: damage in
// the making, which no checksum shows.
func FaultySignature(_ string, answer proto.Message) {
	if a, ok := answer.(*kmspb.AsymmetricSignResponse); ok {
		a.Signature = flip(a.GetSignature())
		a.SignatureCrc32C = wrapperspb.Int64(checksum(a.GetSignature()))
	}
}

// DamageChecksum makes the checksums of signatures, keys and texts wrong and
// leaves what they are of intact.
func DamageChecksum(_ string, answer proto.Message) {
	switch a := answer.(type) {
	case *kmspb.AsymmetricSignResponse:
		a.SignatureCrc32C = wrapperspb.Int64(a.GetSignatureCrc32C().GetValue() ^ 1)
	case *kmspb.PublicKey:
		a.PemCrc32C = wrapperspb.Int64(a.GetPemCrc32C().GetValue() ^ 1)
	case *kmspb.EncryptResponse:
		a.CiphertextCrc32C = wrapperspb.Int64(a.GetCiphertextCrc32C().GetValue() ^ 1)
	case *kmspb.DecryptResponse:
		a.PlaintextCrc32C = wrapperspb.Int64(a.GetPlaintextCrc32C().GetValue() ^ 1)
	}
}

// DropChecksum removes the checksums of signatures, keys and texts.
func DropChecksum(_ string, answer proto.Message) {
	switch a := answer.(type) {
	case *kmspb.AsymmetricSignResponse:
		a.SignatureCrc32C = nil
	case *kmspb.PublicKey:
		a.PemCrc32C = nil
	case *kmspb.EncryptResponse:
		a.CiphertextCrc32C = nil
	case *kmspb.DecryptResponse:
		a.PlaintextCrc32C = nil
	}
}

// UnverifiedDigest says that the checksum of a digest or a plaintext was not looked
// at, as when the request lost it on the way.
func UnverifiedDigest(_ string, answer proto.Message) {
	switch a := answer.(type) {
	case *kmspb.AsymmetricSignResponse:
		a.VerifiedDigestCrc32C = false
	case *kmspb.EncryptResponse:
		a.VerifiedPlaintextCrc32C = false
	}
}

// UnverifiedData says the same of what is authenticated beside a plaintext.
func UnverifiedData(_ string, answer proto.Message) {
	if a, ok := answer.(*kmspb.EncryptResponse); ok {
		a.VerifiedAdditionalAuthenticatedDataCrc32C = false
	}
}

// DamageText flips a bit of ciphertexts and plaintexts after their checksum was made.
func DamageText(_ string, answer proto.Message) {
	switch a := answer.(type) {
	case *kmspb.EncryptResponse:
		a.Ciphertext = flip(a.GetCiphertext())
	case *kmspb.DecryptResponse:
		a.Plaintext = flip(a.GetPlaintext())
	}
}

// WrongName answers in the name of another version, or of another key's.
func WrongName(_ string, answer proto.Message) {
	switch a := answer.(type) {
	case *kmspb.EncryptResponse:
		a.Name = "other-" + a.GetName()
	case *kmspb.AsymmetricSignResponse:
		a.Name += "0"
	case *kmspb.PublicKey:
		a.Name += "0"
	}
}

// flip returns a copy with one bit changed.
func flip(data []byte) []byte {
	out := slices.Clone(data)
	if len(out) > 0 {
		out[len(out)/2] ^= 1
	}
	return out
}
