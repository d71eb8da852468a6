// `disconnect()` at any moment: it takes effect at once and leaves nothing.

import assert from 'node:assert/strict';
import { connected, outcome, scripted, settle } from './support/scripted.js';

/** Disconnects while a connect is pending: the connect fails, the state is told, and nothing is dialled any more. */
async function disconnects(socket, done, clock, server) {
  const failed = assert.rejects(done, { name: 'ConnectError', code: 'CLOSED' });
  socket.disconnect();
  assert.equal(socket.getState(), 'disconnected');
  await failed;
  const dialled = server.sockets.length;
  await clock.advance(6_000);
  assert.equal(clock.timers, 0);
  assert.equal(server.open.length, 0);
  await clock.advance(600_000);
  assert.equal(server.sockets.length, dialled);
}

scripted('in the middle of the token', async ({ agent, server, clock }) => {
  let tell;
  const socket = agent({ tokenProvider: () => new Promise((resolve) => (tell = resolve)) });
  const done = socket.connect();
  await settle();
  await disconnects(socket, done, clock, server);
  tell('late');
  await settle();
  assert.equal(server.sockets.length, 0);
});

scripted('in the middle of the dial', async ({ agent, server, clock }) => {
  const socket = agent();
  const done = socket.connect();
  const peer = await server.next();
  await disconnects(socket, done, clock, server);
  assert(peer.isOver);
});

scripted('in the middle of the wait for the acceptance', async ({ agent, server, clock }) => {
  const socket = agent();
  const done = socket.connect();
  const peer = (await server.next()).open();
  await disconnects(socket, done, clock, server);
  assert.equal(peer.closedWith, 1000);
});

scripted('while connected', async ({ agent, server, clock }) => {
  const socket = agent();
  const states = [];
  const peer = await connected(socket, server);
  socket.onStateChange((state) => states.push(state));
  socket.disconnect();
  assert.deepEqual(states, ['disconnected']);
  assert.equal(peer.closedWith, 1000);
  socket.disconnect();
  await clock.advance(6_000);
  assert.deepEqual(states, ['disconnected']);
  assert.equal(clock.timers, 0);
});

scripted('a server that does not answer the close is left after 5 s', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  peer.isPolite = false;
  socket.disconnect();
  const closed = socket.closed();
  await clock.advance(4_999);
  assert.equal(await outcome(closed), 'pending');
  assert.equal(clock.timers, 1);
  await clock.advance(1);
  await closed;
  assert.equal(clock.timers, 0);
  assert(server.isDeserted);
  peer.drop();
});

scripted('a socket that can be terminated is, when its server does not answer the close', async ({ agent, server, clock }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  peer.isPolite = false;
  // A socket of Node, which would wait half a minute by itself.
  peer.terminate = () => peer.drop();
  socket.disconnect();
  await clock.advance(4_999);
  assert(!peer.isOver);
  await clock.advance(1);
  assert(peer.isOver);
  await socket.closed();
});

scripted('in the middle of a handover', async ({ agent, server, clock }) => {
  for (const step of [() => {}, (next) => next.open(), (next) => next.acceptPlain()]) {
    const socket = agent({ proactiveReconnectMs: 60_000 });
    const old = await connected(socket, server);
    await clock.advance(60_000);
    const next = await server.next();
    step(next);
    socket.disconnect();
    await settle();
    assert(old.isOver && next.isOver);
    assert.equal(clock.timers, 0);
  }
});

scripted('in the middle of the backoff', async ({ agent, server, clock }) => {
  const socket = agent();
  const done = socket.connect();
  (await server.next()).drop();
  await clock.advance(500);
  await disconnects(socket, done, clock, server);
});

scripted('by a handler in the middle of a burst of events', async ({ agent, server }) => {
  const socket = agent();
  const told = [];
  socket.on('message.new', (event) => {
    told.push(event.n);
    if (event.n === 2) socket.disconnect();
  });
  socket.onStateChange((state) => told.push(state));
  const peer = await connected(socket, server);
  for (let n = 1; n <= 5; n++) peer.event(n);
  assert.deepEqual(told, ['connecting', 'connected', 1, 2, 'disconnected']);
});

scripted('by a handler of any state', async ({ agent, server, clock }) => {
  for (const at of ['connecting', 'connected', 'disconnected']) {
    const socket = agent();
    const states = [];
    socket.onStateChange((state) => {
      states.push(state);
      if (state === at) socket.disconnect();
    });
    const done = socket.connect();
    done.catch(() => {});
    await settle();
    const peer = server.sockets.at(-1);
    if (at !== 'connecting') {
      peer.acceptPlain();
      peer.drop();
    }
    await clock.advance(100_000);
    assert.equal(states.at(-1), 'disconnected', at);
    assert.equal(server.open.length, 0, at);
    assert.equal(clock.timers, 0, at);
  }
});

scripted('connect and disconnect in one breath leave what was said last', async ({ agent, server, clock }) => {
  const socket = agent();
  const first = outcome(socket.connect());
  socket.disconnect();
  const second = socket.connect();
  (await server.next()).acceptPlain();
  await second;
  assert.equal((await first).error.code, 'CLOSED');
  assert.equal(socket.getState(), 'connected');
  socket.disconnect();
  const third = outcome(socket.connect());
  socket.disconnect();
  await third;
  await clock.advance(6_000);
  assert.equal(socket.getState(), 'disconnected');
  assert.equal(server.open.length, 0);
});

scripted('again and again it leaves nothing and every call is answered', async ({ agent, server, clock }) => {
  const socket = agent();
  const answers = [];
  for (let n = 0; n < 200; n++) {
    answers.push(socket.connect().then(() => 'connected', (error) => error.code));
    await clock.advance((n * 37) % 300);
    const peer = server.sockets.at(-1);
    if (n % 3 === 0 && peer?.readyState === 0) peer.acceptPlain();
    if (n % 5 === 0) peer?.drop();
    socket.disconnect();
  }
  await clock.advance(6_000);
  for (const answer of await Promise.all(answers)) assert(answer === 'connected' || answer === 'CLOSED', answer);
  assert.equal(clock.timers, 0);
  assert.equal(server.open.length, 0);
});

scripted('handlers stay over disconnect and connect', async ({ agent, server }) => {
  const socket = agent();
  const told = [];
  socket.on('message.new', (event) => told.push(event.n));
  (await connected(socket, server)).event(1);
  socket.disconnect();
  (await connected(socket, server)).event(2);
  assert.deepEqual(told, [1, 2]);
});
