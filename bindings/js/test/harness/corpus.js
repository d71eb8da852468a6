// How the shared files of cases are read: `tests/corpus/data` and the vectors beside the Rust decoder.

import { readFileSync } from 'node:fs';

const root = new URL('../../../../', import.meta.url);

/** The cases of a file of `tests/corpus/data`, one a line. */
export function corpus(file) {
  const text = readFileSync(new URL(`tests/corpus/data/${file}`, root), 'utf8');
  return text.trimEnd().split('\n').map((line) => JSON.parse(line));
}

/** The vectors of `crates/proto`. */
export function vectors() {
  return JSON.parse(readFileSync(new URL('crates/proto/tests/vectors/frames.json', root), 'utf8')).cases;
}

/** The bytes of a case's message. */
export function message({ text, hex }) {
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  if (typeof text === 'string') return Buffer.from(text);
  return Buffer.from(text.map((piece) => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1]))).join(''));
}
