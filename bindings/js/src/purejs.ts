/// <reference lib="esnext.disposable" preserve="true" />
// The entry `bowline/purejs`: the same API over the same core, translated to JavaScript, for pages whose content security policy
// forbids WebAssembly.

export * from './index.js';
