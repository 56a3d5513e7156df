"""Reads license tokens with PyJWT and nothing but a key set.

Takes a document of the form of client/vectors/jwks.json on standard input, and
prints by the name of each case what PyJWT made of its token.
"""

import datetime
import json
import sys
import unittest.mock

import jwt


def verified(token, key_set, issuer, audience, leeway=60):
    """The claims of a license token. key_set is the service's JWKS."""
    header = jwt.get_unverified_header(token)
    key = next((k for k in key_set["keys"] if k.get("kid") == header.get("kid")), {})
    if header.get("typ") != "license+jwt" or key.get("alg") not in ("ES256", "RS256"):
        raise jwt.InvalidTokenError("not a license token, or signed by no key of the set")
    return jwt.decode(
        token, jwt.PyJWK(key).key, algorithms=[key["alg"]], issuer=issuer, audience=audience, leeway=leeway,
        options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]},
    )


def at(seconds):
    """A clock that stands still, for PyJWT alone."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(seconds, tz)

    return unittest.mock.patch("jwt.api_jwt.datetime", Clock)


def answer(case, key_sets):
    try:
        with at(case["now"]):
            claims = verified(case["token"], key_sets[case["key_set"]], case["issuer"], case["audience"], case["leeway"])
    except jwt.ExpiredSignatureError:
        return {"verdict": "refused", "expired": True}
    except jwt.PyJWTError as refusal:
        return {"verdict": "refused", "why": str(refusal)}
    return {"verdict": "valid", "subject": claims["sub"], "session": claims["jti"]}


document = json.load(sys.stdin)
json.dump({case["name"]: answer(case, document["key_sets"]) for case in document["cases"]}, sys.stdout)
