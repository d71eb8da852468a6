// The mocked timers of Node's own test runner drive a connection, though they leave `performance.now` alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentSocket } from '../dist/index.js';
import { FakeSocket } from './support/server.js';

for (const apis of [['setTimeout'], ['setTimeout', 'Date']]) {
  test(`with ${apis.join(' and ')} mocked it reconnects when they say so`, async (t) => {
    t.mock.timers.enable({ apis });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const sockets = [];
    const socket = new AgentSocket({
      url: 'wss://h',
      tokenProvider: 't',
      wsFactory: (url) => (sockets.push(new FakeSocket(url)), sockets.at(-1)),
    });
    const done = socket.connect();
    await settle();
    sockets[0].acceptPlain();
    await done;
    sockets[0].drop();
    for (const [n, pause] of [1_000, 2_000, 4_000].entries()) {
      for (let ms = 0; ms < pause - 50; ms += 50) {
        t.mock.timers.tick(50);
        await settle();
        // The real clock goes on a little meanwhile.
        if (ms < pause - 500) assert.equal(sockets.length, n + 1);
      }
      t.mock.timers.tick(100);
      await settle();
      assert.equal(sockets.length, n + 2);
      if (pause < 4_000) sockets[n + 1].drop();
    }
    sockets[3].acceptPlain();
    assert.equal(socket.getState(), 'connected');
    socket.disconnect();
    await settle();
  });
}
