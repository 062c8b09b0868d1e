"""A mail server that keeps what it gets: run by the harness as `sink.py DIRECTORY`, and by nobody else.

It listens on a free port of 127.0.0.1 and writes the number to DIRECTORY/port. Each mail it takes becomes two files:
NNNNNN.eml, the message as it came, and then NNNNNN.json, the envelope, which is renamed into place and so completes it.
DIRECTORY/script.json, read again whenever it changes, says what to do instead of taking everything:
  {"rcpt": {"who@example.com": "550 5.1.1 unknown"}, "data": ["451 4.3.0 later", "drop", ...]}
`rcpt` answers always; each entry of `data` answers one message, in order: a reply, or `hang` or `drop` (not kept), or
`accept-hang` or `accept-drop` (kept, and the sender never hears of it). DIRECTORY/attempts has a line for each message.
"""

import asyncio
import json
import os
import sys
from email.utils import localtime

from aiosmtpd.smtp import SMTP, AuthResult

HOME = sys.argv[1]


def put(name, content):
    path = os.path.join(HOME, name)
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


class Sink:
    def __init__(self):
        self.kept = 0
        self.read = None
        self.rcpt, self.data = {}, []

    def obey(self):
        try:
            with open(os.path.join(HOME, "script.json"), "rb") as file:
                text = file.read()
        except FileNotFoundError:
            return
        if text != self.read:
            script = json.loads(text)
            self.read, self.rcpt, self.data = text, script["rcpt"], list(script["data"])

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
        if order in ("accept", "accept-hang", "accept-drop"):
            self.keep(session, envelope)
        if order in ("hang", "accept-hang"):
            await asyncio.Event().wait()
        if order in ("drop", "accept-drop"):
            server.transport.abort()
            return "421 4.0.0 nobody reads this"
        return f"250 2.0.0 Ok: queued as {self.kept:06}" if order == "accept" else order

    def keep(self, session, envelope):
        self.kept += 1
        put(f"{self.kept:06}.eml", envelope.original_content)
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "helo": session.host_name,
            "received": localtime().isoformat(),
        }
        put(f"{self.kept:06}.json", json.dumps(said).encode())


async def main():
    sink = Sink()
    loop = asyncio.get_running_loop()

    def anybody(server, session, envelope, mechanism, data):
        return AuthResult(success=True)

    login = {"authenticator": anybody, "auth_require_tls": False}
    smtp = lambda: SMTP(sink, hostname="sink.example.com", ident="sink", enable_SMTPUTF8=True, **login)
    server = await loop.create_server(smtp, "127.0.0.1", 0)
    put("port", str(server.sockets[0].getsockname()[1]).encode())
    await server.serve_forever()


asyncio.run(main())
