"""Stands in for a Gatepost that would write `Ed25519` (RFC 9864) where it writes `EdDSA`: prints a token
of that kind and serves its key and the metadata, so that libraries can be asked whether they take it."""

import base64
import http.server
import json
import os
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]


def encode(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


key = Ed25519PrivateKey.generate()
now = int(time.time())
header = {"typ": "at+jwt", "alg": "Ed25519", "kid": "one"}
claims = {
    "iss": ISSUER, "sub": "1", "aud": [ISSUER, AUDIENCE], "client_id": "gatepost", "iat": now, "exp": now + 900,
    "auth_time": now, "jti": "one", "user_id": 1,
}
message = f"{encode(header)}.{encode(claims)}"
jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().public_bytes_raw()), "kid": "one",
       "alg": "Ed25519", "use": "sig"}
DOCUMENTS = {
    "/.well-known/jwks.json": {"keys": [jwk]},
    "/.well-known/oauth-authorization-server": {
        "issuer": ISSUER, "response_types_supported": ["none"], "jwks_uri": ISSUER + "/.well-known/jwks.json",
        **{f"{name}_endpoint": f"{ISSUER}/{name}" for name in ("token", "introspection", "revocation")},
    },
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(DOCUMENTS.get(self.path, {})).encode()
        self.send_response(200 if self.path in DOCUMENTS else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(ISSUER.rsplit(":", 1)[1])), Handler)
print(f"{message}.{encode(key.sign(message.encode()))}", flush=True)
server.serve_forever()
