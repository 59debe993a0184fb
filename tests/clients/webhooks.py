"""Lets the library of Standard Webhooks judge what is posted: one that is as it was sent, one whose body was
changed, and one under another secret.

    webhooks.py PORT SECRET FILE

It listens on PORT, writes FILE once it does, and ends after three events.
"""

import http.server
import pathlib
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PORT, SECRET, FILE = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
OTHER = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
seen = []


def verdict(body, headers, secret):
    try:
        Webhook(secret).verify(body, headers)
        return "taken"
    except WebhookVerificationError as error:
        return f"refused ({error})"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen.append(body)
        print("as it was sent\t" + verdict(body, headers, SECRET))
        print("another body\t" + verdict(body.replace("user", "User", 1), headers, SECRET))
        print("another secret\t" + verdict(body, headers, OTHER), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", PORT), Handler)
FILE.write_text("listening")
while len(seen) < 3:
    server.handle_request()
