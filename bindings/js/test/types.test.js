// The types of the twenty events are the structs of the Rust client: what the shared cases call good compiles, and what they
// call bad does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { corpus } from './harness/corpus.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

test('every good payload has its type and every bad one has not', () => {
  const lines = [`import type { EventMap, PayloadMap } from '${path('../src/events.ts')}';`];
  let [good, bad] = [0, 0];
  for (const { name, text, expect } of corpus('typed_events.ndjson')) {
    const kind = name.split(' ')[0];
    const { payload } = JSON.parse(text);
    // A type knows no members of a later version, no ranges of numbers and no surrogates.
    if (/later version$|-1 for|0\.5 for|1e300 for|\\ud800/.test(name)) continue;
    const isGood = 'payload' in expect;
    if (!isGood) lines.push('// @ts-expect-error');
    // Names are put as they are written, so that a member that the type has not is an error.
    const value = payload === undefined ? 'undefined' : JSON.stringify(payload);
    lines.push(`{ const read: PayloadMap['${kind}'] = ${value}; void read; }`);
    isGood ? good++ : bad++;
  }
  // Every type has its event, with the payload's members beside the envelope's.
  lines.push(`const flat: EventMap['message.new']['content'] = {}; void flat;`);
  lines.push(`const kind: EventMap['conversation.new']['type'] = 'conversation.new'; void kind;`);
  assert.ok(good > 100 && bad > 700, `${good} good, ${bad} bad`);
  const dir = mkdtempSync(join(tmpdir(), 'bowline-types-'));
  try {
    writeFileSync(join(dir, 'cases.ts'), lines.join('\n'));
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions'];
    const { stdout, status } = spawnSync(path('../node_modules/.bin/tsc'), [...options, 'cases.ts'], { encoding: 'utf8', cwd: dir });
    assert.equal(status, 0, stdout.slice(0, 4_000));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
