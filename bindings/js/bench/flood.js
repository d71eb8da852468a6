// A server that is never the slower end: it has every frame in memory as bytes, and sends them all when the client says something.
// Speaks the resume layer, as far as a first connection sees it. Its parent hears the port.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const EPOCH = '9f3c0a77d1e24b60';

/** A text as one WebSocket frame of a server. */
function framed(text) {
  const payload = Buffer.from(text);
  const { length } = payload;
  if (length > 0xffff) throw new Error('longer than a frame is here');
  const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The text of event number `seq`, in one of sixteen conversations. */
export function eventText(seq) {
  const conversation = `c${seq % 16}`;
  return JSON.stringify({
    type: 'message.new',
    timestamp: '2026-11-22T01:02:03.456Z',
    topic: `conv:${conversation}`,
    seq,
    prev: Math.max(0, seq - 16),
    payload: {
      conversationId: conversation,
      messageId: `m${seq}`,
      senderId: 'u1',
      senderDisplayName: 'Ada',
      conversationType: 'group',
      content: { text: 'The quick brown fox jumps over the lazy dog' },
      sequenceNumber: seq,
      createdAt: '2026-11-22T01:02:03.456Z',
    },
  });
}

function serve(events) {
  const accepted = framed(
    JSON.stringify({ action: 'connection.accepted', connectionId: 'k', sessionId: 's', resumed: false, epoch: EPOCH, seq: 0, features: ['resume', 'drain'] }),
  );
  const all = Buffer.concat(Array.from({ length: events }, (_, at) => framed(eventText(at + 1))));
  const server = createServer().on('upgrade', (request, socket) => {
    const key = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
    socket.write(accepted);
    // The first word begins it; after that only a close is said.
    socket.once('data', () => {
      socket.write(all);
      socket.on('data', () => socket.end(Buffer.from([0x88, 2, 0x03, 0xe8])));
    });
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.on('disconnect', () => process.exit());
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) serve(Number(process.argv[2]));
