/**
 * The kernels that are compiled to WebAssembly: one module, bound to one imported memory that it never grows.
 *
 * AssemblyScript, compiled by `../build-wasm.mjs`. The module has no static data, no heap and no start function;
 * all state that outlives a call stands in globals, so that two threads with an instance each over one shared
 * memory don't meet. Offsets and lengths are unsigned 32-bit bytes. Each function has a twin in `../src/twin`.
 */
export { compare, copy } from './bytes';
export { lz4Decode } from './lz4-decode';
export { lz4Encode } from './lz4-encode';
export { checksum, checksumBegin, checksumEnd, checksumHigh, checksumUpdate } from './xxh64';
