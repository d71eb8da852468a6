// How a test gets at a module that the package does not export: its TypeScript is bundled on the spot and imported from memory.

import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

/** The exports of `src/<name>`. */
export async function source(name) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../../src/${name}`, import.meta.url))],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
