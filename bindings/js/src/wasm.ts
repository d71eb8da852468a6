// How the default entry gets its core: the module is inlined as text and compiled at the first `new`. `WebAssembly.Module`
// compiles synchronously; browsers refuse that on a page's own thread for large modules only (Chromium: above 8 MB).

import { MODULE } from 'bowline-module';

import { CoreError, type Exports } from './instance.js';

let compiled: WebAssembly.Module | undefined;

export function instantiate(): Exports {
  try {
    compiled ??= new WebAssembly.Module(bytes(MODULE));
  } catch (cause) {
    throw new CoreError("WebAssembly cannot be compiled here: import 'bowline/purejs' instead of 'bowline'", cause);
  }
  return new WebAssembly.Instance(compiled).exports as unknown as Exports;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
