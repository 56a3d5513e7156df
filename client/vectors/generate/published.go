package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"
)

// Two delegations that overlap, and a key that is in no set.
var (
	current = sync.OnceValue(func() *ecdsa.PrivateKey { return ecKey("current delegation", elliptic.P256()) })
	next    = sync.OnceValue(func() *ecdsa.PrivateKey { return ecKey("next delegation", elliptic.P256()) })
	nobodys = sync.OnceValue(func() *ecdsa.PrivateKey { return ecKey("nobody's", elliptic.P256()) })
	p384    = sync.OnceValue(func() *ecdsa.PrivateKey { return ecKey("another curve", elliptic.P384()) })
)

const rootKID = "license-token-1"

func kid() string { return thumbprint(&current().PublicKey) }

// delegated is the entry of a delegation in a key set.
func delegated(key *ecdsa.PrivateKey) object {
	name := thumbprint(&key.PublicKey)
	return jwk(&key.PublicKey, name, "ES256").with("x5c", x5c(certificate(name, &key.PublicKey, root(), nil)))
}

func rootKey() object { return jwk(&root().PublicKey, rootKID, "RS256") }

func keySet(keys ...any) object { return object{"keys": append([]any{}, keys...)} }

// good is a token as the service makes it.
func good() string { return token(header("ES256", kid()).json(), claims().json(), es256(current())) }

// saying is a genuine token whose payload is payload.
func saying(payload []byte) string {
	return token(header("ES256", kid()).json(), payload, es256(current()))
}

// headed is a genuine token of the current delegation with a header of its own.
func headed(head object) string { return token(head.json(), claims().json(), es256(current())) }

// published are tokens read with the service's key set.
func published() document {
	return document{
		Description: "License tokens read with a JWKS that comes from the service itself.",
		KeySets:     publishedSets(),
		Cases: slices.Concat(genuineTokens(), times(), otherKeys(), otherAlgorithms(), otherHeaders(),
			otherSignatures(), otherSpellings(), otherClaims()),
	}
}

func publishedSets() map[string]object {
	plain := jwk(&current().PublicKey, kid(), "ES256")
	named := func(public any, alg string) object { return jwk(public, kid(), alg) }
	off := new(big.Int).Add(current().X, big.NewInt(1)).FillBytes(make([]byte, 32))
	return map[string]object{
		"published":             keySet(delegated(current()), delegated(next()), rootKey()),
		"without certificates":  keySet(plain),
		"next only":             keySet(delegated(next())),
		"empty":                 keySet(),
		"a type of later years": keySet(object{"kty": "LATER", "kid": "later", "use": "sig"}, plain),
		"unreadable neighbour":  keySet(jwk(&next().PublicKey, "other", "ES256").with("y", "AA"), plain),
		"kid twice":             keySet(plain, named(&next().PublicKey, "ES256")),
		"for encryption":        keySet(plain.with("use", "enc")),
		"use missing":           keySet(plain.with("use", nil)),
		"alg missing":           keySet(plain.with("alg", nil)),
		"alg RS256 on EC":       keySet(plain.with("alg", "RS256")),
		"P-384":                 keySet(named(&p384().PublicKey, "ES256")),
		"P-384 for ES384":       keySet(named(&p384().PublicKey, "ES384")),
		"off the curve":         keySet(plain.with("x", encode(off))),
		"Ed25519":               keySet(named(edKey("Ed25519").Public(), "EdDSA")),
		"symmetric":             keySet(object{"kty": "oct", "kid": kid(), "use": "sig", "alg": "HS256", "k": encode(derived("secret", 32))}),
		"private":               keySet(plain.with("d", encode(current().D.FillBytes(make([]byte, 32))))),
		"RSA for PS256":         keySet(rootKey().with("alg", "PS256")),
		"RSA of 1024 bits":      keySet(jwk(&weak().PublicKey, rootKID, "RS256")),
		"stranger's RSA":        keySet(jwk(&stranger().PublicKey, rootKID, "RS256")),
	}
}

func genuineTokens() []vector {
	pair := ecdsaPair(current(), crypto.SHA256, []byte(strings.Join(strings.Split(good(), ".")[:2], ".")))
	pair.S.Sub(elliptic.P256().Params().N, pair.S)
	later := header("ES256", thumbprint(&next().PublicKey)).json()
	byRoot := token(header("RS256", rootKID).json(), claims().json(), rs(root(), crypto.SHA256))
	all := []vector{
		{Name: "ES256 by a delegation", Token: good()},
		{Name: "ES256 by the next delegation of the same set", Token: token(later, claims().json(), es256(next()))},
		{Name: "RS256 by the root, which the set lists", Token: byRoot},
		{Name: "no entitlements", Token: saying(claims().with("entitlements", []string{}).json())},
		{Name: "a claim of later years", Token: saying(claims().with("seat", 7).json())},
		{Name: "a header member of later years", Token: headed(header("ES256", kid()).with("later", "x"))},
		{Name: "a key without a certificate", Token: good(), KeySet: "without certificates"},
		{Name: "with a copy's id", Token: saying(claims().with("instance_id", "i-1").json())},
		{Name: "the other signature of ECDSA, (r, n-s)", Token: segments(good(), 2, func(string) string { return encode(pair.jose(32)) })},
	}
	for i := range all {
		all[i].AnyLibrary = true
	}
	return inSet("published", append(all,
		vector{Name: "beside a key of a type of later years", Token: good(), KeySet: "a type of later years"},
		vector{Name: "beside a key that cannot be read", Token: good(), KeySet: "unreadable neighbour"},
	))
}

