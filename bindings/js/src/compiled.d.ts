// What `./build` makes of the Rust core, and which of the two ways to get an instance a bundle takes.

declare module 'bowline-core' {
  /** A new instance of the core. */
  export function instantiate(): import('./instance.js').Exports;
}

declare module 'bowline-module' {
  /** The WebAssembly module as text. */
  export const MODULE: string;
}

declare module 'bowline-wasm2js' {
  /** A new instance of the core, as JavaScript. */
  export function instantiate(): import('./instance.js').Exports;
}
