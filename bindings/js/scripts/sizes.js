// Prints what each part of the built package weighs. `node scripts/sizes.js gate` fails above the limits.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const KB = 1024;

// The limit lies less than a hundredth above what has been reached: whoever makes an entry smaller lowers it. The aim is what an
// entry should weigh, and does not yet.
const PARTS = [
  { name: 'core (WebAssembly)', file: 'built/core.wasm' },
  { name: 'bowline', file: 'dist/index.js', gzipLimit: 44_000, aim: 20 * KB },
  { name: 'bowline/purejs', file: 'dist/purejs.js', gzipLimit: 58_000, aim: 28 * KB },
];

let isAbove = false;
const rows = PARTS.map(({ name, file, gzipLimit, aim }) => {
  const bytes = readFileSync(new URL(`../${file}`, import.meta.url));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  isAbove ||= gzip > gzipLimit;
  return [name, bytes.length, gzip, brotliCompressSync(bytes).length, gzipLimit ?? '', aim ?? ''];
});

for (const [name, ...numbers] of [['bytes', 'plain', 'gzip', 'brotli', 'limit (gzip)', 'aim (gzip)'], ...rows]) {
  console.log(name.padEnd(20) + numbers.map((number) => String(number).padStart(13)).join(''));
}
if (isAbove && process.argv[2] === 'gate') {
  console.error('an entry is above its limit');
  process.exitCode = 1;
}
