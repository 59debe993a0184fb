"""Lets python-fido2 judge our passkeys: it writes what an authenticator would, with keys of all three
algorithms, and its own server and ours are shown the same. What one takes and the other refuses is printed.

    passkeys.py URL LOGIN PASSWORD

The service runs in development or testing, so that pages of localhost may ask.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2.cose import ES256, RS256, EdDSA
from fido2.server import Fido2Server
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)

URL, LOGIN, PASSWORD = sys.argv[1:4]
ORIGIN = "http://localhost:8080"
UP, UV, AT = 1, 4, 64


def ask(path, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Key:
    """A key of one algorithm."""

    def __init__(self, name):
        self.name = name
        self.id = os.urandom(16)
        if name == "ES256":
            self.private, cose = ec.generate_private_key(ec.SECP256R1()), ES256
        elif name == "EdDSA":
            self.private, cose = ed25519.Ed25519PrivateKey.generate(), EdDSA
        else:
            self.private, cose = rsa.generate_private_key(65537, 2048), RS256
        self.public = cose.from_cryptography_key(self.private.public_key())

    def sign(self, message):
        if self.name == "ES256":
            return self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.name == "EdDSA":
            return self.private.sign(message)
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


def client_data(kind, challenge, change):
    data = {"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
    data.update(change)
    return json.dumps(data).encode()


def create(key, options, flags=UP | UV, change={}, rp=None):
    credential = AttestedCredentialData.create(b"\0" * 16, key.id, key.public)
    rp = sha256((rp or options["rp"]["id"]).encode())
    data = AuthenticatorData.create(rp, flags | AT, 0, credential)
    return {
        "id": websafe_encode(key.id),
        "rawId": websafe_encode(key.id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": websafe_encode(
                client_data("webauthn.create", options["challenge"], change)
            ),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }


def get(key, handle, options, flags=UP | UV, change={}, rp=None, spoil=False):
    data = AuthenticatorData.create(sha256((rp or options["rpId"]).encode()), flags, 0)
    client = client_data("webauthn.get", options["challenge"], change)
    signature = key.sign(bytes(data) + sha256(client))
    if spoil:
        signature = bytes([signature[0]]) + bytes(reversed(signature[1:]))
    return {
        "id": websafe_encode(key.id),
        "rawId": websafe_encode(key.id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(bytes(data)),
            "signature": websafe_encode(signature),
            "userHandle": handle,
        },
    }


judge = Fido2Server(
    PublicKeyCredentialRpEntity(id="localhost", name="judge"), verify_origin=lambda o: o == ORIGIN
)


def theirs(work):
    try:
        return work()
    except Exception:
        return None


CASES = {
    "as it should be": {},
    "of another page": {"change": {"origin": "https://evil.example"}},
    "of the other ceremony": {"change": {"type": "webauthn.other"}},
    "with another challenge": {"change": {"challenge": websafe_encode(os.urandom(64))}},
    "for another domain": {"rp": "evil.example"},
    "without a user": {"flags": UV},
    "without a check of the user": {"flags": UP},
    "within another page": {"change": {"crossOrigin": True}},
}

failed = False
for name in ("ES256", "EdDSA", "RS256"):
    status, tokens = ask("/", {"login": LOGIN, "password": PASSWORD})
    assert status == 200, tokens
    for what, case in CASES.items():
        key = Key(name)
        _, options = ask("/factor/passkey/options", {"name": name}, tokens["access_token"])
        state = {
            "challenge": options["challenge"],
            "user_verification": UserVerificationRequirement.REQUIRED,
        }
        credential = create(key, options, **case)
        said = theirs(lambda: judge.register_complete(state, credential))
        status, added = ask("/factor/passkey", credential, tokens["access_token"])
        ours = status == 201
        print(f"{name} create {what}: {'taken' if ours else 'refused'}", end="")
        print("" if ours == bool(said) else f", fido2 {'takes' if said else 'refuses'} it")
        failed |= ours != (not case) or (ours and not said)
        if not ours:
            continue
        handle = options["user"]["id"]
        for what, case in {**CASES, "with another signature": {"spoil": True}}.items():
            _, request = ask("/passkey/options", {})
            state = {
                "challenge": request["challenge"],
                "user_verification": UserVerificationRequirement.REQUIRED,
            }
            assertion = get(key, handle, request, **case)
            known = AttestedCredentialData.create(b"\0" * 16, key.id, key.public)
            said = theirs(lambda: judge.authenticate_complete(state, [known], assertion))
            status, answer = ask("/passkey", assertion)
            ours = status == 200
            print(f"{name} get {what}: {'taken' if ours else 'refused'}", end="")
            print("" if ours == bool(said) else f", fido2 {'takes' if said else 'refuses'} it")
            failed |= ours != (not case) or (ours and not said)
            if ours:
                tokens = answer
        request = urllib.request.Request(
            f"{URL}/factor?id={added['id']}",
            method="DELETE",
            headers={"Authorization": "Bearer " + tokens["access_token"]},
        )
        urllib.request.urlopen(request)
sys.exit(failed)
