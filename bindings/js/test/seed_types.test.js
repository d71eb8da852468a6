// Both documents compile as they are but for their import, in a project with the strictest settings.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Compiles the documents against the built types. */
function compile(...options) {
  const strict = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false', '--target', 'es2022'];
  const { stdout, status } = spawnSync(path('../node_modules/.bin/tsc'), [...strict, ...options, 'types/seeds.ts'], { encoding: 'utf8', cwd: path('.') });
  assert.equal(status, 0, stdout.slice(0, 4_000));
}

test('both documents compile for a bundler and a browser', () => {
  compile('--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.asynciterable', '--types', 'node');
});

test('both documents compile for Node', () => {
  compile('--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2022', '--types', 'node');
});
