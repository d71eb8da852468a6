// Async iterators: bounded, loud when they are full, ended by whatever ends a subscription.

import assert from 'node:assert/strict';
import { connected, opened, outcome, scripted, settle } from './support/scripted.js';

scripted('an iterator of all events brings them in order, each iterator every one', async ({ agent, server }) => {
  const socket = agent();
  const [one, two] = [socket.events(), socket[Symbol.asyncIterator]()];
  const peer = await connected(socket, server);
  for (let n = 1; n <= 3; n++) peer.event(n);
  for (const events of [one, two]) {
    for (let n = 1; n <= 3; n++) assert.equal((await events.next()).value.n, n);
    await events.return();
  }
});

scripted('an iterator of one type brings that type', async ({ agent, server }) => {
  const socket = agent();
  const events = socket.events('message.deleted');
  const peer = await connected(socket, server);
  peer.event(1);
  peer.say({ type: 'message.deleted', payload: { messageId: 'm1' } });
  assert.equal((await events.next()).value.messageId, 'm1');
  assert.equal(await outcome(events.next()), 'pending');
  await events.return();
});

scripted('it goes on over disconnect and connect', async ({ agent, server }) => {
  const socket = agent();
  const events = socket.events();
  (await connected(socket, server)).event(1);
  socket.disconnect();
  (await connected(socket, server)).event(2);
  assert.deepEqual([(await events.next()).value.n, (await events.next()).value.n], [1, 2]);
});

scripted('an iterator that is full says so behind what it holds and holds nobody up', async ({ agent, server }) => {
  const socket = agent();
  const events = socket.events({ limit: 2 });
  const heard = [];
  socket.on('message.new', (event) => heard.push(event.n));
  const peer = await connected(socket, server);
  for (let n = 1; n <= 4; n++) peer.event(n);
  assert.deepEqual([(await events.next()).value.n, (await events.next()).value.n], [1, 2]);
  await assert.rejects(events.next(), (error) => error.code === 'ITERATOR_FULL' && /limit/.test(error.message));
  assert.deepEqual(await events.next(), { done: true, value: undefined });
  assert.deepEqual(heard, [1, 2, 3, 4]);
});

scripted('by default 1024 values may wait', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const messages = socket.onMessage.stream();
  for (let n = 1; n <= 1_025; n++) peer.event(n);
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const _ of messages) count++;
    },
    { code: 'ITERATOR_FULL' },
  );
  assert.equal(count, 1_024);
});

scripted('a limit that is no number is refused', async ({ agent }) => {
  for (const limit of [NaN, -1, '7']) assert.throws(() => agent().events({ limit }), { code: 'INVALID_OPTION' });
});

scripted('who waits is served in order', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const messages = socket.onMessage.stream();
  const two = Promise.all([messages.next(), messages.next()]);
  peer.event(1);
  peer.event(2);
  assert.deepEqual((await two).map(({ value }) => JSON.parse(value.data).payload.n), [1, 2]);
});

scripted('a break ends the subscription', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const reading = (async () => {
    for await (const _ of socket.onMessage) break;
  })();
  assert.equal(socket.onMessage.listenerCount, 1);
  peer.event(1);
  await reading;
  assert.equal(socket.onMessage.listenerCount, 0);
});

scripted('what waits in an iterator is gone once it has returned', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const messages = socket.onMessage.stream();
  peer.event(1);
  await messages.return();
  assert.deepEqual(await messages.next(), { done: true, value: undefined });
});

scripted('a signal ends it with its reason, also while it waits', async ({ client, server }) => {
  const [socket] = await opened(client(), server);
  const stop = new AbortController();
  const messages = socket.onMessage.stream({ signal: stop.signal });
  const waiting = assert.rejects(messages.next(), /unmounted/);
  stop.abort(new Error('unmounted'));
  await waiting;
  assert.equal(socket.onMessage.listenerCount, 0);
  await assert.rejects(socket.onMessage.stream({ signal: AbortSignal.abort() }).next(), { name: 'AbortError' });
});

scripted('the end of the socket ends it behind what it holds', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const messages = socket.onMessage.stream();
  const states = socket.onStateChange.stream();
  peer.event(1);
  socket.close();
  await socket.closed();
  assert.equal((await messages.next()).done, false);
  assert.equal((await messages.next()).done, true);
  const told = [];
  for await (const state of states) told.push(state);
  assert.deepEqual(told, ['closing', 'closed']);
});

scripted('dispose ends the iterators of an agent', async ({ agent, server }) => {
  const socket = agent();
  const events = socket.events();
  await connected(socket, server);
  const waiting = events.next();
  socket.dispose();
  assert.equal((await waiting).done, true);
  const heard = [];
  socket.on('message.new', (event) => heard.push(event.n));
  (await connected(socket, server)).event(1);
  assert.deepEqual(heard, [1], 'it may be used again');
});
