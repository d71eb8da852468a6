// Prints what each part of the built package weighs. `node scripts/sizes.js gate` fails above the limits.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const KB = 1024;

const PARTS = [
  { name: 'core (WebAssembly)', file: 'built/core.wasm' },
  { name: 'bowline', file: 'dist/index.js', gzipLimit: 20 * KB },
  { name: 'bowline/purejs', file: 'dist/purejs.js', gzipLimit: 28 * KB },
];

let isAbove = false;
const rows = PARTS.map(({ name, file, gzipLimit }) => {
  const bytes = readFileSync(new URL(`../${file}`, import.meta.url));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  isAbove ||= gzip > gzipLimit;
  return [name, bytes.length, gzip, brotliCompressSync(bytes).length, gzipLimit ?? ''];
});

for (const [name, ...numbers] of [['bytes', 'plain', 'gzip', 'brotli', 'limit (gzip)'], ...rows]) {
  console.log(name.padEnd(20) + numbers.map((number) => String(number).padStart(13)).join(''));
}
if (isAbove && process.argv[2] === 'gate') {
  console.error('an entry is above its limit');
  process.exitCode = 1;
}
