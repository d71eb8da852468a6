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

/** The counterpart of `scripts/inline.js`. */
function bytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  let lift = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const index = code - (code > 92 ? 36 : 35);
    if (index < 88) {
      bytes[length++] = lift + index;
      lift = 0;
    } else lift = 88 * (index - 87);
  }
  return bytes.subarray(0, length);
}
