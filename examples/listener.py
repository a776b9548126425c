#!/usr/bin/python3
"""A program in another language that waits for one sign-in at a callback service, from PROTOCOL.md alone.

    BRIDGE_URL=wss://sign-in.example/bridge BRIDGE_TOKEN=... examples/listener.py [--show-code]

Writes two lines of JSON: what the authorization URL needs, and the result. Its code is shown only if asked for.
Needs Debian's python3-websockets.
"""

import asyncio
import hashlib
import hmac
import json
import os
import random
import secrets
import sys
from argparse import ArgumentParser
from base64 import urlsafe_b64encode

from websockets import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatusCode, WebSocketException

# After these, coming back would meet the same answer. Not 404: that a service says while it starts.
FINAL_CODES = {1000, 1003, 1007, 1008, 1009, 4401, 4409}
FINAL_STATUSES = {400, 401, 403, 405, 426}


class Refused(Exception):
    """The service does not know the flow, or does not begin it."""


class Flow:
    """One sign-in. Its secret never leaves this process; the service knows it by the secret's digest."""

    def __init__(self):
        self.state = secrets.token_urlsafe(32)
        self.digest = hashlib.sha256(secrets.token_bytes(32)).digest()
        self.id = None
        self.result = None
        self.acknowledged = False

    def answer(self, message):
        """Takes in a message of the service, and gives what to say to it, if anything."""
        kind = message["type"]
        if kind == "welcome":
            return self.resume(message["nonce"]) if self.id else self.begin()
        if kind == "begun" and not self.id:
            self.id = message["flow"]
            write({"flow": self.id, "state": self.state, "redirectUri": message["redirectUri"]})
        elif kind == "result":
            # It may come again, until the service knows that it has arrived. The first one counts.
            self.result = self.result or message["result"]
            return {"type": "ack", "flows": [self.id]}
        elif kind == "acknowledged":
            self.acknowledged = True
        elif kind == "failed":
            # Once there is a result, "unknown_flow" says that an "ack" has arrived before the connection broke.
            if not self.result:
                raise Refused(f"{message['code']}: {message['message']}")
            self.acknowledged = True
        return None

    def begin(self):
        return {"type": "begin", "ref": 1, "state": self.state, "key": base64url(self.digest)}

    def resume(self, nonce):
        """Proves, to this connection only, that the flow is ours."""
        proof = hmac.digest(self.digest, nonce.encode(), "sha256")
        return {"type": "resume", "ref": 2, "flow": self.id, "state": self.state, "proof": base64url(proof)}


async def wait_for(flow, url, token):
    """Returns once the flow has its result and the service knows it, over as many connections as that takes."""
    attempt = 0
    while not flow.acknowledged:
        if attempt:
            await asyncio.sleep(delay_before(attempt))
        attempt += 1
        try:
            async with connect(
                url,
                extra_headers={"Authorization": f"Bearer {token}"},
                subprotocols=["rx-oauth-callback.v1"],
                compression=None,
            ) as socket:
                while not flow.acknowledged:
                    message = json.loads(await socket.recv())
                    attempt = 1
                    answer = flow.answer(message)
                    if answer:
                        await socket.send(json.dumps(answer))
        except ConnectionClosed as closed:
            if closed.code in FINAL_CODES:
                raise
        except InvalidStatusCode as refusal:
            if refusal.status_code in FINAL_STATUSES:
                raise
        except (InvalidMessage, OSError, asyncio.TimeoutError):
            pass  # The service, or the way to it, is away.


def delay_before(attempt):
    """Up to 5 s, then twice as long each time up to a minute; random, lest all clients come back at once."""
    longest = min(60, 5 * 2 ** (attempt - 1))
    return random.uniform(longest / 2 if attempt > 1 else 0, longest)


def base64url(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def redacted(result):
    response = result.get("response", {})
    return {**result, "response": {**response, "code": "(redacted)"}} if "code" in response else result


def write(line):
    print(json.dumps(line), flush=True)


def main():
    parser = ArgumentParser(description="Waits for one sign-in at a callback service.")
    parser.add_argument("--show-code", action="store_true", help="print the authorization code as it is")
    show_code = parser.parse_args().show_code
    try:
        url, token = os.environ["BRIDGE_URL"], os.environ["BRIDGE_TOKEN"]
    except KeyError as missing:
        parser.error(f"{missing.args[0]} is not set")
    flow = Flow()
    try:
        asyncio.run(wait_for(flow, url, token))
    except (Refused, WebSocketException) as error:
        sys.exit(f"listener: {error}")
    write(flow.result if show_code else redacted(flow.result))


if __name__ == "__main__":
    main()
