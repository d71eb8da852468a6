// The five states, the attempts, the errors, and what a socket goes through.

import assert from 'node:assert/strict';
import { opened, scripted, settle, steps } from './support/scripted.js';

/** The pauses before each attempt of a socket whose server is gone, until it is closed. */
async function pauses({ client, server, clock }, options, most = Infinity) {
  const [socket, peer] = await opened(client(), server, options);
  await clock.advance(60_000);
  const times = [clock.now];
  peer.drop();
  while (socket.state !== 'closed' && times.length <= most) {
    await clock.advance(100);
    for (const peer of server.open) {
      times.push(peer.openedAt);
      peer.drop();
    }
    await settle();
  }
  return [steps(times), socket];
}

scripted('the states are told in order under their five words', async ({ client, server, clock }) => {
  const socket = await client().connectToChat('t');
  const states = [socket.state];
  socket.onStateChange.subscribe((state) => states.push(state));
  (await server.next()).acceptPlain();
  server.sockets[0].drop();
  await clock.advance(1_000);
  (await server.next()).acceptPlain();
  socket.close();
  await settle();
  assert.deepEqual(states, ['connecting', 'open', 'reconnecting', 'open', 'closing', 'closed']);
});

scripted('inside a handler the state is the one that is told', async ({ client, server }) => {
  const socket = await client().connectToChat('t');
  const seen = [];
  socket.onStateChange.subscribe((state) => seen.push(state === socket.state, socket.isOpen));
  (await server.next()).acceptPlain();
  assert.equal(socket.isOpen, true);
  socket.close();
  await settle();
  assert.equal(socket.isOpen, false);
  assert.deepEqual(seen, [true, true, true, false, true, false]);
});

scripted('three attempts mean exactly three after 1, 2 and 4 seconds', async (world) => {
  const attempts = [];
  const listen = world.client;
  const [told, socket] = await pauses({ ...world, client: () => listening(listen(), attempts) }, { reconnectDelay: 1000, maxReconnectAttempts: 3 });
  assert.deepEqual(told, [1, 2, 4]);
  assert.deepEqual(attempts, [1, 2, 3]);
  assert.equal(socket.state, 'closed');
  assert.equal(socket.lastError.code, 'ENDED');
  assert.equal(socket.lastError.cause.code, 'ATTEMPTS_EXHAUSTED');
});

/** A client whose sockets note the attempts that they tell of. */
function listening(sockets, attempts) {
  return {
    connectToChat: async (...args) => {
      const socket = await sockets.connectToChat(...args);
      socket.onReconnecting.subscribe((attempt) => attempts.push(attempt));
      return socket;
    },
  };
}

scripted('without options ten attempts follow doubling from 1 s to 30 s', async (world) => {
  assert.deepEqual((await pauses(world))[0], [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
});

scripted('the reconnect delay is the first pause and doubles', async (world) => {
  assert.deepEqual((await pauses(world, { reconnectDelay: 500, maxReconnectAttempts: 4 }))[0], [0.5, 1, 2, 4]);
});

scripted('a reconnect delay above 30 s is every pause', async (world) => {
  assert.deepEqual((await pauses(world, { reconnectDelay: 45_000, maxReconnectAttempts: 3 }))[0], [45, 45, 45]);
});

scripted('zero attempts mean for ever', async (world) => {
  const [told, socket] = await pauses(world, { maxReconnectAttempts: 0 }, 40);
  assert.equal(told.length, 40);
  assert.equal(socket.state, 'reconnecting');
});

scripted('the client has options for all of its sockets and each its own', async (world) => {
  const { client } = world;
  assert.deepEqual((await pauses({ ...world, client: () => client({ maxReconnectAttempts: 2 }) }, { reconnectDelay: 2_000 }))[0], [2, 4]);
});

scripted('an option that a socket leaves undefined is the one of the client', async (world) => {
  const { client } = world;
  const [told] = await pauses({ ...world, client: () => client({ reconnectDelay: 2_000 }) }, { reconnectDelay: undefined, maxReconnectAttempts: 2 });
  assert.deepEqual(told, [2, 4]);
});

scripted('jitter spreads the pauses when asked for', async (world) => {
  const [told] = await pauses(world, { jitter: true });
  assert.equal(told.length, 10);
  assert.notDeepEqual(told, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
});

scripted('options that are no numbers are refused', async ({ client }) => {
  for (const options of [{ reconnectDelay: NaN }, { reconnectDelay: '1000' }, { maxReconnectAttempts: -1 }]) {
    await assert.rejects(client().connectToChat('t', options), { code: 'INVALID_OPTION' });
  }
});

scripted('every loss and failed attempt is told as an error with what follows', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server);
  const errors = [];
  socket.onError.subscribe((error) => errors.push(error));
  await clock.advance(20_000);
  peer.drop(4000);
  await clock.advance(1_000);
  (await server.next()).drop();
  await settle();
  assert.deepEqual(
    errors.map(({ type, code, attempt, delayMs }) => ({ type, code, attempt, delayMs })),
    [
      { type: 'error', code: 'INTERRUPTED', attempt: 1, delayMs: 1_000 },
      { type: 'error', code: 'INTERRUPTED', attempt: 2, delayMs: 2_000 },
    ],
  );
  assert(errors[0] instanceof Error && /closed with 4000/.test(errors[0].message));
  peer.say({ action: 'error', code: 'BAD_FRAME', message: 'no' });
});

scripted('what the server complains about is told', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const errors = [];
  socket.onError.subscribe(({ code, serverCode }) => errors.push([code, serverCode]));
  peer.say({ action: 'error', code: 'RATE_LIMITED', message: 'slowly' });
  assert.deepEqual(errors, [['SERVER', 'RATE_LIMITED']]);
});

