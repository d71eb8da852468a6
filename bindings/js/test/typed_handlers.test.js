// What a handler is given of a typed event is what was published, beside its envelope: whatever fits its type or not.

import assert from 'node:assert/strict';

import { corpus } from './harness/corpus.js';
import { connected, scripted, settle } from './support/scripted.js';

const ENVELOPE = ['type', 'timestamp', 'topic', 'seq', 'prev', 'payload'];

scripted('every typed event of the corpus reaches its handler with all that was published', async ({ agent, server }) => {
  const socket = agent();
  const peer = await connected(socket, server);
  const heard = [];
  const cases = corpus('typed_events.ndjson');
  for (const type of new Set(cases.map(({ text }) => JSON.parse(text).type))) socket.on(type, (event) => heard.push(event));
  for (const { name, text } of cases) {
    peer.say(text);
    await settle();
    const sent = JSON.parse(text);
    const { payload } = sent;
    const expected = { ...(typeof payload === 'object' && !Array.isArray(payload) && payload), ...sent };
    // A payload's member never passes for one of the envelope.
    for (const member of ENVELOPE) if (!Object.hasOwn(sent, member)) delete expected[member];
    assert.deepEqual(heard.splice(0), [expected], name);
  }
});
