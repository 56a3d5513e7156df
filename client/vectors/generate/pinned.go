package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"slices"
)

// pinned are tokens read by programs that trust root keys alone, and have the key
// set from anywhere.
func pinned() document {
	d := document{
		Description: "License tokens read with pinned root keys and a JWKS that comes from anywhere.",
		KeySets: map[string]object{
			"cached":       keySet(delegated(current()), delegated(next()), rootKey()),
			"of two roots": keySet(delegated(current()), byNextRoot(next()), rootKey(), jwk(&nextRoot().PublicKey, "license-token-2", "RS256")),
			"no root":      keySet(delegated(current()), delegated(next())),
			"forged":       keySet(forged(current()), jwk(&stranger().PublicKey, rootKID, "RS256")),
			"half forged":  keySet(forged(nobodys()), delegated(current())),
		},
		Roots: map[string]string{
			"vendor":           publicPEM(&root().PublicKey),
			"vendor, changing": publicPEM(&root().PublicKey) + publicPEM(&nextRoot().PublicKey),
			"next":             publicPEM(&nextRoot().PublicKey),
		},
		Cases: slices.Concat(rootedTokens(), periods(), unrooted()),
	}
	for _, c := range certificates() {
		d.KeySets[c.what] = keySet(c.entry)
		d.Cases = append(d.Cases, vector{Name: c.what, KeySet: c.what, Token: c.token(), Reason: c.reason})
	}
	for i := range d.Cases {
		if d.Cases[i].Roots == "" {
			d.Cases[i].Roots = "vendor"
		}
	}
	return d
}

func byNextRoot(key *ecdsa.PrivateKey) object {
	name := thumbprint(&key.PublicKey)
	return jwk(&key.PublicKey, name, "ES256").with("x5c", x5c(certificate(name, &key.PublicKey, nextRoot(), nil)))
}

// forged is right in everything but who signed it.
func forged(key *ecdsa.PrivateKey) object {
	name := thumbprint(&key.PublicKey)
	return jwk(&key.PublicKey, name, "ES256").with("x5c", x5c(certificate(name, &key.PublicKey, stranger(), nil)))
}

// by is a token signed by a delegation.
func by(key *ecdsa.PrivateKey) string {
	return token(header("ES256", thumbprint(&key.PublicKey)).json(), claims().json(), es256(key))
}

func byRSA(key *rsa.PrivateKey, name string) string {
	return token(header("RS256", name).json(), claims().json(), rs(key, crypto.SHA256))
}

func rootedTokens() []vector {
	return inSet("cached", []vector{
		{Name: "a delegation of the root", Token: good()},
		{Name: "the next delegation of the root", Token: by(next())},
		{Name: "the root itself, which the set lists", Token: byRSA(root(), rootKID)},
		{Name: "the set lists no root", Token: good(), KeySet: "no root"},
		{Name: "while the root changes, the old one's delegation", Token: good(), KeySet: "of two roots", Roots: "vendor, changing"},
		{Name: "while the root changes, the new one's delegation", Token: by(next()), KeySet: "of two roots", Roots: "vendor, changing"},
		{Name: "while the root changes, the new one itself", Token: byRSA(nextRoot(), "license-token-2"), KeySet: "of two roots", Roots: "vendor, changing"},
		{Name: "beside a forged delegation", Token: good(), KeySet: "half forged"},
	})
}

// issued is a token of the current delegation for ten minutes from then on.
func issued(iat int64) string {
	return saying(claims().with("iat", iat).with("nbf", iat-60).with("exp", iat+life).json())
}

