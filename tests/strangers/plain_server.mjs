// A plain server made with npm `ws`: what the second seed document implies and nothing more. Prints its port, accepts
// tokens in the URL, sends numbered events, and drops every link after five of them, without a close frame.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("listening", () => console.log(`port ${server.address().port}`));
let n = 0;
server.on("connection", (socket, request) => {
  const token = new URL(request.url, "ws://x").searchParams.get("token");
  if (token !== "secret") {
    socket.send(JSON.stringify({ action: "connection.rejected", reason: "UNAUTHORIZED" }));
    socket.close(4501);
    return;
  }
  socket.send(JSON.stringify({ action: "connection.accepted" }));
  let sent = 0;
  const timer = setInterval(() => {
    n += 1;
    sent += 1;
    socket.send(JSON.stringify({ type: "message.new", payload: { n } }));
    if (sent === 5) {
      clearInterval(timer);
      setTimeout(() => socket.terminate(), 50);
    }
  }, 20);
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.action === "subscribe") socket.send(JSON.stringify({ action: "subscribe_ack", topics: frame.topics }));
    if (frame.action === "ping") socket.send(JSON.stringify({ action: "pong" }));
  });
  socket.on("close", () => clearInterval(timer));
  socket.on("error", () => {});
});
