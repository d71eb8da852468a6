// `connect()` and its token: what resolves it, what fails it, what follows.

import assert from 'node:assert/strict';
import { AgentSocket, ConnectionRejectedError, ConnectError, NewioWebSocket, TokenError } from '../dist/index.js';
import { connected, outcome, scripted, settle } from './support/scripted.js';
import { test } from 'node:test';

test('the class has the name of the document too', () => {
  assert.equal(NewioWebSocket, AgentSocket);
});

test('a URL that is none is refused at once and says what to give', () => {
  for (const url of ['', 'agent', 'ftp://h/', 'ws://user:word@h/', undefined]) {
    assert.throws(() => new AgentSocket({ url }), (error) => error.code === 'INVALID_URL' && !error.message.includes('word@'), url);
  }
  assert.throws(() => new AgentSocket({ url: 'ws://h', proactiveReconnectMs: NaN }), { code: 'INVALID_OPTION' });
  assert.throws(() => new AgentSocket({ url: 'ws://h', reconnectDelay: -1 }), { code: 'INVALID_OPTION' });
  assert.throws(() => new AgentSocket({ url: 'ws://h', maxReconnectAttempts: Infinity }), { code: 'INVALID_OPTION', message: /finite/ });
});

scripted('the token is asked for first and travels in the URL encoded', async ({ agent, server }) => {
  let tell;
  const socket = agent({ tokenProvider: () => new Promise((resolve) => (tell = resolve)) });
  const done = socket.connect();
  await settle();
  assert.equal(server.sockets.length, 0, 'nothing is dialled before there is a token');
  tell('a+b/c=&d');
  const peer = await server.next();
  assert.equal(peer.url, 'wss://gateway.example?token=a%2Bb%2Fc%3D%26d');
  peer.acceptPlain();
  await done;
});

scripted('a query of the URL stays and http means ws', async ({ agent, server }) => {
  for (const [url, expected] of [
    ['wss://h/agent?a=b#f', 'wss://h/agent?a=b&token=t'],
    ['http://h:1/agent', 'ws://h:1/agent?token=t'],
    ['HTTPS://h', 'wss://h/?token=t'],
    [new URL('wss://h/agent?a=b'), 'wss://h/agent?a=b&token=t'],
  ]) {
    const socket = agent({ url, tokenProvider: 't' });
    socket.connect().catch(() => {});
    assert.equal((await server.next()).url, expected);
    socket.disconnect();
  }
});

scripted('in a page a URL may be relative to it', async ({ agent, client, server, office }) => {
  globalThis.location = { href: 'https://app.example/x/y?q#h' };
  try {
    const socket = agent({ url: '/agent' });
    socket.connect().catch(() => {});
    assert.equal((await server.next()).url, 'wss://app.example/agent?token=t0ken');
    await client({ url: '/' }).connectToChat('t');
    assert.equal(office.requests[0].url, 'https://app.example/v1/tickets');
    assert.equal((await server.next()).url, 'wss://app.example/chats/t?ticket=ticket-1');
  } finally {
    delete globalThis.location;
  }
});

scripted('a token provider is a text, a promise, or a function of either', async ({ agent, server }) => {
  for (const tokenProvider of ['t', Promise.resolve('t'), () => 't', async () => 't']) {
    const socket = agent({ tokenProvider });
    const peer = await connected(socket, server);
    assert.equal(peer.url, 'wss://gateway.example?token=t');
    socket.disconnect();
  }
});

scripted('connect resolves only on connection.accepted', async ({ agent, server }) => {
  const socket = agent();
  const events = [];
  socket.on('message.new', (event) => events.push(event.n));
  const done = socket.connect();
  const peer = await server.next();
  peer.open();
  assert.equal(await outcome(done), 'pending');
  assert.equal(socket.getState(), 'connecting');
  peer.event(1);
  assert.equal(await outcome(done), 'pending', 'an event is no acceptance');
  peer.say({ action: 'connection.accepted' });
  await done;
  assert.equal(socket.getState(), 'connected');
  peer.event(2);
  assert.deepEqual(events, [1, 2]);
});