// inSet names the key set where a case does not.
func inSet(name string, cases []vector) []vector {
	for i := range cases {
		if cases[i].KeySet == "" {
			cases[i].KeySet = name
		}
	}
	return cases
}

func times() []vector {
	future := saying(claims().with("iat", granted+200).json())
	return inSet("published", []vector{
		{Name: "in the last second", Token: good(), Now: granted + life - 1, AnyLibrary: true},
		{Name: "at exp", Token: good(), Now: granted + life, Reason: expired, AnyLibrary: true},
		{Name: "a day after exp", Token: good(), Now: granted + 86400, Reason: expired, AnyLibrary: true},
		{Name: "after exp, within the leeway", Token: good(), Now: granted + life + 59, Leeway: 60, AnyLibrary: true},
		{Name: "exp and the leeway over", Token: good(), Now: granted + life + 60, Leeway: 60, Reason: expired, AnyLibrary: true},
		{Name: "read by a clock 60 s slow", Token: good(), Now: granted - 60},
		{Name: "read by a clock 61 s slow", Token: good(), Now: granted - 61, Reason: notYetValid, AnyLibrary: true},
		{Name: "read by a clock 90 s slow, with leeway", Token: good(), Now: granted - 90, Leeway: 30},
		{Name: "read a day before", Token: good(), Now: granted - 86400, Reason: notYetValid, AnyLibrary: true},
		{Name: "issued in the future", Token: future, Reason: notYetValid},
	})
}

func otherKeys() []vector {
	byRoot := token(header("RS256", rootKID).json(), claims().json(), rs(root(), crypto.SHA256))
	unnamed := token(header("ES256", "other").json(), claims().json(), es256(next()))
	return []vector{
		{Name: "the set is empty", Token: good(), KeySet: "empty", Reason: unknownKey, AnyLibrary: true},
		{Name: "the set has other keys", Token: good(), KeySet: "next only", Reason: unknownKey, AnyLibrary: true},
		{Name: "the root is not in the set", Token: byRoot, KeySet: "next only", Reason: unknownKey, AnyLibrary: true},
		{Name: "the set has the kid twice", Token: good(), KeySet: "kid twice", Reason: invalid},
		{Name: "the key is for encryption", Token: good(), KeySet: "for encryption", Reason: invalid},
		{Name: "the key has no use", Token: good(), KeySet: "use missing", Reason: invalid},
		{Name: "the key has no alg", Token: good(), KeySet: "alg missing", Reason: invalid},
		{Name: "the key is EC and says RS256", Token: good(), KeySet: "alg RS256 on EC", Reason: invalid},
		{Name: "the key is of P-384 and says ES256", Token: token(header("ES256", kid()).json(), claims().json(), es(p384(), crypto.SHA256)), KeySet: "P-384", Reason: invalid},
		{Name: "the key is off the curve", Token: good(), KeySet: "off the curve", Reason: invalid},
		{Name: "the key is symmetric", Token: token(header("HS256", kid()).json(), claims().json(), hs256(derived("secret", 32))), KeySet: "symmetric", Reason: invalid},
		{Name: "the key is a private one", Token: good(), KeySet: "private", Reason: invalid},
		{Name: "the key is RSA for PS256", Token: byRoot, KeySet: "RSA for PS256", Reason: invalid},
		{Name: "the key is RSA of 1024 bits", Token: token(header("RS256", rootKID).json(), claims().json(), rs(weak(), crypto.SHA256)), KeySet: "RSA of 1024 bits", Reason: invalid},
		{Name: "the key of that kid is another", Token: byRoot, KeySet: "stranger's RSA", Reason: invalid, AnyLibrary: true},
		{Name: "the named key cannot be read", Token: unnamed, KeySet: "unreadable neighbour", Reason: invalid},
	}
}

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
		{Name: "alg missing", Token: headed(header("", kid()).with("alg", nil)), Reason: invalid, AnyLibrary: true},
		{Name: "alg a list", Token: headed(header("", kid()).with("alg", []string{"ES256"})), Reason: invalid, AnyLibrary: true},
		{Name: "alg in lower case", Token: as("es256", es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's PEM", Token: as("HS256", hs256([]byte(publicPEM(public)))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's DER", Token: as("HS256", hs256(publicDER(public))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the public key's x", Token: as("HS256", hs256(public.X.FillBytes(make([]byte, 32)))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with the root's PEM", Token: asRoot("HS256", hs256([]byte(publicPEM(&root().PublicKey)))), Reason: invalid, AnyLibrary: true},
		{Name: "HS256 with an empty secret", Token: as("HS256", hs256(nil)), Reason: invalid, AnyLibrary: true},
		{Name: "RS256 that names a delegation", Token: as("RS256", rs(root(), crypto.SHA256)), Reason: invalid, AnyLibrary: true},
		{Name: "ES256 that names the root", Token: asRoot("ES256", es256(current())), Reason: invalid, AnyLibrary: true},
		{Name: "RS512 by the root", Token: asRoot("RS512", rs(root(), crypto.SHA512)), Reason: invalid, AnyLibrary: true},
		{Name: "ES384 with the delegation's key", Token: as("ES384", es(current(), crypto.SHA384)), Reason: invalid, AnyLibrary: true},
		{Name: "ES384 with a key of P-384", Token: as("ES384", es(p384(), crypto.SHA384)), KeySet: "P-384 for ES384", Reason: invalid, AnyLibrary: true},
		{Name: "EdDSA", Token: as("EdDSA", func(in []byte) []byte { return edSign(in) }), KeySet: "Ed25519", Reason: invalid, AnyLibrary: true},
		{Name: "ES256K", Token: as("ES256K", es256(current())), Reason: invalid, AnyLibrary: true},
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
