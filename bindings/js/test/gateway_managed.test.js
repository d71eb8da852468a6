// Managed sockets and a real gateway agree about paths, ids and tickets.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import WebSocket from 'ws';

import { Bowline } from '../dist/index.js';
import { Gateway } from './harness/gateway.js';
import { until } from './harness/publisher.js';

/** @type {Gateway} */
let gateway;
before(async () => (gateway = await Gateway.start()));
after(() => gateway?.stop());

/** The clients of a test: one that has failed leaves its sockets open. */
const clients = [];
afterEach(() => clients.splice(0).forEach((client) => client.websocket.closeAll()));

function client(more) {
  const made = new Bowline({
    url: gateway.url,
    tokenProvider: () => gateway.token('alice', ['--kind', 'human', '--topic', 'chat:*', '--topic', 'transcript:*']),
    wsFactory: (url) => new WebSocket(url),
    ...more,
  });
  clients.push(made);
  return made.websocket;
}

/** The payloads that a socket is told of. */
async function payloads(socket) {
  const told = [];
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).payload));
  await until(() => socket.isOpen, `${socket.label} opens`);
  return told;
}

test('ids with any characters reach their topics', async () => {
  const sockets = client();
  const ids = ['thread-1', 'a/b c?d#e', 'ü:%2F&=', "it's"];
  const told = [];
  for (const id of ids) told.push(await payloads(await sockets.connectToChat(id)));
  told.push(await payloads(await sockets.connectToTranscript('w 1', 't/2')));
  const topics = [...ids.map((id) => `chat:${id}`), 'transcript:w 1:t/2'];
  await gateway.publish(topics.map((topic) => ({ topic, type: 'note', payload: topic })));
  await until(() => told.every((list) => list.length > 0), 'every message').catch(() => {});
  assert.deepEqual(told, topics.map((topic) => [topic]));
  assert.equal(sockets.connectionCount, topics.length);
  sockets.closeAll();
  await sockets.closed();
  assert.equal(sockets.connectionCount, 0);
});

test('a path of ones own opens and a forbidden one fails with its reason', async () => {
  const sockets = client();
  const socket = await sockets.connect('/notifications', {}, 'notifications');
  const told = await payloads(socket);
  await gateway.publish([{ topic: 'notifications:alice', type: 'note', payload: 1 }]);
  await until(() => told.length > 0, 'the message');
  const stranger = client({ tokenProvider: () => gateway.token('stranger', ['--kind', 'human']) });
  await assert.rejects(stranger.connectToChat('thread-1'), { name: 'TicketError', code: 'FORBIDDEN' });
  await assert.rejects(client({ tokenProvider: 'none' }).connectToChat('thread-1'), { name: 'TicketError', code: 'UNAUTHORIZED' });
  sockets.closeAll();
  await sockets.closed();
});

test('a ticket opens one socket of ones own, once', async () => {
  const { ticket, expiresInMs } = await client().getTicket('/notifications');
  assert.equal(expiresInMs, 30_000);
  const answers = [];
  for (let n = 0; n < 2; n++) {
    const socket = new WebSocket(`${gateway.socketUrl}/notifications?ticket=${ticket}`);
    const [data] = await once(socket, 'message');
    answers.push(JSON.parse(data).action);
    socket.terminate();
  }
  assert.deepEqual(answers, ['connection.accepted', 'connection.rejected']);
});

test('the token itself opens a socket too', async () => {
  const socket = await client({ credential: 'token' }).connectToChat('thread-1');
  await until(() => socket.isOpen, 'the chat opens');
  socket.close();
  await socket.closed();
});

test('a gateway that has died is stopped all the same', async () => {
  const other = await Gateway.start();
  const { pid } = other;
  process.kill(pid, 'SIGKILL');
  const isGone = () => {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  };
  await until(isGone, 'it is gone');
  await pause(50);
  await other.stop();
});
