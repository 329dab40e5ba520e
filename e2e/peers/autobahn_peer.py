"""Debian's python3-autobahn as a client of the demo; see ws.js for the commands."""

import asyncio
import json
import re
import sys
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

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
    factory.setProtocolOptions(maxMessagePayloadSize=32 << 20)
    address = urlsplit(url)
    _, client = await asyncio.get_running_loop().create_connection(factory, address.hostname, address.port)
    await client.opened
    return client


def send(client, data):
    client.sendMessage(data if isinstance(data, bytes) else data.encode(), isinstance(data, bytes))


async def echo():
    client = await dial()
    texts = ["hello", "", "grüße 🌊", "x" * 125, "x" * 126, "x" * 65536, "x" * (1 << 20)]
    blobs = [b"", b"\x07", b"\x07" * 65535, b"\x07" * (16 << 20)]
    for data in texts + blobs:
        send(client, data)
        answer = await client.messages.get()
        assert answer == data, f"{type(data)} of {len(data)} came back changed"
    client.sendMessage(b"one message in fragments", fragmentSize=3)
    assert await client.messages.get() == "one message in fragments"
    client.sendClose(4001, "enough")
    code = await client.closed
    assert code == 4001, code
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


asyncio.run(asyncio.wait_for({"echo": echo, "first": first, "say": say}[command](), 50))
