// What a bundler makes of the package: what is not used is left out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

/** The bundle of a program that stands beside this file. */
async function bundle(contents) {
  const stdin = { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)) };
  const { outputFiles } = await build({ stdin, bundle: true, minify: true, format: 'esm', write: false, logLevel: 'silent' });
  return outputFiles[0].text;
}

test('an import that uses nothing adds nothing', async () => {
  assert.equal(await bundle(`import 'bowline'; import { AgentSocket } from 'bowline'; import * as all from 'bowline/purejs';`), '');
});

test('a program that only knows the errors does not carry the core', async () => {
  assert((await bundle(`import { BowlineError } from 'bowline'; console.log(BowlineError);`)).length < 1_000);
});

test('each of the two APIs leaves out the other', async () => {
  const agent = await bundle(`import { AgentSocket } from 'bowline'; new AgentSocket({ url: 'wss://h' });`);
  const managed = await bundle(`import { Bowline } from 'bowline'; new Bowline({ url: 'wss://h' });`);
  assert.match(agent, /sendActivity/);
  assert.doesNotMatch(agent, /connectToTranscript/);
  assert.match(managed, /connectToTranscript/);
  assert.doesNotMatch(managed, /setOnSubscribeAck/);
});
