package main

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"slices"
	"strings"
)

func otherAlgorithms() []vector {
	payload := claims().json()
	as := func(alg string, sign func([]byte) []byte) string {
		return token(header(alg, kid()).json(), payload, sign)
	}
	asRoot := func(alg string, sign func([]byte) []byte) string {
		return token(header(alg, rootKID).json(), payload, sign)
	}
	public := &current().PublicKey
	return inSet("published", []vector{
		{Name: "alg none", Token: as("none", fixed(nil)), Reason: invalid, AnyLibrary: true},
		{Name: "alg None, with a signature", Token: as("None", es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "alg missing", Token: headed(header("", kid()).with("alg", nil)), Reason: invalid},
		{Name: "alg a list", Token: headed(header("", kid()).with("alg", []string{"ES256"})), Reason: invalid, AnyLibrary: true},
		{Name: "alg in lower case", Token: as("es256", es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's PEM", Token: as("HS256", hs256([]byte(publicPEM(public)))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's DER", Token: as("HS256", hs256(publicDER(public))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's x", Token: as("HS256", hs256(xOf(public))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the root's PEM", Token: asRoot("HS256", hs256([]byte(publicPEM(&root().PublicKey)))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with an empty secret", Token: as("HS256", hs256(nil)), Reason: invalid, AnyLibrary: true},
		{Name: "RS256 that names a delegation", Token: as("RS256", rs(root(), crypto.SHA256)), Reason: invalid, AnyLibrary: true},
		{Name: "ES256 that names the root", Token: asRoot("ES256", es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "RS512 by the root", Token: asRoot("RS512", rs(root(), crypto.SHA512)), Reason: invalid, AnyLibrary: true},
		{Name: "ES384 with the delegation's key", Token: as("ES384", es(current(), crypto.SHA384)), Reason: invalid, AnyLibrary: true},
		{Name: "ES384 with a key of P-384", Token: as("ES384", es(p384(), crypto.SHA384)), KeySet: "P-384 for ES384", Reason: invalid},
		{Name: "EdDSA", Token: as("EdDSA", edSign), KeySet: "Ed25519", Reason: invalid},
		{Name: "ES256K", Token: as("ES256K", es256(current())), Reason: invalid},
	})
}

func edSign(input []byte) []byte {
	signature, err := edKey("Ed25519").Sign(nil, input, crypto.Hash(0))
	if err != nil {
		panic(err)
	}
	return signature
}

func otherHeaders() []vector {
	plain := header("ES256", kid())
	foreign := jwk(&nobodys().PublicKey, kid(), "ES256")
	byNobody := func(h object) string { return token(h.json(), claims().json(), es256(nobodys())) }
	chain := x5c(certificate(kid(), &nobodys().PublicKey, stranger(), nil))
	ours := x5c(certificate(kid(), &current().PublicKey, root(), nil))
	twice := `{"alg":"none","alg":"ES256","kid":"` + kid() + `","typ":"license+jwt"}`
	return inSet("published", []vector{
		{Name: "typ missing", Token: headed(plain.with("typ", nil)), Reason: invalid},
		{Name: "typ JWT", Token: headed(plain.with("typ", "JWT")), Reason: invalid},
		{Name: "typ in other case", Token: headed(plain.with("typ", "License+JWT")), Reason: invalid},
		{Name: "typ a list", Token: headed(plain.with("typ", []string{"license+jwt"})), Reason: invalid},
		{Name: "kid missing", Token: headed(plain.with("kid", nil)), Reason: invalid},
		{Name: "kid a number", Token: headed(plain.with("kid", 1)), Reason: invalid},
		{Name: "kid of no key", Token: headed(plain.with("kid", kid()+"x")), Reason: unknownKey},
		{Name: "brings its key (jwk)", Token: byNobody(plain.with("jwk", foreign)), Reason: invalid, AnyLibrary: true},
		{Name: "brings our key (jwk)", Token: headed(plain.with("jwk", jwk(&current().PublicKey, kid(), "ES256"))), Reason: invalid},
		{Name: "names a key set (jku)", Token: byNobody(plain.with("jku", "https://evil.example/jwks.json")), Reason: invalid, AnyLibrary: true},
		{Name: "names our key set (jku)", Token: headed(plain.with("jku", issuer+"/.well-known/jwks.json")), Reason: invalid},
		{Name: "brings a certificate (x5c)", Token: byNobody(plain.with("x5c", chain)), Reason: invalid, AnyLibrary: true},
		{Name: "brings our certificate (x5c)", Token: headed(plain.with("x5c", ours)), Reason: invalid},
		{Name: "names a certificate (x5u)", Token: headed(plain.with("x5u", "https://evil.example/cert.pem")), Reason: invalid},
		{Name: "names a thumbprint (x5t)", Token: headed(plain.with("x5t", encode(derived("x5t", 20)))), Reason: invalid},
		{Name: "names a thumbprint (x5t#S256)", Token: headed(plain.with("x5t#S256", encode(derived("x5t", 32)))), Reason: invalid},
		{Name: "crit with what nobody knows", Token: headed(plain.with("crit", []string{"later"}).with("later", 1)), Reason: invalid},
		{Name: "crit with exp", Token: headed(plain.with("crit", []string{"exp"}).with("exp", granted+life)), Reason: invalid},
		{Name: "crit empty", Token: headed(plain.with("crit", []string{})), Reason: invalid},
		{Name: "payload not encoded (b64)", Token: headed(plain.with("b64", false).with("crit", []string{"b64"})), Reason: invalid},
		{Name: "payload not encoded, and crit does not say so (b64)", Token: headed(plain.with("b64", false)), Reason: invalid},
		{Name: "payload encoded, which the header need not say (b64)", Token: headed(plain.with("b64", true)), Reason: invalid},
		{Name: "alg twice, the last one good", Token: token([]byte(twice), claims().json(), es256(current())), Reason: invalid},
		{Name: "header not JSON", Token: token([]byte("{"), claims().json(), es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "header no object", Token: token([]byte(`"ES256"`), claims().json(), es256(current())), Reason: invalid, AnyLibrary: true},
	})
}

func otherSignatures() []vector {
	signature := func(s []byte) string { return segments(good(), 2, func(string) string { return encode(s) }) }
	n := elliptic.P256().Params().N.FillBytes(make([]byte, 32))
	zero := make([]byte, 32)
	genuine, _ := base64.RawURLEncoding.DecodeString(strings.Split(good(), ".")[2])
	der, err := current().Sign(nil, digest(crypto.SHA256, []byte(good())), crypto.SHA256)
	if err != nil {
		panic(err)
	}
	other := saying(claims().with("exp", granted+10*life).json())
	longer := segments(good(), 1, func(string) string { return strings.Split(other, ".")[1] })
	cases := []vector{
		{Name: "by another key under our kid", Token: token(header("ES256", kid()).json(), claims().json(), es256(nobodys()))},
		{Name: "by the next delegation under this kid", Token: token(header("ES256", kid()).json(), claims().json(), es256(next()))},
		{Name: "the end moved", Token: longer},
		{Name: "the kid exchanged", Token: segments(good(), 0, func(string) string {
			return encode(header("ES256", thumbprint(&next().PublicKey)).json())
		})},
		{Name: "signature empty", Token: signature(nil)},
		{Name: "r and s zero", Token: signature(append(slices.Clone(zero), zero...))},
		{Name: "r zero", Token: signature(append(slices.Clone(zero), genuine[32:]...))},
		{Name: "s zero", Token: signature(append(slices.Clone(genuine[:32]), zero...))},
		{Name: "r and s the order of the curve", Token: signature(append(slices.Clone(n), n...))},
		{Name: "r and s exchanged", Token: signature(append(slices.Clone(genuine[32:]), genuine[:32]...))},
		{Name: "signature in DER", Token: signature(der)},
		{Name: "signature cut", Token: signature(genuine[:63])},
		{Name: "signature with a byte more", Token: signature(append(slices.Clone(genuine), 0))},
		{Name: "RS256 by another root", Token: token(header("RS256", rootKID).json(), claims().json(), rs(stranger(), crypto.SHA256))},
	}
	for i := range cases {
		cases[i].Reason, cases[i].AnyLibrary = invalid, true
	}
	return inSet("published", cases)
}

func otherSpellings() []vector {
	t := good()
	parts := strings.Split(t, ".")
	last := t[len(t)-1:]
	stray := string(alphabet[strings.Index(alphabet, last)+1])
	cases := []vector{
		{Name: "no token at all", Token: ""},
		{Name: "dots alone", Token: ".."},
		{Name: "a blank before", Token: " " + t},
		{Name: "a line's end after", Token: t + "\n"},
		{Name: "padded", Token: t + "=="},
		{Name: "stray bits at the end", Token: strings.TrimSuffix(t, last) + stray},
		{Name: "two segments", Token: parts[0] + "." + parts[1]},
		{Name: "four segments", Token: t + "."},
		{Name: "payload detached", Token: parts[0] + ".." + parts[2]},
		{Name: "as JSON", Token: `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{Name: "longer than 16 KiB", Token: saying(claims().with("entitlements", []string{strings.Repeat("x", 16<<10)}).json())},
	}
	for i := range cases {
		cases[i].Reason = invalid
	}
	return inSet("published", cases)
}

// alphabet is base64url's. A last character of 64 bytes has four bits to spare, so
// the next one after it decodes to the same bytes.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func otherClaims() []vector {
	text := string(claims().json())
	cases := []vector{
		{Name: "of another issuer", Token: saying(claims().with("iss", issuer+"/").json()), AnyLibrary: true},
		{Name: "for another product", Token: saying(claims().with("aud", "lab").json()), AnyLibrary: true},
		{Name: "read for another product", Token: good(), Issuer: issuer, Audience: "lab", AnyLibrary: true},
		{Name: "for two products", Token: saying(claims().with("aud", []string{product, "lab"}).json())},
		{Name: "exp a text", Token: saying(claims().with("exp", "4102444800").json())},
		{Name: "exp a fraction", Token: saying(claims().with("exp", granted+0.5).json())},
		{Name: "exp before iat", Token: saying(claims().with("exp", granted-1).json())},
		{Name: "iat before nbf", Token: saying(claims().with("iat", granted-61).json())},
		{Name: "entitlements an object", Token: saying(claims().with("entitlements", object{}).json())},
		{Name: "a claim twice", Token: saying([]byte(strings.Replace(text, `"plan"`, `"tenant_id":"globex","plan"`, 1)))},
		{Name: "a claim in capitals", Token: saying([]byte(strings.Replace(text, `"tenant_id"`, `"TENANT_ID"`, 1)))},
		{Name: "payload no object", Token: saying([]byte(`"x"`))},
		{Name: "more after the payload", Token: saying([]byte(text + "{}"))},
	}
	for _, name := range []string{"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "tenant_id", "license_id", "hardware_id"} {
		cases = append(cases, vector{Name: "without " + name, Token: saying(claims().with(name, nil).json())})
	}
	for i := range cases {
		cases[i].Reason = invalid
	}
	return inSet("published", cases)
}
