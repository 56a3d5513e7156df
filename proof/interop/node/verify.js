// Reads license tokens with jose and nothing but a key set.
//
// Takes a document of the form of client/vectors/jwks.json on standard input, and
// prints by the name of each case what jose made of its token.
import { text } from "node:stream/consumers";

import { createLocalJWKSet, errors, jwtVerify } from "jose";

// verified is the claims of a license token. keySet is the service's JWKS.
async function verified(token, keySet, issuer, audience, clockTolerance = 60, currentDate = new Date()) {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keySet), {
    algorithms: ["ES256", "RS256"], typ: "license+jwt", issuer, audience, clockTolerance, currentDate,
    requiredClaims: ["exp", "iat", "nbf", "sub", "jti"],
  });
  return payload;
}

async function answer(each, keySets) {
  const now = new Date(each.now * 1000);
  try {
    const claims = await verified(each.token, keySets[each.key_set], each.issuer, each.audience, each.leeway, now);
    return { verdict: "valid", subject: claims.sub, session: claims.jti };
  } catch (refusal) {
    if (!(refusal instanceof errors.JOSEError)) throw refusal; // a fault of this program, not of a token
    return { verdict: "refused", expired: refusal instanceof errors.JWTExpired, why: refusal.message };
  }
}

const { key_sets, cases } = JSON.parse(await text(process.stdin));
const answers = {};
for (const each of cases) answers[each.name] = await answer(each, key_sets);
console.log(JSON.stringify(answers));
