import { expect, test } from 'vitest';
import { SHARED_KERNELS } from '../src/generated/shared-kernels.ts';
import { UNSHARED_KERNELS } from '../src/generated/unshared-kernels.ts';

// An imported function would cost a wrapper per call, and V8 13.6 can abort while threads replace such wrappers.
test.each([
  ['shared', SHARED_KERNELS],
  ['unshared', UNSHARED_KERNELS],
])('the %s kernels import a memory and nothing else', (_, text) => {
  const module = new WebAssembly.Module(Buffer.from(text, 'base64'));
  expect(WebAssembly.Module.imports(module)).toEqual([
    { module: 'env', name: 'memory', kind: 'memory' },
  ]);
});
