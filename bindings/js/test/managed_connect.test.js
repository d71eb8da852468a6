// How managed sockets are opened: paths, tickets, and what fails at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bowline, TicketError, TokenError } from '../dist/index.js';
import { opened, outcome, scripted, settle } from './support/scripted.js';
import { Office } from './support/server.js';

test('what cannot be a client is said at once', () => {
  for (const url of ['', 'h', 'ftp://h', 'http://h/path', 'http://h/?q=1', 'http://u:p@h/', undefined]) {
    assert.throws(() => new Bowline({ url }), { code: 'INVALID_URL' }, url);
  }
  for (const url of ['http://h', 'https://h/', 'ws://h:8080', 'wss://[::1]:9/']) assert(new Bowline({ url }).websocket);
});

scripted('a chat socket opens with a ticket that was fetched for it', async ({ client, server, office }) => {
  const [socket, peer] = await opened(client(), server);
  assert.deepEqual(office.requests, [
    {
      method: 'POST',
      url: 'https://gateway.example/v1/tickets',
      headers: { authorization: 'Bearer t0ken', 'content-type': 'application/json', accept: 'application/json' },
      body: { path: '/chats/thread-1' },
      cache: 'no-store',
      credentials: 'omit',
      // A redirect would take the token elsewhere.
      redirect: 'manual',
    },
  ]);
  assert.equal(peer.url, 'wss://gateway.example/chats/thread-1?ticket=ticket-1');
  assert.equal(socket.state, 'open');
  assert.equal(socket.label, '/chats/thread-1');
});

scripted('the promise gives a socket that is connecting once its dial has begun', async ({ client, server, office }) => {
  let sell;
  office.answers.push(() => new Promise((resolve) => (sell = resolve)));
  const opening = client().connectToChat('thread-1');
  assert.equal(await outcome(opening), 'pending');
  sell({ body: { ticket: 'x', expiresIn: 30 } });
  const socket = await opening;
  assert.equal(socket.state, 'connecting');
  assert.equal(server.sockets.length, 1);
});

scripted('each attempt and each handover has a ticket and a token of its own', async ({ client, server, office, clock }) => {
  let n = 0;
  const [, peer] = await opened(client({ tokenProvider: async () => `t${++n}` }), server, { proactiveReconnectMs: 60_000 });
  peer.drop();
  await clock.advance(1_000);
  (await server.next()).acceptPlain();
  await clock.advance(60_000);
  (await server.next()).acceptPlain();
  assert.deepEqual(office.requests.map(({ headers }) => headers.authorization), ['Bearer t1', 'Bearer t2', 'Bearer t3']);
  assert.deepEqual(server.sockets.map(({ url }) => url.split('?')[1]), ['ticket=ticket-1', 'ticket=ticket-2', 'ticket=ticket-3']);
});

scripted('a transcript socket has the workspace and the transcript in its path', async ({ client, server, office }) => {
  const socket = await client().connectToTranscript('w 1', 't/2');
  assert.equal((await server.next()).url, 'wss://gateway.example/workspaces/w%201/transcripts/t%2F2?ticket=ticket-1');
  assert.equal(office.requests[0].body.path, '/workspaces/w%201/transcripts/t%2F2');
  assert.equal(socket.label, '/workspaces/w%201/transcripts/t%2F2');
});

scripted('any path opens under a label with and without options', async ({ client, server, office }) => {
  const sockets = client();
  for (const [path, url] of [
    ['/notifications', 'wss://gateway.example/notifications'],
    ['notifications', 'wss://gateway.example/notifications'],
    ['/a?x=y', 'wss://gateway.example/a?x=y'],
    ['//evil.example/x', 'wss://gateway.example//evil.example/x'],
    ['@evil.example', 'wss://gateway.example/@evil.example'],
    ['https://evil.example', 'wss://gateway.example/https://evil.example'],
  ]) {
    const socket = await sockets.connect(path, {}, 'mine');
    assert.equal(socket.label, 'mine');
    assert.equal((await server.next()).url, `${url}${url.includes('?') ? '&' : '?'}ticket=ticket-${office.requests.length}`);
    assert.equal(office.requests.at(-1).body.path, new URL(url).pathname);
  }
  assert.equal((await sockets.connect('/notifications')).label, '/notifications');
});

