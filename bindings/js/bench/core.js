// What an event costs between `Core.frame` and `Core.poll`, without a socket and without JSON.
//
//   node bench/core.js [events]

import { Core } from '../built/src/core.js';

const events = Number(process.argv[2] ?? 1_000_000);

const core = new Core({ seed: 1 }, 0);
core.connect(0);
core.credentialReady(0, 1);
core.opened(0, 2);
core.frame(0, 2, {
  kind: 'accepted',
  resumed: false,
  epoch: '00000000000000ff',
  seq: 0,
  canResume: true,
  canDrain: true,
  heartbeatMs: 15_000,
  gaps: [],
});
while (core.poll());

const topics = Array.from({ length: 16 }, (_, index) => `conv:c${index}`);
const raw = { type: 'message.new', payload: {} };

function run(from, to) {
  let delivered = 0;
  const start = process.cpuUsage();
  for (let seq = from; seq < to; seq++) {
    const topic = topics[seq % 16];
    core.frame(seq / 1000, 2, { kind: 'event', topic, seq, prev: Math.max(0, seq - 16), digest: 0, event: raw });
    while (core.poll()) delivered++;
    core.deadline();
  }
  const { user, system } = process.cpuUsage(start);
  if (delivered !== to - from) throw new Error(`${delivered} of ${to - from} events were delivered`);
  return ((user + system) * 1000) / (to - from);
}

run(1, events);
const rounds = [0, 1, 2].map((round) => run(events + round * events, events + (round + 1) * events));
const spent = rounds.sort((a, b) => a - b);
console.log(`${spent[1].toFixed(0)} ns of CPU an event (${spent.map((ns) => ns.toFixed(0)).join(', ')})`);
