// Loads TypeScript sources in the threads and processes that tests start (`node --require`), without Node's own
// stripper. That one is a WebAssembly module with imported functions, and V8 13.6 now and then aborts a process in
// which several threads run it ("Check failed" in ThreadIsolation::UnregisterWasmAllocation, while the wrapper of such
// a function is replaced). The kernels' own WebAssembly imports no function and so has no such wrapper.
const { readFileSync } = require('node:fs');
const { registerHooks } = require('node:module');
const { fileURLToPath } = require('node:url');
const { transformSync } = require('rolldown/utils');

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
    const file = fileURLToPath(url);
    const { code, errors } = transformSync(file, readFileSync(file, 'utf8'), { sourcemap: false });
    if (errors.length > 0) throw errors[0];
    return { format: 'module', source: code, shortCircuit: true };
  },
});
