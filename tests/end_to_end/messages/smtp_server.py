"""A mail server: aiosmtpd. It prints its port, then each message that it takes as one line of JSON, read by
Python's own library for mail.

Addresses that begin with "refused" are refused for good, and those with "later" for now.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such mailbox: " + address
        if address.startswith("later"):
            return "451 4.7.1 come again: " + address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
            "text": parts.get("text/plain"),
            "html": parts.get("text/html"),
            "tls": session.ssl is not None or OPTIONS.get("implicit", False),
            "user": session.auth_data,
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    wanted = (OPTIONS["user"].encode(), OPTIONS["password"].encode())
    fits = isinstance(data, LoginPassword) and (data.login, data.password) == wanted
    return AuthResult(success=fits, handled=fits, auth_data=OPTIONS["user"] if fits else None)


def server():
    context = None
    if "cert" in OPTIONS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
    needs_user = "user" in OPTIONS
    implicit = OPTIONS.get("implicit", False)
    return SMTP(
        Handler(),
        hostname="mail.test",
        tls_context=None if implicit else context,
        require_starttls=context is not None and not implicit,
        authenticator=authenticate if needs_user else None,
        auth_required=needs_user,
        auth_require_tls=context is not None and not implicit,
    ), context if implicit else None


async def main():
    context = server()[1]
    loop = asyncio.get_running_loop()
    port = OPTIONS.get("port", 0)
    listening = await loop.create_server(lambda: server()[0], "127.0.0.1", port, ssl=context)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


OPTIONS = json.loads(sys.argv[1])
asyncio.run(main())