scripted('a rejected socket closes with the reason and does not come back', async ({ client, server, clock }) => {
  const sockets = client();
  const socket = await sockets.connectToChat('t');
  const told = [];
  socket.onError.subscribe(({ code, cause }) => told.push([code, cause.code, cause.reason]));
  socket.onStateChange.subscribe((state) => told.push(state));
  const peer = (await server.next()).open();
  peer.say({ action: 'connection.rejected', reason: 'FORBIDDEN', message: 'no' });
  peer.drop(4500);
  assert.deepEqual(told, [['ENDED', 'REJECTED', 'FORBIDDEN'], 'closed']);
  assert.equal(sockets.connectionCount, 0);
  await clock.advance(600_000);
  assert.equal(server.sockets.length, 1);
});

scripted('a handover changes no state and loses and doubles nothing', async ({ client, server, clock }) => {
  const [socket, first] = await opened(client(), server, { proactiveReconnectMs: 60_000 }, (peer) => peer.accept({ seq: 1 }));
  const told = [];
  socket.onStateChange.subscribe((state) => told.push(state));
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).seq));
  first.event(1, { seq: 2, prev: 1 });
  while (server.waiting === 0) {
    await clock.advance(1_000);
    first.say({ action: 'pong' });
  }
  const second = (await server.next()).open();
  assert(second.openedAt >= 57_000 && second.openedAt <= 60_000, 'up to 5 % early');
  second.accept({ seq: 2, resumed: true });
  first.event(2, { seq: 3, prev: 2 });
  second.event(2, { seq: 3, prev: 2 });
  second.event(3, { seq: 4, prev: 3 });
  assert.deepEqual(told, [2, 3, 4]);
});

scripted('without options a link is renewed before two hours', async ({ client, server, clock }) => {
  await opened(client(), server);
  while (server.waiting === 0) await clock.advance(1_000);
  const next = await server.next();
  assert(next.openedAt >= 104 * 60_000 && next.openedAt <= 110 * 60_000, 'about 110 min, up to 5 % early');
  next.acceptPlain();
});

scripted('what cannot be had any more is told as a gap in its place', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server, undefined, (peer) => peer.accept({ seq: 1 }));
  const told = [];
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).seq));
  socket.onGap.subscribe((gap) => told.push(gap));
  peer.event(1, { seq: 2, prev: 1 });
  peer.say({ action: 'gap', topic: 'conv:c1', after: 2, before: 9, reason: 'retention' });
  peer.event(2, { seq: 9, prev: 8 });
  assert.deepEqual(told, [2, { topic: 'conv:c1', after: 2, before: 9, reason: 'retention' }, 9]);
});

scripted('a machine that wakes up tries at once', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server);
  peer.drop();
  await clock.advance(1_000);
  (await server.next()).drop();
  await clock.advance(100);
  socket.networkReturned();
  (await server.next()).acceptPlain();
  assert.equal(socket.state, 'open');
});

scripted('on a plain server copies in a handover are dropped and what is in flight still comes', async ({ client, server, clock }) => {
  const [socket, first] = await opened(client(), server, { proactiveReconnectMs: 60_000 });
  first.isPolite = false;
  const told = [];
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).payload.n));
  await clock.advance(60_000);
  const second = (await server.next()).open();
  first.event(1);
  second.say({ action: 'connection.accepted' });
  second.event(1);
  first.readyState = 1;
  first.event(2);
  assert.deepEqual(told, [1, 2]);
  first.drop(1000);
});
