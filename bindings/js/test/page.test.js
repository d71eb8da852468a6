// What a page is told about its network and its sleep, and that it is listened to only while a connection is open.

import assert from 'node:assert/strict';
import { connected, scripted, settle } from './support/scripted.js';

/** Something that takes listeners, and counts them. */
class Target extends EventTarget {
  count = 0;
  addEventListener(...args) {
    this.count++;
    super.addEventListener(...args);
  }
  removeEventListener(...args) {
    this.count--;
    super.removeEventListener(...args);
  }
  tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** As `scripted`, in a page. */
function inPage(name, body) {
  scripted(name, async (world) => {
    const page = new Target();
    const document = new Target();
    document.visibilityState = 'visible';
    globalThis.addEventListener = page.addEventListener.bind(page);
    globalThis.removeEventListener = page.removeEventListener.bind(page);
    globalThis.document = document;
    try {
      await body({ ...world, page, document });
    } finally {
      delete globalThis.addEventListener;
      delete globalThis.removeEventListener;
      delete globalThis.document;
    }
  });
}

inPage('it is listened to only while a connection is open', async ({ agent, server, page, document }) => {
  const socket = agent();
  assert.equal(page.count + document.count, 0);
  await connected(socket, server);
  assert.deepEqual([page.count, document.count], [3, 3]);
  socket.disconnect();
  await settle();
  assert.equal(page.count + document.count, 0);
  const rejected = assert.rejects(socket.connect());
  const peer = (await server.next()).open();
  peer.say({ action: 'connection.rejected', reason: 'X' });
  peer.drop();
  await rejected;
  assert.equal(page.count + document.count, 0);
});

for (const [where, type] of [
  ['page', 'online'],
  ['page', 'pageshow'],
  ['document', 'visibilitychange'],
  ['document', 'resume'],
]) {
  inPage(`${type} ends the wait for the next attempt and asks a link whether it is there`, async (world) => {
    const { agent, server, clock } = world;
    const socket = agent();
    (await connected(socket, server)).drop();
    await clock.advance(100);
    world[where].tell(type);
    const peer = (await server.next()).acceptPlain();
    world[where].tell(type);
    assert.deepEqual(peer.take(), [{ action: 'ping' }]);
    peer.say({ action: 'pong' });
    socket.disconnect();
    await settle();
  });
}

inPage('a page that goes out of sight does nothing', async ({ agent, server, document }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  document.visibilityState = 'hidden';
  document.tell('visibilitychange');
  assert.deepEqual(peer.take(), []);
  socket.disconnect();
  await settle();
});

inPage('offline asks a link whether it is there and wastes no attempt', async ({ agent, server, clock, page }) => {
  const socket = agent();
  const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
  page.tell('offline');
  assert.deepEqual(peer.take(), [{ action: 'ping' }]);
  await clock.advance(5_000);
  assert(peer.isOver, 'nothing was heard');
  assert.equal(server.waiting, 0);
  page.tell('offline');
  await clock.advance(999);
  assert.equal(server.waiting, 0, 'the attempt keeps its turn');
  await clock.advance(1);
  (await server.next()).accept({ seq: 1, resumed: true });
  socket.disconnect();
  await settle();
});

inPage('the silence of a frozen page proves nothing', async ({ agent, server, clock, document }) => {
  const socket = agent();
  const peer = await connected(socket, server, (peer) => peer.accept({ seq: 1 }));
  document.tell('freeze');
  await clock.advance(600_000);
  assert.equal(peer.isOver, false);
  document.tell('resume');
  assert.deepEqual(peer.takeAll('ping').length, 1);
  await clock.advance(5_000);
  assert(peer.isOver);
  socket.disconnect();
  await settle();
});
