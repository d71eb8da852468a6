// What the built package is to whoever bundles or loads it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = (entry) => readFileSync(new URL(`../dist/${entry}.js`, import.meta.url), 'utf8');

async function bundled(contents) {
  const options = { bundle: true, format: 'esm', write: false, logLevel: 'silent', nodePaths: [root] };
  const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir: root } });
  return outputFiles[0].text.trim();
}

for (const entry of ['index', 'purejs']) {
  test(`${entry}: an import that nobody uses leaves nothing in a bundle`, async () => {
    assert.equal(await bundled(`import './dist/${entry}.js'`), '');
    assert.equal(await bundled(`import { AgentSocket } from './dist/${entry}.js'`), '');
  });

  test(`${entry}: whoever takes an error class only does not take the core`, async () => {
    const { length } = await bundled(`import { ConnectionRejectedError } from './dist/${entry}.js'; console.log(ConnectionRejectedError)`);
    assert.ok(length < 0.1 * text(entry).length, `${length} of ${text(entry).length} characters`);
  });

  test(`${entry}: the source is plain ASCII`, () => {
    assert.match(text(entry), /^[\n\x20-\x7e]*$/);
  });

  test(`${entry}: no code is made from text`, () => {
    assert.doesNotMatch(text(entry), /\beval\s*\(|\bFunction\s*\(/);
  });
}

test('the pure entry does not know WebAssembly', () => {
  assert.doesNotMatch(text('purejs'), /WebAssembly/);
});

test('importing an entry compiles nothing', async () => {
  const { Module } = WebAssembly;
  WebAssembly.Module = class {
    constructor() {
      throw new Error('compiled');
    }
  };
  try {
    await import('../dist/index.js');
  } finally {
    WebAssembly.Module = Module;
  }
});
