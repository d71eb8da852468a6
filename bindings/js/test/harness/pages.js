// A server for a page's own files: the built package, the scenarios, and whatever else a test puts there.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Where a page finds what. */
const FILES = {
  '/dist/': here('../../dist/'),
  '/scenario.js': here('scenario.js'),
  '/census.js': here('census.js'),
};

/**
 * Serves on a free port. `entry` is the module of the package that the page imports, `policy` its Content-Security-Policy. The
 * page has `<script type="module" src="/page.js">`, which puts the package and the scenarios where a test finds them.
 */
export async function pages({ entry = '/dist/index.js', policy } = {}) {
  const html = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="/census.js"></script><script type="module" src="/page.js"></script>';
  const script = `import * as bowline from '${entry}';\nimport * as scenario from '/scenario.js';\nObject.assign(globalThis, { bowline, scenario });\n`;
  const made = { '/': ['text/html', html], '/page.js': ['text/javascript', script] };
  const server = createServer(async ({ url }, response) => {
    const { pathname } = new URL(url, 'http://x');
    const folder = Object.keys(FILES).find((start) => pathname.startsWith(start));
    let [type, body] = made[pathname] ?? ['text/javascript'];
    if (body === undefined && folder && !pathname.includes('..')) body = await readFile(FILES[folder] + pathname.slice(folder.length)).catch(() => undefined);
    if (body === undefined) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type, ...(policy && { 'content-security-policy': policy }) }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
