// Emitters: what handlers are given, and what they may do.

import assert from 'node:assert/strict';
import { opened, scripted, settle } from './support/scripted.js';

scripted('a message is the frame as it was received and parses as JSON', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onMessage.subscribe((event) => told.push(event.type, event.data));
  const text = '{"type":"message.new",  "payload":{"n":1e0},"odd":[]}';
  peer.say(text);
  assert.deepEqual(told, ['message', text]);
  assert.equal(JSON.parse(told[1]).payload.n, 1);
});

scripted('a message is the object that the platform gave', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  let told;
  socket.onMessage.subscribe((event) => (told = event));
  const event = new MessageEvent('message', { data: '{"type":"x","payload":1}' });
  peer.onmessage(event);
  assert.equal(told, event);
});

scripted('frames that steer the connection are not shown', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onMessage.subscribe((event) => told.push(event.data));
  peer.say({ action: 'pong' });
  peer.say({ action: 'something.new' });
  peer.say({ type: 'x' });
  assert.deepEqual(told, ['{"type":"x"}']);
});

scripted('unsubscribing stops listening', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  const unsubscribe = socket.onMessage.subscribe((event) => told.push(event.data));
  peer.event(1);
  unsubscribe();
  unsubscribe();
  peer.event(2);
  assert.equal(told.length, 1);
  assert.equal(socket.onMessage.listenerCount, 0);
});

scripted('every emitter has the same interface', async ({ client, server, clock }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  const unsubscribes = ['onMessage', 'onStateChange', 'onReconnecting', 'onError', 'onGap'].map((name) => {
    assert.equal(socket[name].listenerCount, 0);
    assert.equal(typeof socket[name][Symbol.asyncIterator], 'function');
    return socket[name].subscribe((value) => told.push([name, typeof value]));
  });
  peer.event(1);
  peer.drop();
  await clock.advance(1_000);
  assert.deepEqual(told, [
    ['onMessage', 'object'],
    ['onStateChange', 'string'],
    ['onError', 'object'],
    ['onReconnecting', 'number'],
  ]);
  for (const unsubscribe of unsubscribes) unsubscribe();
  (await server.next()).acceptPlain();
  assert.equal(told.length, 4);
});

scripted('the same function may subscribe twice, each for itself', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  let calls = 0;
  const handler = () => calls++;
  const first = socket.onMessage.subscribe(handler);
  socket.onMessage.subscribe(handler);
  peer.event(1);
  first();
  peer.event(2);
  assert.equal(calls, 3);
});

scripted('a handler may close the socket', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onStateChange.subscribe((state) => told.push(state));
  socket.onMessage.subscribe(() => {
    socket.close();
    told.push(socket.state);
  });
  socket.onMessage.subscribe(() => told.push('the other one'));
  peer.event(1);
  peer.event(2);
  await settle();
  assert.deepEqual(told, ['closing', 'the other one', 'closing', 'closed']);
});

scripted('a handler may destroy the socket and nothing is told after it', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onStateChange.subscribe((state) => told.push(state));
  socket.onMessage.subscribe(() => {
    told.push('first');
    socket.destroy();
  });
  socket.onMessage.subscribe(() => told.push('second'));
  peer.event(1);
  await settle();
  assert.deepEqual(told, ['first']);
  assert.equal(socket.state, 'closed');
});

scripted('a handler may unsubscribe itself and another and subscribe a new one', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  const itself = socket.onMessage.subscribe(() => {
    told.push('first');
    itself();
    other();
    socket.onMessage.subscribe(() => told.push('new'));
  });
  const other = socket.onMessage.subscribe(() => told.push('other'));
  socket.onMessage.subscribe(() => told.push('last'));
  peer.event(1);
  assert.deepEqual(told.splice(0), ['first', 'last']);
  peer.event(2);
  assert.deepEqual(told, ['last', 'new']);
});

scripted('a handler may open another socket and send', async ({ client, server }) => {
  const sockets = client();
  const [socket, peer] = await opened(sockets, server);
  let other;
  socket.onMessage.subscribe(() => {
    other = sockets.connectToChat('thread-2');
    socket.send('{"n":1}');
  });
  peer.event(1);
  assert.deepEqual(peer.take(), [{ n: 1 }]);
  const next = await server.next();
  next.acceptPlain();
  assert.equal((await other).state, 'open');
});

scripted('a handler that comes back in finds the order kept', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  // A server that answers before `send` has returned.
  peer.send = (text) => peer.event(JSON.parse(text).n);
  socket.onMessage.subscribe((event) => {
    const { n } = JSON.parse(event.data).payload;
    told.push(`${n} begins`);
    if (n < 3) socket.send(JSON.stringify({ n: n + 1 }));
    told.push(`${n} ends`);
  });
  socket.onMessage.subscribe((event) => told.push(JSON.parse(event.data).payload.n));
  peer.event(1);
  assert.deepEqual(told, ['1 begins', '1 ends', 1, '2 begins', '2 ends', 2, '3 begins', '3 ends', 3]);
});

scripted('what waits behind a handler that closes is not handed out', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  socket.onMessage.subscribe((event) => {
    told.push(JSON.parse(event.data).payload.n);
    // Both come while the handler runs, and wait for it.
    peer.event(2);
    peer.event(3);
    socket.close();
  });
  peer.event(1);
  await socket.closed();
  assert.deepEqual(told, [1]);
});

scripted('an exception of a handler is reported and stops nobody', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  const uncaught = [];
  const listener = (error) => uncaught.push(error.message);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);
  try {
    socket.onMessage.subscribe(() => {
      throw new Error('of a handler');
    });
    socket.onMessage.subscribe((event) => told.push(event.data));
    peer.say({ type: 'x', n: 1 });
    peer.say({ type: 'x', n: 2 });
    await settle();
  } finally {
    process.removeListener('uncaughtException', listener);
    others.forEach((other) => process.on('uncaughtException', other));
  }
  assert.equal(told.length, 2);
  assert.deepEqual(uncaught, ['of a handler', 'of a handler']);
});

scripted('where the platform reports errors a handler that throws is reported there', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const reported = [];
  globalThis.reportError = (error) => reported.push(error);
  try {
    socket.onMessage.subscribe(() => {
      throw 'a text';
    });
    peer.event(1);
  } finally {
    delete globalThis.reportError;
  }
  assert.deepEqual(reported, ['a text']);
});

scripted('emitters are iterators too and end with the socket', async ({ client, server }) => {
  const [socket, peer] = await opened(client(), server);
  const told = [];
  const reading = (async () => {
    for await (const { data } of socket.onMessage) told.push(JSON.parse(data).payload.n);
    return 'ended';
  })();
  peer.event(1);
  peer.event(2);
  await settle();
  peer.event(3);
  socket.close();
  assert.equal(await reading, 'ended');
  assert.deepEqual(told, [1, 2, 3]);
  assert.deepEqual(await socket.onMessage.stream().next(), { done: true, value: undefined });
});
