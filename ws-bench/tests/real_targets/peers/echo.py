"""Echo server with the Python package websockets. The mode is the first argument; the port is printed."""

import asyncio
import http
import sys

import websockets

MODE = sys.argv[1]


async def echo(socket, *_):
    if MODE == "greets":
        await socket.send("welcome")
    async for message in socket:
        await socket.send(message)


def refusal(first, second):
    """Refuses who brings no token, by the interface of version 14 and by that of those before."""
    headers = getattr(second, "headers", second)
    if headers.get("Authorization") == "Bearer hunter2":
        return None
    status, text = http.HTTPStatus.UNAUTHORIZED, "the token is missing\n"
    if hasattr(first, "respond"):
        response = first.respond(status, text)
        response.headers["Retry-After"] = "7"
        return response
    return status, [("Retry-After", "7")], text.encode()


async def only_with_a_token(first, second):
    return refusal(first, second)


async def main():
    options = {}
    if MODE == "token":
        options["process_request"] = only_with_a_token
    if MODE == "subprotocols":
        options["subprotocols"] = ["v1.shop"]
    if MODE == "origin":
        options["origins"] = ["https://shop.example"]
    if MODE == "small":
        options["max_size"] = 32
    if MODE == "deflate":
        options["compression"] = "deflate"
    async with websockets.serve(echo, "127.0.0.1", 0, **options) as server:
        print(f"listens on {server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Future()


asyncio.run(main())
