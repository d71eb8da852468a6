// A test of a socket against a scripted server, on a clock that stands still; at its end nothing may be left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock, settle } from './clock.js';
import { Office, Server } from './server.js';

// `purejs` runs the same tests over the translated core.
const { AgentSocket, Bowline } = await import(`../../dist/${process.env.BOWLINE_ENTRY ?? 'index'}.js`);

export { settle } from './clock.js';
export { EPOCH } from './server.js';

/**
 * Runs `body` with the clock, the server, and makers of sockets that dial it. When it is done every socket is closed, and no
 * timer, open socket or handler on a socket may be left.
 */
export function scripted(name, body) {
  test(name, async () => {
    const clock = fakeClock();
    try {
      const server = new Server(clock);
      const office = new Office();
      const made = [];
      const keep = (thing) => (made.push(thing), thing);
      await body({
        clock,
        server,
        office,
        agent: (options) => keep(new AgentSocket({ url: 'wss://gateway.example', tokenProvider: 't0ken', wsFactory: server.wsFactory, ...options })),
        client: (options) =>
          keep(new Bowline({ url: 'https://gateway.example', wsFactory: server.wsFactory, fetch: office.fetch, tokenProvider: 't0ken', ...options })).websocket,
      });
      for (const thing of made) thing.websocket ? thing.websocket.closeAll() : thing.disconnect();
      await clock.advance(6_000);
      assert.equal(clock.timers, 0, 'timers are left');
      assert.equal(server.open.length, 0, 'sockets are left');
      assert(server.isDeserted, 'handlers are left on sockets');
      assert.equal(office.waiting, 0, 'ticket requests are left');
    } finally {
      clock.restore();
    }
  });
}

/** An agent that is connected: the socket and the server's end. */
export async function connected(socket, server, accept = (peer) => peer.acceptPlain()) {
  const done = socket.connect();
  const peer = await server.next();
  accept(peer);
  await done;
  return peer;
}

/** A chat socket that is open, and the server's end. */
export async function opened(sockets, server, options, accept = (peer) => peer.acceptPlain()) {
  const socket = await sockets.connectToChat('thread-1', options);
  const peer = await server.next();
  accept(peer);
  return [socket, peer];
}

/** What a promise became, without waiting for it. */
export async function outcome(promise) {
  let result = 'pending';
  promise.then(
    (value) => (result = { value }),
    (error) => (result = { error }),
  );
  await settle();
  return result;
}

/** The times, in seconds, between one and the next. */
export const steps = (times) => times.slice(1).map((time, n) => (time - times[n]) / 1000);
