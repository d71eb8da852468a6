// A plain client made with npm `ws`: knows nothing of resume, seq or sessions.
import assert from "node:assert/strict";
import WebSocket from "ws";

const base = process.env.BOWLINE_URL;
const { ALICE_TOKEN, BOB_TOKEN, PUBLISHER_TOKEN } = process.env;
const WAIT = 10_000;

// A socket with its frames in order, and a promise of its close code.
function open(token) {
  const socket = new WebSocket(`${base.replace("http", "ws")}/?token=${encodeURIComponent(token)}`);
  const frames = [];
  let wake = () => {};
  socket.on("message", (data) => { frames.push(JSON.parse(data.toString())); wake(); });
  const closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
  socket.on("error", (error) => { throw error; });
  const opened = new Promise((resolve) => socket.on("open", resolve));
  const until = async (isWanted) => {
    const deadline = Date.now() + WAIT;
    for (;;) {
      while (frames.length > 0) {
        const frame = frames.shift();
        if (isWanted(frame)) return frame;
      }
      assert(Date.now() < deadline, "no such frame within 10 s");
      await Promise.race([new Promise((r) => { wake = r; }), new Promise((r) => setTimeout(r, 200))]);
    }
  };
  const send = (frame) => socket.send(JSON.stringify(frame));
  return { socket, opened, closed, until, send };
}
const action = (name) => (frame) => frame.action === name;

const alice = open(ALICE_TOKEN);
const bob = open(BOB_TOKEN);
await Promise.all([alice.until(action("connection.accepted")), bob.until(action("connection.accepted"))]);

alice.send({ action: "subscribe", topics: ["conv_ondemand:welcome", "conv:not-mine"] });
const ack = await alice.until(action("subscribe_ack"));
assert.deepEqual(ack.subscribed, ["conv_ondemand:welcome"]);
assert.deepEqual(ack.errors, [{ topic: "conv:not-mine", code: "FORBIDDEN" }]);

bob.send({ action: "activity", conversationId: "welcome", status: "tool_calling" });
const seen = await alice.until((f) => f.type === "activity.status" && f.payload.status === "tool_calling");
assert.deepEqual(seen.payload, { conversationId: "welcome", userId: "bob", status: "tool_calling" });

alice.send({ action: "ping" });
await alice.until(action("pong"));

const answer = await fetch(`${base}/v1/events`, {
  method: "POST",
  headers: { authorization: `Bearer ${PUBLISHER_TOKEN}`, "content-type": "application/json" },
  body: JSON.stringify({ topic: "conv:welcome", type: "message.new", payload: { senderId: "bob", content: { text: "from node" } } }),
});
assert.equal(answer.status, 201);
const event = await alice.until((f) => f.type === "message.new" && f.payload.content.text === "from node");
assert.equal(event.topic, "conv:welcome");

const second = open(ALICE_TOKEN);
await second.until(action("connection.accepted"));
const third = open(ALICE_TOKEN);
const rejected = await third.until(action("connection.rejected"));
assert.equal(rejected.reason, "CONNECTION_LIMIT_EXCEEDED");
assert.equal(await third.closed, 4503);

const nobody = open("not-a-token");
await nobody.until(action("connection.rejected"));
assert.equal(await nobody.closed, 4501);

for (const one of [alice, bob, second]) one.socket.close();
console.log("npm ws ok");