scripted('connect never resolves by a timeout', async ({ agent, server, clock }) => {
  const socket = agent();
  const done = socket.connect();
  for (let minute = 0; minute < 60; minute++) {
    for (const peer of server.sockets) if (peer.readyState === 0) peer.open();
    await clock.advance(60_000);
  }
  assert.equal(await outcome(done), 'pending');
  for (const peer of server.open) peer.say({ action: 'connection.accepted' });
  const peer = server.sockets.at(-1);
  if (peer.readyState === 0) peer.open();
  await clock.advance(31_000);
  server.sockets.at(-1).acceptPlain();
  await done;
});

scripted('two fast connects give one socket and both resolve', async ({ agent, server }) => {
  const socket = agent();
  const both = Promise.all([socket.connect(), socket.connect()]);
  (await server.next()).acceptPlain();
  await both;
  await socket.connect();
  assert.equal(server.sockets.length, 1);
});

scripted('a rejection fails connect with its reason and ends auto-reconnect', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  socket.onStateChange((state) => told.push(state));
  socket.setOnConnectionRejected((reason, error) => told.push(reason, error instanceof ConnectionRejectedError));
  socket.onError((error) => told.push(error.code, error.cause.code));
  const done = socket.connect();
  const peer = await server.next();
  peer.open();
  peer.say({ action: 'connection.rejected', reason: 'CONNECTION_LIMIT_EXCEEDED', message: 'two are open' });
  peer.drop(4503);
  await assert.rejects(done, (error) => {
    assert(error instanceof ConnectionRejectedError && error instanceof ConnectError && error instanceof Error);
    assert.equal(error.reason, 'CONNECTION_LIMIT_EXCEEDED');
    assert.equal(error.code, 'REJECTED');
    assert.match(error.message, /two are open/);
    return true;
  });
  assert.deepEqual(told, ['connecting', 'disconnected', 'CONNECTION_LIMIT_EXCEEDED', true, 'ENDED', 'REJECTED']);
  await clock.advance(3_600_000);
  assert.equal(server.sockets.length, 1, 'no retry');
  assert.equal(clock.timers, 0);
});

scripted('after a rejected third connection connect works once a slot is free', async ({ agent, server }) => {
  const socket = agent();
  const done = socket.connect();
  const peer = await server.next();
  peer.open();
  peer.say({ action: 'connection.rejected', reason: 'CONNECTION_LIMIT_EXCEEDED' });
  peer.drop(1000);
  await assert.rejects(done);
  await connected(socket, server);
  assert.equal(socket.getState(), 'connected');
});

scripted('a rejection that says when to come again is no end', async ({ agent, server, clock }) => {
  const socket = agent();
  const rejected = [];
  socket.setOnConnectionRejected((reason) => rejected.push(reason));
  const done = socket.connect();
  const peer = (await server.next()).open();
  peer.say({ action: 'connection.rejected', reason: 'CONNECTION_LIMIT_EXCEEDED', retryAfterMs: 7_000 });
  peer.drop(4503);
  await clock.advance(6_999);
  assert.deepEqual([server.waiting, socket.getState()], [0, 'disconnected']);
  await clock.advance(1);
  (await server.next()).acceptPlain();
  await done;
  assert.deepEqual(rejected, []);
});

scripted('a handler of the rejection may connect again', async ({ agent, server }) => {
  const socket = agent();
  let again;
  socket.setOnConnectionRejected(() => (again = socket.connect()));
  const done = socket.connect();
  const peer = await server.next();
  peer.open();
  peer.say({ action: 'connection.rejected', reason: 'CONNECTION_LIMIT_EXCEEDED' });
  peer.drop(4503);
  await assert.rejects(done);
  (await server.next()).acceptPlain();
  await again;
  assert.equal(socket.getState(), 'connected');
});

scripted('connect works again from every state', async ({ agent, server, clock }) => {
  const socket = agent();
  let peer = await connected(socket, server);
  await socket.connect();
  socket.disconnect();
  peer = await connected(socket, server);
  // Between attempts the next one starts at once.
  peer.drop(1006);
  await settle();
  assert.equal(server.waiting, 0);
  const at = clock.now;
  const done = socket.connect();
  peer = await server.next();
  assert.equal(clock.now, at);
  peer.acceptPlain();
  await done;
});