scripted('an id cannot leave its place in the path', async ({ client, server }) => {
  const sockets = client();
  for (const id of ['', '.', '..', undefined, '\ud800']) {
    await assert.rejects(sockets.connectToChat(id), (error) => error instanceof TicketError && error.code === 'PATH');
  }
  await sockets.connectToChat('a b?c#d%2F../ü');
  assert.equal((await server.next()).url.split('?')[0], 'wss://gateway.example/chats/a%20b%3Fc%23d%252F..%2F%C3%BC');
  assert.equal(sockets.connectionCount, 1);
});

scripted('a ticket may be bought for a socket of ones own', async ({ client, office }) => {
  const sockets = client();
  const sold = await sockets.getTicket('/notifications');
  assert.equal(sold.ticket, 'ticket-1');
  assert.equal(`${sold}`, 'ticket-1');
  assert.equal(sold.expiresInMs, 30_000);
  assert.doesNotMatch(JSON.stringify(sold) + (await import('node:util')).inspect(sold), /ticket-1/);
  assert.deepEqual(office.requests[0].body, { path: '/notifications' });
  // A token that was not accepted is asked for once more.
  office.answers.push({ status: 401 });
  assert.equal((await sockets.getTicket('/notifications')).ticket, 'ticket-3');
  office.answers.push({ status: 401 }, { status: 401 });
  await assert.rejects(sockets.getTicket('/notifications'), { name: 'TicketError', code: 'UNAUTHORIZED' });
  assert.equal(sockets.connectionCount, 0);
});

scripted('why a provider has no token is said by the ticket that was asked for', async ({ client }) => {
  const failing = (error) => client({ tokenProvider: () => Promise.reject(error) }).getTicket('/x');
  await assert.rejects(failing(new Error('offline')), { code: 'TEMPORARY', message: /offline/, retryAfterMs: undefined });
  await assert.rejects(failing(new TokenError('busy', { retryAfterMs: 7_000 })), { code: 'TEMPORARY', retryAfterMs: 7_000 });
  await assert.rejects(failing(new TokenError('signed out', { refused: true })), { code: 'NO_TOKEN', message: /signed out/ });
  await assert.rejects(client({ tokenProvider: undefined }).getTicket('/x'), { code: 'NO_TOKEN' });
});

scripted('a ticket has its deadlines', async ({ client, office, clock }) => {
  office.answers.push(Office.silence);
  const late = assert.rejects(client().getTicket('/x'), (error) => error.code === 'TEMPORARY' && /took too long/.test(error.message));
  await clock.advance(10_000);
  await late;
  const hanging = assert.rejects(client({ tokenProvider: () => new Promise(() => {}) }).getTicket('/x'), { code: 'TEMPORARY' });
  await clock.advance(30_000);
  await hanging;
  assert.equal(clock.timers, 0);
});

scripted('a ticket that is given up leaves no timer and no listener', async ({ client, office, clock }) => {
  let listeners = 0;
  /** A signal that counts who listens to it. */
  const counted = () => {
    const stop = new AbortController();
    const { signal } = stop;
    for (const [method, step] of [['addEventListener', 1], ['removeEventListener', -1]]) {
      const own = signal[method].bind(signal);
      signal[method] = (...args) => ((listeners += step), own(...args));
    }
    return stop;
  };
  // A provider that never answers is left when the signal says so, and when its time is up.
  const hanging = client({ tokenProvider: () => new Promise(() => {}) });
  const stop = counted();
  const aborted = assert.rejects(hanging.getTicket('/x', { signal: stop.signal }), /unmounted/);
  stop.abort(new Error('unmounted'));
  await aborted;
  assert.deepEqual([clock.timers, listeners], [0, 0]);
  const late = assert.rejects(hanging.getTicket('/x', { signal: counted().signal }), { code: 'TEMPORARY' });
  await clock.advance(30_000);
  await late;
  assert.deepEqual([clock.timers, listeners], [0, 0]);
  office.answers.push(Office.silence);
  const asked = counted();
  const given = assert.rejects(client().getTicket('/x', { signal: asked.signal }), /unmounted/);
  await settle();
  asked.abort(new Error('unmounted'));
  await given;
  assert.deepEqual([clock.timers, listeners], [0, 0]);
});

