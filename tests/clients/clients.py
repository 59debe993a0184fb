"""Verifies an access token with the libraries of Python, each in the way that its documentation recommends."""

import json
import os
import sys
import urllib.request
import warnings

ISSUER, AUDIENCE, TOKEN = os.environ["ISSUER"], os.environ["AUDIENCE"], os.environ["TOKEN"]
ALGORITHM = os.environ["ALGORITHM"]
JWKS = ISSUER + "/.well-known/jwks.json"


warnings.simplefilter("ignore")


def keys():
    with urllib.request.urlopen(JWKS) as answer:
        return json.load(answer)


def pyjwt():
    import jwt

    key = jwt.PyJWKClient(JWKS).get_signing_key_from_jwt(TOKEN)
    claims = jwt.decode(TOKEN, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, leeway=5)
    assert jwt.get_unverified_header(TOKEN)["typ"] == "at+jwt"
    return claims


def joserfc():
    from joserfc import jwt
    from joserfc.jwk import KeySet

    token = jwt.decode(TOKEN, KeySet.import_key_set(keys()), algorithms=[ALGORITHM])
    jwt.JWTClaimsRegistry(
        leeway=5,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    ).validate(token.claims)
    assert token.header["typ"] == "at+jwt"
    return token.claims


def authlib():
    """The validator of RFC 9068, as a resource server uses it."""
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return keys()

    validator = Validator(issuer=ISSUER, resource_server=AUDIENCE)
    claims = validator.authenticate_token(TOKEN)
    validator.validate_token(claims, [], None)
    return claims


def python_jose():
    from jose import jwt

    return jwt.decode(TOKEN, keys(), algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE)


CLIENTS = [("PyJWT", pyjwt), ("joserfc", joserfc), ("authlib, RFC 9068", authlib), ("python-jose", python_jose)]

for name, verify in CLIENTS:
    try:
        assert verify()["client_id"] == "gatepost"
        print(f"{name}\tok")
    except Exception as error:
        print(f"{name}\t{type(error).__name__}: {error}".split("\n")[0])
sys.stdout.flush()
