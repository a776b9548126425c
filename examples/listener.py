#!/usr/bin/python3
"""A program in another language that waits for one sign-in at a callback service, from PROTOCOL.md alone.

    BRIDGE_URL=wss://sign-in.example/bridge BRIDGE_TOKEN=... examples/listener.py [--show-code]

Writes two lines of JSON: what the authorization URL needs, and the result. Its code is shown only if asked for.
Needs Debian's python3-websockets.
"""

import asyncio
import hmac
import json
import os
import random
import secrets
import sys
import time
from argparse import ArgumentParser
from base64 import urlsafe_b64encode

from websockets import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatusCode, WebSocketException

# After these codes a reconnect would get the same answer. 404 is not listed, because a service sends it while it stops.
FINAL_CODES = {1000, 1003, 1007, 1008, 1009, 4401}
FINAL_STATUSES = {400, 401, 403, 405, 426}
# A connection that has lived for so many seconds was a good one: the next wait is short again.
GOOD_LIFE = 5


class Refused(Exception):
    """The service does not know the flow, or rejects its begin."""


class Flow:
    """A sign-in. Its key proves to the service that it is ours: whoever knows the key can take it up."""

    def __init__(self):
        self.state = secrets.token_urlsafe(32)
        self.key = secrets.token_bytes(32)
        self.id = None
        self.result = None
        self.acknowledged = False

    def answer(self, message):
        """Handles a message of the service. Returns the message to answer with, or None."""
        kind = message["type"]
        if kind == "welcome":
            return self.resume(message["nonce"]) if self.id else self.begin()
        if kind == "begun" and not self.id:
            self.id = message["flowId"]
            write({"flowId": self.id, "state": self.state, "redirectUri": message["redirectUri"]})
        elif kind == "result":
            # The service sends the result again until it is acknowledged. The first one counts.
            self.result = self.result or message["result"]
            return {"type": "ack", "flowIds": [self.id]}
        elif kind == "acknowledged":
            self.acknowledged = True
        elif kind == "failed" and message["code"] == "unavailable":
            raise ConnectionError(message["message"])  # The service has lost its store: try again later.
        elif kind == "failed":
            # After a result, "unknown_flow" means that the "ack" had arrived before the connection broke.
            if not self.result:
                raise Refused(f"{message['code']}: {message['message']}")
            self.acknowledged = True
        elif kind == "lost" and not self.result:
            raise Refused(f"lost: {message['reason']}")
        return None

    def begin(self):
        return {"type": "begin", "ref": 1, "state": self.state, "key": base64url(self.key)}

    def resume(self, nonce):
        """Proves that the flow is ours. The proof is valid on this connection only."""
        proof = hmac.digest(self.key, nonce.encode(), "sha256")
        return {"type": "resume", "ref": 2, "flowId": self.id, "state": self.state, "proof": base64url(proof)}


async def wait_for(flow, url, token):
    """Returns once the flow has its result and the service has its acknowledgement. Reconnects as often as necessary."""
    attempt = 0
    while not flow.acknowledged:
        if attempt:
            await asyncio.sleep(delay_before(attempt))
        attempt += 1
        opened = time.monotonic()
        try:
            # The library sends WebSocket pings by itself, and ends a connection that does not answer.
            async with connect(
                url,
                extra_headers={"Authorization": f"Bearer {token}"},
                subprotocols=["rx-oauth-callback.v1"],
                compression=None,
            ) as socket:
                while not flow.acknowledged:
                    answer = flow.answer(json.loads(await socket.recv()))
                    if answer:
                        await socket.send(json.dumps(answer))
        except ConnectionClosed as closed:
            if closed.code in FINAL_CODES:
                raise
        except InvalidStatusCode as refusal:
            if refusal.status_code in FINAL_STATUSES:
                raise
        except (InvalidMessage, OSError, asyncio.TimeoutError):
            pass  # The service cannot be reached.
        if time.monotonic() - opened >= GOOD_LIFE:
            attempt = 1


def delay_before(attempt):
    """Returns seconds to wait: up to 5, then twice as long each time, up to 60. Random, so that clients reconnect apart."""
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
