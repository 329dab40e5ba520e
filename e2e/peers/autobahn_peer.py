"""Debian's python3-autobahn as a peer; see ws.js for the commands."""

import asyncio
import json
import os
import re
import sys
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

command, url, *rest = sys.argv[1:]
origin, cookie, text = (rest + ["", "", ""])[:3]


class Client(WebSocketClientProtocol):
    def __init__(self):
        super().__init__()
        self.opened = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()
        self.messages = asyncio.Queue()

    def onOpen(self):
        self.opened.set_result(None)

    def onMessage(self, payload, isBinary):
        self.messages.put_nowait(payload if isBinary else payload.decode())

    def onClose(self, wasClean, code, reason):
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(reason))
        self.closed.set_result(code)


async def dial():
    headers = {"Cookie": cookie} if cookie else {}
    factory = WebSocketClientFactory(url, origin=origin or None, headers=headers)
    factory.protocol = Client
    factory.setProtocolOptions(
        maxMessagePayloadSize=32 << 20,
        perMessageCompressionOffers=[PerMessageDeflateOffer()],
        perMessageCompressionAccept=lambda response: PerMessageDeflateResponseAccept(response)
        if isinstance(response, PerMessageDeflateResponse)
        else None,
    )
    address = urlsplit(url)
    _, client = await asyncio.get_running_loop().create_connection(factory, address.hostname, address.port)
    await client.opened
    return client


def send(client, data):
    client.sendMessage(data if isinstance(data, bytes) else data.encode(), isinstance(data, bytes))


async def echo():
    client = await dial()
    assert client.websocket_extensions_in_use, "compression was not agreed on"
    texts = ["hello", "", "grüße 🌊", "x" * 125, "x" * 126, "x" * 65536, "grüezi mitenand, " * 50_000]
    sizes = [0, 1, 125, 126, 65535, 65536, 16 << 20]
    for data in texts + [b"\x07" * n for n in sizes] + [os.urandom(n) for n in sizes]:
        send(client, data)
        answer = await client.messages.get()
        assert answer == data, f"{type(data)} of {len(data)} came back changed"
    for fragment in (3, 1000):
        client.sendMessage(b"one message in fragments " * 100, fragmentSize=fragment)
        assert await client.messages.get() == "one message in fragments " * 100
    client.sendClose(1000)
    await client.closed

    # What is sent with a close frame comes back.
    for code, reason in [(1000, None), (3000, None), (4001, "enough"), (4999, "x" * 123)]:
        client = await dial()
        client.sendClose(code, reason)
        assert await client.closed == code
    # The server closes, and says why.
    client = await dial()
    send(client, bytes((16 << 20) + 1))
    code = await client.closed
    assert code == 1009, code
    print("ok")


async def first():
    try:
        client = await dial()
    except ConnectionError as refused:  # "… upgrade failed [403]: Forbidden"
        report = {"status": int(re.search(r"\[(\d{3})\]", str(refused))[1])}
    else:
        message = asyncio.ensure_future(client.messages.get())
        await asyncio.wait([message, client.closed], return_when=asyncio.FIRST_COMPLETED)
        report = {"message": message.result()} if message.done() else {"closed": client.closed.result()}
        message.cancel()
    print(json.dumps(report))


async def say():
    client = await dial()
    send(client, json.dumps({"message": text}))
    while True:
        message = json.loads(await client.messages.get())
        if message["type"] == "message" and message["message"] == text:
            print(json.dumps(message, separators=(",", ":")))
            client.sendClose(1000)
            await client.closed
            return


class Server(WebSocketServerProtocol):
    def onMessage(self, payload, isBinary):
        order = None if isBinary else re.fullmatch(rb"close (\d+)", payload)
        if order:
            self.sendClose(int(order[1]), "as ordered")
        else:
            self.sendMessage(payload, isBinary)


async def serve():
    factory = WebSocketServerFactory()
    factory.protocol = Server
    factory.setProtocolOptions(
        maxMessagePayloadSize=32 << 20,
        echoCloseCodeReason=True,
        perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(offers[0]) if offers else None,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(asyncio.wait_for({"echo": echo, "first": first, "say": say, "serve": serve}[command](), 55))
