"""Debian's python3-websockets as a peer; see ws.js for the commands."""

import asyncio
import json
import os
import re
import sys

import websockets

command, url, *rest = sys.argv[1:]
origin, cookie, text = (rest + ["", "", ""])[:3]


def dial():
    headers = {"Cookie": cookie} if cookie else {}
    return websockets.connect(url, origin=origin or None, extra_headers=headers, max_size=32 << 20)


async def echo():
    async with dial() as socket:
        assert socket.extensions, "compression was not agreed on"
        texts = ["hello", "", "grüße 🌊", "x" * 125, "x" * 126, "x" * 65536, "grüezi mitenand, " * 50_000]
        sizes = [0, 1, 125, 126, 65535, 65536, 16 << 20]
        for data in texts + [b"\x07" * n for n in sizes] + [os.urandom(n) for n in sizes]:
            await socket.send(data)
            answer = await socket.recv()
            assert answer == data, f"{type(data)} of {len(data)} came back changed"
        for part in ["one ", "grüezi mitenand, " * 1000]:
            await socket.send([part, part, "three"])  # one message in fragments
            assert await socket.recv() == part + part + "three"
        await (await socket.ping("are you there"))

    # What is sent with a close frame comes back.
    for code, reason in [(1000, ""), (1001, "going"), (1014, ""), (3000, ""), (4001, "enough"), (4999, "x" * 123)]:
        async with dial() as socket:
            await socket.close(code, reason)
            assert socket.close_rcvd.code == code, socket.close_rcvd
    # The server closes, and says why.
    async with dial() as socket:
        await socket.send(bytes((16 << 20) + 1))
        await socket.wait_closed()
        assert socket.close_rcvd.code == 1009, socket.close_rcvd
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


async def answer(socket):
    async for data in socket:
        order = re.fullmatch(r"close (\d+)", data) if isinstance(data, str) else None
        if order:
            await socket.close(int(order[1]), "as ordered")
        else:
            await socket.send(data)


async def serve():
    async with websockets.serve(answer, "127.0.0.1", 0, max_size=32 << 20) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(asyncio.wait_for({"echo": echo, "first": first, "say": say, "serve": serve}[command](), 55))