scripted('the state is told in three words and is disconnected between attempts', async ({ agent, server, clock }) => {
  const socket = agent();
  const told = [];
  const handler = (state) => told.push([state, socket.getState()].join());
  socket.onStateChange(handler);
  assert.equal(socket.getState(), 'disconnected');
  const peer = await connected(socket, server);
  peer.drop();
  await clock.advance(999);
  assert.equal(socket.getState(), 'disconnected');
  await clock.advance(1);
  (await server.next()).drop();
  await clock.advance(2_000);
  (await server.next()).acceptPlain();
  assert.deepEqual(
    told.map((pair) => pair.split(',')[0]),
    ['connecting', 'connected', 'disconnected', 'connecting', 'disconnected', 'connecting', 'connected'],
  );
  assert(told.every((pair) => pair.split(',')[0] === pair.split(',')[1]));
  socket.offStateChange(handler);
  socket.disconnect();
  assert.equal(told.length, 7, 'offStateChange removes it');
});

scripted('a token provider that fails is told and asked again', async ({ agent, server, clock }) => {
  let n = 0;
  const socket = agent({
    tokenProvider: () => {
      if (++n === 1) throw new Error('the office is closed');
      return 't';
    },
  });
  const told = [];
  socket.onError((error) => told.push(error.code, error.message));
  const done = socket.connect();
  await settle();
  assert.deepEqual(told, ['INTERRUPTED', 'the office is closed; attempt 1 follows in 1000 ms']);
  await clock.advance(1_000);
  (await server.next()).acceptPlain();
  await done;
});

scripted('a token provider that refuses, or gives no text, ends it', async ({ agent, server }) => {
  for (const tokenProvider of [
    () => Promise.reject(new TokenError('signed out', { refused: true })),
    () => Promise.reject(Object.assign(new Error('signed out'), { refused: true })),
    async () => undefined,
    null,
  ]) {
    await assert.rejects(agent({ tokenProvider }).connect(), (error) => error.code === 'NO_CREDENTIAL' && /signed out|not a text/.test(error.message));
  }
  assert.equal(server.sockets.length, 0);
});

scripted('a token provider may say when to ask again', async ({ agent, server, clock }) => {
  let n = 0;
  const tokenProvider = async () => {
    if (++n === 1) throw new TokenError('busy', { retryAfterMs: 7_000 });
    return 't';
  };
  const done = agent({ tokenProvider }).connect();
  await clock.advance(6_999);
  assert.equal(server.waiting, 0);
  await clock.advance(1);
  (await server.next()).acceptPlain();
  await done;
});

scripted('a token provider that hangs is asked again after 30 s', async ({ agent, server, clock }) => {
  let n = 0;
  let late;
  const socket = agent({ tokenProvider: () => (++n === 1 ? new Promise((resolve) => (late = resolve)) : 'second') });
  const done = socket.connect();
  await clock.advance(31_000);
  assert.equal(n, 2);
  late('first');
  const peer = await server.next();
  assert.equal(peer.url, 'wss://gateway.example?token=second', 'a late answer is nobody\'s');
  peer.acceptPlain();
  await done;
});

scripted('an expired token is replaced once and a second one ends it', async ({ agent, server }) => {
  let n = 0;
  const socket = agent({ tokenProvider: () => `t${++n}` });
  const rejected = [];
  socket.setOnConnectionRejected((reason) => rejected.push(reason));
  const done = socket.connect();
  for (const token of ['t1', 't2']) {
    const peer = await server.next();
    assert.equal(peer.url, `wss://gateway.example?token=${token}`);
    peer.open();
    peer.say({ action: 'connection.rejected', reason: 'UNAUTHORIZED', message: 'expired' });
    peer.drop(4501);
  }
  await assert.rejects(done, (error) => error instanceof ConnectionRejectedError && error.reason === 'UNAUTHORIZED' && error.code === 'UNAUTHORIZED');
  assert.deepEqual(rejected, ['UNAUTHORIZED']);
});

scripted('the token is fresh for every attempt and every handover', async ({ agent, server, clock }) => {
  let n = 0;
  const socket = agent({ tokenProvider: async () => `t${++n}`, proactiveReconnectMs: 60_000 });
  const peer = await connected(socket, server);
  peer.drop();
  await clock.advance(1_000);
  (await server.next()).acceptPlain();
  await clock.advance(60_000);
  (await server.next()).acceptPlain();
  assert.deepEqual(server.sockets.map(({ url }) => url.split('=')[1]), ['t1', 't2', 't3']);
});

scripted('without a token provider no token is sent', async ({ agent, server }) => {
  const peer = await connected(agent({ tokenProvider: undefined }), server);
  assert.equal(peer.url, 'wss://gateway.example');
});
