"""Debian's python3-websockets as a client of the demo; see ws.js for the commands."""

import asyncio
import json
import sys

import websockets

command, url, *rest = sys.argv[1:]
origin, cookie, text = (rest + ["", "", ""])[:3]


def dial():
    headers = {"Cookie": cookie} if cookie else {}
    return websockets.connect(url, origin=origin or None, extra_headers=headers, max_size=32 << 20)


async def echo():
    async with dial() as socket:
        texts = ["hello", "", "grüße 🌊", "x" * 125, "x" * 126, "x" * 65536, "x" * (1 << 20)]
        blobs = [b"", b"\x07", b"\x07" * 65535, b"\x07" * (16 << 20)]
        for data in texts + blobs:
            await socket.send(data)
            answer = await socket.recv()
            assert answer == data, f"{type(data)} of {len(data)} came back changed"
        await socket.send(["one ", "two ", "three"])  # one message in fragments
        assert await socket.recv() == "one two three"
        await (await socket.ping("are you there"))
        await socket.close(4001, "enough")
        assert socket.close_code == 4001, socket.close_code
    print("ok")


async def first():
    try:
        async with dial() as socket:
            report = {"message": await socket.recv()}
    except websockets.InvalidStatusCode as refused:
        report = {"status": refused.status_code}
    except websockets.ConnectionClosed as closed:
        report = {"closed": closed.rcvd.code}
    print(json.dumps(report))


async def say():
    async with dial() as socket:
        await socket.send(json.dumps({"message": text}))
        async for data in socket:
            message = json.loads(data)
            if message["type"] == "message" and message["message"] == text:
                print(json.dumps(message, separators=(",", ":")))
                return


asyncio.run(asyncio.wait_for({"echo": echo, "first": first, "say": say}[command](), 50))