scripted('a ticket that cannot be had for good fails the connect with its reason', async ({ client, server, office, clock }) => {
  const sockets = client();
  for (const [answers, code, words] of [
    [[{ status: 403 }], 'FORBIDDEN', /no right/],
    [[{ status: 404 }], 'REFUSED', /sells no tickets/],
    [[{ status: 302 }], 'REFUSED', /redirected/],
    [[{ status: 400 }], 'REFUSED', /400/],
    [[{ status: 401 }, { status: 401 }], 'UNAUTHORIZED', /401/],
  ]) {
    office.answers.push(...answers);
    const failed = assert.rejects(sockets.connectToChat('t'), (error) => error instanceof TicketError && error.code === code && words.test(error.message));
    await clock.advance(0);
    await failed;
  }
  for (const [tokenProvider, code] of [
    [() => Promise.reject(new TokenError('signed out', { refused: true })), 'NO_TOKEN'],
    ['line\nbreak', 'REFUSED'],
  ]) {
    await assert.rejects(client({ tokenProvider }).connectToChat('t'), (error) => error.code === code && !/line\nbreak/.test(error.message));
  }
  assert.equal(server.sockets.length, 0);
  assert.equal(sockets.connectionCount, 0);
});

scripted('an expired token is replaced by a fresh one and the socket opens', async ({ client, server, office, clock }) => {
  let n = 0;
  office.answers.push({ status: 401 });
  const opening = client({ tokenProvider: () => `t${++n}` }).connectToChat('t');
  await clock.advance(0);
  const socket = await opening;
  (await server.next()).acceptPlain();
  assert.equal(socket.state, 'open');
  assert.deepEqual(office.requests.map(({ headers }) => headers.authorization), ['Bearer t1', 'Bearer t2']);
});

scripted('a ticket that cannot be had now gives a socket that keeps trying', async ({ client, server, office, clock }) => {
  const sockets = client();
  const offline = () => Promise.reject(new TypeError('fetch failed'));
  office.answers.push(offline, { status: 503, headers: { 'retry-after': '7' } }, { body: 'no JSON' });
  const errors = [];
  const socket = await sockets.connectToChat('t');
  socket.onError.subscribe((error) => errors.push(error.message));
  assert.equal(socket.state, 'reconnecting');
  assert.match(socket.lastError.message, /fetch failed/);
  await clock.advance(1_000);
  assert.match(errors[0], /503; attempt 2 follows in 7000 ms/);
  await clock.advance(7_000);
  assert.match(errors[1], /not the expected JSON/);
  await clock.advance(4_000);
  (await server.next()).acceptPlain();
  assert.equal(socket.state, 'open');
});

scripted('a server that is busy is asked again for the ticket, when it said', async ({ client, server, office, clock }) => {
  const socket = client().connectToChat('t', { maxReconnectAttempts: 0 });
  for (const status of [408, 425, 429, 500, 502]) office.answers.push({ status, headers: { 'retry-after': '60' } });
  for (let n = 1; n <= 5; n++) {
    await clock.advance(0);
    assert.equal(office.requests.length, n);
    await clock.advance(59_000);
    assert.equal(office.requests.length, n);
    await clock.advance(1_000);
  }
  const peer = (await server.next()).acceptPlain();
  assert.equal((await socket).state, 'open');
  // At most a day is believed; what is no number of seconds says nothing.
  office.answers.push({ status: 429, headers: { 'retry-after': '999999999' } }, { status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } });
  await clock.advance(10_000);
  peer.drop();
  await clock.advance(1_000 + 86_400_000);
  assert.equal(office.requests.length, 8);
  await clock.advance(4_000);
  (await server.next()).acceptPlain();
});

