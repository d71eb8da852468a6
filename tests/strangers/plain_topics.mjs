// A plain server made with npm `ws` that knows on-demand topics: each open socket that has subscribed gets a numbered
// activity of its topics every 50 ms. Prints its port, then `open N` for each socket it has ever accepted.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("listening", () => console.log(`port ${server.address().port}`));
let opened = 0;
let tick = 0;
const sockets = new Map();
setInterval(() => {
  tick += 1;
  for (const [socket, topics] of sockets) {
    for (const topic of topics) {
      socket.send(JSON.stringify({ type: "activity.status", payload: { conversationId: topic.split(":")[1], userId: `tick-${tick}`, status: "typing" } }));
    }
  }
}, 50);
server.on("connection", (socket) => {
  opened += 1;
  console.log(`open ${opened}`);
  sockets.set(socket, new Set());
  socket.send(JSON.stringify({ action: "connection.accepted" }));
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    const topics = sockets.get(socket);
    if (frame.action === "subscribe") {
      for (const topic of frame.topics) topics.add(topic);
      socket.send(JSON.stringify({ action: "subscribe_ack", topics: frame.topics }));
    }
    if (frame.action === "unsubscribe") for (const topic of frame.topics) topics.delete(topic);
    if (frame.action === "ping") socket.send(JSON.stringify({ action: "pong" }));
  });
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => {});
});
