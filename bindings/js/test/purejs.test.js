// The entry without WebAssembly is the same API over the same core: it passes the same tests.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

for (const behaviour of ['agent_reconnecting', 'agent_handover', 'agent_disconnecting', 'managed_states', 'managed_handlers']) {
  test(`the tests of ${behaviour} pass`, () => {
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    // To be sure that it uses none.
    const forbidden = 'data:text/javascript,WebAssembly.Module = WebAssembly.Instance = () => { throw new Error("WebAssembly is used"); }';
    const flags = ['--import', forbidden, '--test', '--test-reporter=tap', `${behaviour}.test.js`];
    const { stdout } = spawnSync(process.execPath, flags, {
      encoding: 'utf8',
      timeout: 150_000,
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...env, BOWLINE_ENTRY: 'purejs' },
    });
    assert.match(stdout, /^# fail 0$/m, stdout.slice(-4_000));
    assert.doesNotMatch(stdout, /^# pass 0$/m);
  });
}
