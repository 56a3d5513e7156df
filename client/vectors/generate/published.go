package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"slices"
	"strings"
)

// current and next are delegations that overlap; nobodys is in no set.
func current() *ecdsa.PrivateKey { return ecKey("current delegation", elliptic.P256()) }
func next() *ecdsa.PrivateKey    { return ecKey("next delegation", elliptic.P256()) }
func nobodys() *ecdsa.PrivateKey { return ecKey("nobody's", elliptic.P256()) }
func p384() *ecdsa.PrivateKey    { return ecKey("another curve", elliptic.P384()) }

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
	off := xOf(&current().PublicKey)
	off[31]++
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
		"private":               keySet(plain.with("d", encode(scalar(current())))),
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
		{Name: "read before nbf, which has no margin", Token: saying(claims().with("nbf", granted).json()), Now: granted - 30, Reason: notYetValid, AnyLibrary: true},
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
