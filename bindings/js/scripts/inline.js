// Writes the core as JavaScript sources: the WebAssembly module as text, and its translation as a function that makes an instance.
//
// The text has 88 characters that stand for the lowest bytes, and two that lift the one behind them: gzip finds in it nearly what
// it finds in the bytes, which base64 hides from it, and it is plain ASCII, which survives every bundler and every charset.
// Measured on 71,558 bytes (gzip 33,194): this 33,605, hex 36,780, base64 42,479.

import { readFileSync, writeFileSync } from 'node:fs';

const ONE = 88;

const built = (name) => new URL(`../built/${name}`, import.meta.url);

/** The printable characters from `#` on but the backslash: nothing that a string literal would escape. */
const character = (index) => String.fromCharCode(index + (index < 57 ? 35 : 36));

let text = '';
for (const byte of readFileSync(built('core.wasm'))) {
  const lift = Math.floor(byte / ONE);
  if (lift) text += character(ONE - 1 + lift);
  text += character(byte % ONE);
}
writeFileSync(built('module.js'), `export const MODULE = ${JSON.stringify(text)};\n`);

// The translation instantiates itself where it is imported; here that waits for a call. Its data come as base64, which gzip can't
// see through; most of them are texts, and what is none becomes numbers.
const DECODER = /^ *var base64ReverseLookup = .*(?=^function initActiveSegments)/ms;
const SEGMENT = /base64DecodeToExistingUint8Array\(bufferView, (\d+), ("[^"]*")\)/g;

const PUT = `function put(at, ...parts) {
  for (const part of parts) for (const one of part) bufferView[at++] = typeof one === 'string' ? one.charCodeAt(0) : one;
}
`;

const put = (_, at, base64) => {
  const parts = Buffer.from(base64, 'base64').toString('latin1').match(/[ -~]+|[^ -~]+/g);
  return `put(${at}, ${parts.map((part) => JSON.stringify(/[ -~]/.test(part) ? part : [...Buffer.from(part, 'latin1')]))})`;
};

const [translated, exported] = readFileSync(built('translated.js'), 'utf8').split(/^var retasmFunc = /m);
const source = translated.replace(DECODER, PUT).replace(SEGMENT, put);
if (!exported || source.includes('base64')) throw new Error('wasm2js has changed the shape of what it writes');
writeFileSync(built('wasm2js.js'), `export function instantiate() {\n${source}\nreturn asmFunc({});\n}\n`);