scripted('a token provider that hangs or fails is asked again', async ({ client, server, clock }) => {
  let n = 0;
  const socket = client({
    tokenProvider: () => {
      n++;
      if (n === 1) return new Promise(() => {});
      if (n === 2) throw new Error('not now');
      return 't';
    },
  }).connectToChat('t');
  await clock.advance(30_000);
  await clock.advance(1_000);
  await clock.advance(2_000);
  (await server.next()).acceptPlain();
  assert.equal((await socket).state, 'open');
});

scripted('a connect that is given up leaves nothing behind', async ({ client, office, clock }) => {
  const sockets = client();
  const stop = new AbortController();
  office.answers.push(Office.silence);
  const opening = sockets.connectToChat('t', { signal: stop.signal });
  await settle();
  assert.equal(sockets.connectionCount, 1);
  stop.abort(new Error('unmounted'));
  await assert.rejects(opening, /unmounted/);
  await settle();
  assert.equal(sockets.connectionCount, 0);
  assert.equal(clock.timers, 0);
  assert.equal(office.waiting, 0);
  await assert.rejects(sockets.connectToChat('t', { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(office.requests.length, 1);
});

scripted('closing all ends a connect that is under way', async ({ client, office }) => {
  const sockets = client();
  office.answers.push(Office.silence);
  const opening = assert.rejects(sockets.connectToChat('t'), { name: 'ConnectError', code: 'CLOSED' });
  await settle();
  sockets.closeAll();
  await opening;
  assert.equal(sockets.connectionCount, 0);
});

scripted('messages that come before the first listener wait for it', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server, undefined, (peer) => peer.accept({ seq: 1 }));
  peer.event(1, { seq: 2, prev: 1 });
  peer.say({ action: 'gap', topic: 'conv:c1', after: 2, before: 5, reason: 'retention' });
  peer.event(2, { seq: 5, prev: 4 });
  const told = [];
  socket.onGap.subscribe((gap) => told.push(['gap', gap.before]));
  const unsubscribe = socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).seq));
  assert.deepEqual(told, [], 'no handler is called before `subscribe` has returned');
  await settle();
  assert.deepEqual(told, [2, ['gap', 5], 5]);
  unsubscribe();
  peer.event(3, { seq: 6, prev: 5 });
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).seq));
  await settle();
  assert.equal(told.length, 3, 'later ones that nobody listens to are gone');
});

scripted('a handler of one of them that comes back in finds the order kept', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  // A server that answers before `send` has returned.
  peer.send = (text) => peer.event(JSON.parse(text).n);
  peer.event(1);
  peer.event(2);
  const told = [];
  socket.onMessage.subscribe((event) => {
    const { n } = JSON.parse(event.data).payload;
    told.push(`${n} begins`);
    if (n === 1) socket.send('{"n":3}');
    told.push(`${n} ends`);
  });
  await settle();
  assert.deepEqual(told, ['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
});

scripted('a handler that closes the socket hears no further one of them', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  peer.event(1);
  peer.event(2);
  const told = [];
  socket.onMessage.subscribe((event) => {
    told.push(JSON.parse(event.data).payload.n);
    socket.close();
  });
  await socket.closed();
  assert.deepEqual(told, [1]);
});

scripted('the newest 1024 of them', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  for (let n = 1; n <= 1_030; n++) peer.event(n);
  const told = [];
  for await (const event of socket.onMessage) {
    told.push(JSON.parse(event.data).payload.n);
    if (told.at(-1) === 1_030) break;
  }
  assert.equal(told[0], 7);
  assert.equal(told.length, 1_024);
});

scripted('the token itself may open the socket', async ({ client, server, office }) => {
  const [, peer] = await opened(client({ credential: 'token' }), server);
  assert.equal(peer.url, 'wss://gateway.example/chats/thread-1?token=t0ken');
  assert.equal(office.requests.length, 0);
});
