"""A mail server that keeps what it gets: run by the harness as `sink.py DIRECTORY USER PASSWORD [starttls|tls]`, and by nobody else.

It listens on a free port of 127.0.0.1 and writes the number to DIRECTORY/port. Each mail it takes becomes two files:
NNNNNN.eml, the message as it came, and then NNNNNN.json, the envelope, which is renamed into place and so completes it.
With `starttls` or `tls` it has certificate.pem and key.pem of the directory, and takes mail only after a login.
DIRECTORY/script.json, read again whenever it changes, says what to do instead of taking everything:
  {"rcpt": {"who@example.com": "550 5.1.1 unknown"}, "data": ["451 4.3.0 later", "drop", ...], "password": "another"}
`rcpt` answers always; each entry of `data` answers one message, in order: a reply, or `hang` or `drop` (not kept), or
`accept-hang` or `accept-drop` (kept, and the sender never hears of it), or `accept-hold` (kept, and
answered when there is a file DIRECTORY/release). DIRECTORY/attempts has a line for each message.
"""

import asyncio
import json
import os
import ssl
import sys
from email.utils import localtime

from aiosmtpd.smtp import SMTP, AuthResult

HOME, USER, PASSWORD = sys.argv[1:4]
GUARD = sys.argv[4] if len(sys.argv) > 4 else None


def put(name, content):
    path = os.path.join(HOME, name)
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


class Sink:
    def __init__(self):
        self.kept = 0
        self.read = None
        self.rcpt, self.data, self.password = {}, [], None

    def obey(self):
        try:
            with open(os.path.join(HOME, "script.json"), "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return
        if text != self.read:
            script = json.loads(text)
            self.read, self.rcpt, self.data = text, script["rcpt"], list(script["data"])
            self.password = script["password"]

    def authenticate(self, server, session, envelope, mechanism, data):
        self.obey()
        right = (USER.encode(), (self.password or PASSWORD).encode())
        session.user = data.login.decode()
        # handled=False: the server says 535 by itself
        return AuthResult(success=(data.login, data.password) == right, handled=False)

    def anybody(self, server, session, envelope, mechanism, data):
        return AuthResult(success=True)

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.obey()
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        self.obey()
        order = self.data.pop(0) if self.data else "accept"
        with open(os.path.join(HOME, "attempts"), "a") as file:
            file.write(order + "\n")
        if order in ("accept", "accept-hold", "accept-hang", "accept-drop"):
            self.keep(server, session, envelope)
        while order == "accept-hold" and not os.path.exists(os.path.join(HOME, "release")):
            await asyncio.sleep(0.02)
        if order in ("hang", "accept-hang"):
            await asyncio.Event().wait()
        if order in ("drop", "accept-drop"):
            server.transport.abort()
            return "421 4.0.0 nobody reads this"
        return f"250 2.0.0 Ok: queued as {self.kept:06}" if order in ("accept", "accept-hold") else order

    def keep(self, server, session, envelope):
        self.kept += 1
        put(f"{self.kept:06}.eml", envelope.original_content)
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "helo": session.host_name,
            "received": localtime().isoformat(),
            "tls": bool(session.ssl) or server.transport.get_extra_info("sslcontext") is not None,
            "user": getattr(session, "user", None),
        }
        put(f"{self.kept:06}.json", json.dumps(said).encode())


async def main():
    sink = Sink()
    loop = asyncio.get_running_loop()
    tls = None
    options = dict(hostname="sink.example.com", ident="sink", enable_SMTPUTF8=True)
    if GUARD:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(os.path.join(HOME, "certificate.pem"), os.path.join(HOME, "key.pem"))
        options.update(authenticator=sink.authenticate, auth_required=True, auth_require_tls=GUARD == "starttls")
    else:
        options.update(authenticator=sink.anybody, auth_require_tls=False)
    if GUARD == "starttls":
        options.update(tls_context=tls, require_starttls=True)
    smtp = lambda: SMTP(sink, **options)
    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=tls if GUARD == "tls" else None)
    put("port", str(server.sockets[0].getsockname()[1]).encode())
    await server.serve_forever()


asyncio.run(main())
