"""A plain client made with `websockets`: knows nothing of resume, seq or sessions."""

import asyncio
import json
import os
import urllib.parse
import urllib.request

import websockets

BASE = os.environ["BOWLINE_URL"]
ALICE, BOB, PUBLISHER = (os.environ[k] for k in ("ALICE_TOKEN", "BOB_TOKEN", "PUBLISHER_TOKEN"))
WAIT = 10


def url(token):
    return BASE.replace("http", "ws", 1) + "/?token=" + urllib.parse.quote(token)


async def until(socket, is_wanted):
    """The next frame that is wanted; everything before it is passed over, as a tolerant client does."""
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), WAIT))
        if is_wanted(frame):
            return frame


def action(name):
    return lambda frame: frame.get("action") == name


def publish(text):
    body = {"topic": "conv:welcome", "type": "message.new", "payload": {"senderId": "bob", "content": {"text": text}}}
    request = urllib.request.Request(
        BASE + "/v1/events",
        data=json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + PUBLISHER, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        assert answer.status == 201, answer.status


async def main():
    async with websockets.connect(url(ALICE)) as alice, websockets.connect(url(BOB)) as bob:
        await until(alice, action("connection.accepted"))
        await until(bob, action("connection.accepted"))

        await alice.send(json.dumps({"action": "subscribe", "topics": ["conv_ondemand:welcome", "conv:not-mine"]}))
        ack = await until(alice, action("subscribe_ack"))
        assert ack["subscribed"] == ["conv_ondemand:welcome"], ack
        assert ack["errors"] == [{"topic": "conv:not-mine", "code": "FORBIDDEN"}], ack

        await bob.send(json.dumps({"action": "activity", "conversationId": "welcome", "status": "thinking"}))
        seen = await until(alice, lambda f: f.get("type") == "activity.status")
        assert seen["payload"] == {"conversationId": "welcome", "userId": "bob", "status": "thinking"}, seen

        await alice.send(json.dumps({"action": "ping"}))
        await until(alice, action("pong"))

        await asyncio.to_thread(publish, "from python")
        event = await until(alice, lambda f: f.get("type") == "message.new")
        assert event["payload"]["content"]["text"] == "from python", event

        await alice.send(json.dumps({"action": "unsubscribe", "topics": ["conv_ondemand:welcome"]}))
        await until(alice, action("unsubscribe_ack"))

        async with websockets.connect(url(ALICE)) as second:
            await until(second, action("connection.accepted"))
            async with websockets.connect(url(ALICE)) as third:
                rejected = await until(third, action("connection.rejected"))
                assert rejected["reason"] == "CONNECTION_LIMIT_EXCEEDED", rejected
                try:
                    while True:
                        await asyncio.wait_for(third.recv(), WAIT)
                except websockets.ConnectionClosed as closed:
                    assert closed.rcvd.code == 4503, closed

    async with websockets.connect(url("not-a-token")) as nobody:
        await until(nobody, action("connection.rejected"))
        try:
            await asyncio.wait_for(nobody.recv(), WAIT)
            raise AssertionError("a bad token was not closed")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 4501, closed
    print("python websockets", websockets.__version__, "ok")


asyncio.run(main())
