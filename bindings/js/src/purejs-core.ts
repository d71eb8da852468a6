// How the entry `bowline/purejs` gets its core: the same module, translated to JavaScript when the package is built.

export { instantiate } from 'bowline-wasm2js';
