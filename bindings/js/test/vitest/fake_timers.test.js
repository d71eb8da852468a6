// Vitest's fake timers drive a connection: nothing of it holds on to the real clock.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AgentSocket, Bowline } from '../../dist/index.js';
import { FakeSocket } from '../support/server.js';

let sockets;
const wsFactory = (url) => {
  sockets.push(new FakeSocket(url, Date.now()));
  return sockets.at(-1);
};

beforeEach(() => {
  sockets = [];
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('an agent reconnects after 1, 2 and 4 s and moves after 110 min', async () => {
  const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory });
  const done = socket.connect();
  await vi.advanceTimersByTimeAsync(0);
  sockets[0].acceptPlain();
  await done;
  await vi.advanceTimersByTimeAsync(20_000);
  sockets[0].drop();
  let lost = Date.now();
  for (const [n, pause] of [1_000, 2_000, 4_000].entries()) {
    await vi.advanceTimersByTimeAsync(pause - 1);
    expect(sockets.length).toBe(n + 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets[n + 1].openedAt - lost).toBe(pause);
    lost = Date.now();
    if (pause < 4_000) sockets[n + 1].drop();
  }
  sockets[3].acceptPlain();
  await vi.advanceTimersByTimeAsync(110 * 60_000 - 1);
  expect(sockets.length).toBe(4);
  await vi.advanceTimersByTimeAsync(1);
  expect(sockets.length).toBe(5);
  socket.disconnect();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a managed socket reconnects on the fake clock', async () => {
  const client = new Bowline({ url: 'https://h', tokenProvider: 't', credential: 'token', wsFactory });
  const socket = await client.websocket.connectToChat('thread-1');
  sockets[0].acceptPlain();
  const attempts = [];
  socket.onReconnecting.subscribe((attempt) => attempts.push(attempt));
  sockets[0].drop();
  await vi.advanceTimersByTimeAsync(1_000);
  sockets[1].acceptPlain();
  expect(attempts).toEqual([1]);
  expect(socket.state).toBe('open');
  client.websocket.closeAll();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a connection outlives the change between the real clock and a fake one', async () => {
  vi.useRealTimers();
  const socket = new AgentSocket({ url: 'wss://h', tokenProvider: 't', wsFactory });
  const done = socket.connect();
  await vi.waitFor(() => expect(sockets.length).toBe(1));
  sockets[0].acceptPlain();
  await done;
  vi.useFakeTimers();
  sockets[0].drop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sockets.length).toBe(2);
  sockets[1].acceptPlain();
  expect(socket.getState()).toBe('connected');
  vi.useRealTimers();
  socket.disconnect();
  await socket.closed();
});