func periods() []vector {
	long := saying(claims().with("iat", ends-60).with("nbf", ends-120).with("exp", ends+3600).json())
	return inSet("cached", []vector{
		{Name: "expired", Token: good(), Now: granted + life, Reason: expired},
		{Name: "read too early", Token: good(), Now: granted - 61, Reason: notYetValid},
		{Name: "outlives its delegation, which is in its time", Token: long, Now: ends},
		{Name: "outlives its delegation, which has ended", Token: long, Now: ends + 1, Reason: expired},
		{Name: "the delegation has ended, within the leeway", Token: long, Now: ends + 60, Leeway: 60},
		{Name: "the delegation has ended, and the leeway is over", Token: long, Now: ends + 61, Leeway: 60, Reason: expired},
		{Name: "issued in the delegation's last second", Token: issued(ends), Now: ends},
		{Name: "issued after the delegation's end", Token: issued(ends + 1), Now: ends + 1, Leeway: 60, Reason: invalid},
		{Name: "issued long after the delegation's end", Token: issued(ends + 86400), Now: ends + 86400, Reason: invalid},
		{Name: "issued as the delegation begins", Token: issued(begins), Now: begins},
		{Name: "issued by a clock 60 s behind the delegation's", Token: issued(begins - 60), Now: begins},
		{Name: "issued before the delegation", Token: issued(begins - 61), Now: begins, Reason: invalid},
		{Name: "issued as the delegation begins, read by a clock 60 s slow", Token: issued(begins), Now: begins - 60},
		{Name: "read long before the delegation begins", Token: issued(begins - 60), Now: begins - 100, Reason: notYetValid},
		{Name: "read long before the delegation begins, within the leeway", Token: issued(begins - 60), Now: begins - 100, Leeway: 60},
		{Name: "read before the delegation begins, and before the leeway", Token: issued(begins - 60), Now: begins - 180, Leeway: 60, Reason: notYetValid},
	})
}

func unrooted() []vector {
	head := header("ES256", kid())
	ours := certificate(kid(), &current().PublicKey, root(), nil)
	none := token(header("none", kid()).json(), claims().json(), fixed(nil))
	hmacOf := func(secret []byte) string {
		return token(header("HS256", kid()).json(), claims().json(), hs256(secret))
	}
	brings := token(head.with("x5c", x5c(ours)).json(), claims().json(), es256(current()))
	other := token(head.json(), claims().json(), es256(nobodys()))
	return inSet("cached", []vector{
		{Name: "a delegation of another root", Token: good(), KeySet: "forged", Reason: invalid},
		{Name: "the forged delegation beside a genuine one", Token: by(nobodys()), KeySet: "half forged", Reason: invalid},
		{Name: "a root of a stranger under our root's kid", Token: byRSA(stranger(), rootKID), KeySet: "forged", Reason: invalid},
		{Name: "a root that is not pinned yet", Token: byRSA(nextRoot(), "license-token-2"), KeySet: "of two roots", Reason: invalid},
		{Name: "a delegation of a root that is not pinned yet", Token: by(next()), KeySet: "of two roots", Reason: invalid},
		{Name: "a delegation of a root that is pinned no more", Token: good(), KeySet: "of two roots", Roots: "next", Reason: invalid},
		{Name: "the root itself, which the set does not list", Token: byRSA(root(), rootKID), KeySet: "no root", Reason: unknownKey},
		{Name: "by no key of the set", Token: by(nobodys()), Reason: unknownKey},
		{Name: "by another key under the delegation's kid", Token: other, Reason: invalid},
		{Name: "by the next delegation under this kid", Token: token(head.json(), claims().json(), es256(next())), Reason: invalid},
		{Name: "for another product", Token: saying(claims().with("aud", "lab").json()), Reason: invalid},
		{Name: "of another issuer", Token: saying(claims().with("iss", issuer+"/").json()), Reason: invalid},
		{Name: "brings the delegation's certificate", Token: brings, Reason: invalid},
		{Name: "names a key set", Token: headed(head.with("jku", issuer+"/.well-known/jwks.json")), Reason: invalid},
		{Name: "alg none", Token: none, Reason: invalid},
		{Name: "HS256 with the root's PEM", Token: hmacOf([]byte(publicPEM(&root().PublicKey))), Reason: invalid},
		{Name: "HS256 with the certificate", Token: hmacOf(ours), Reason: invalid},
		{Name: "RS256 that names the delegation", Token: token(header("RS256", kid()).json(), claims().json(), rs(root(), crypto.SHA256)), Reason: invalid},
	})
}
