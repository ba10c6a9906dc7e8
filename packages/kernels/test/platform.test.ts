/** What kernels do on platforms that lack something. */
import { afterEach, expect, test, vi } from 'vitest';

async function freshKernels(): Promise<typeof import('@lsm/kernels')> {
  vi.resetModules();
  return await import('@lsm/kernels');
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test('without shared memory the kernels are compiled, over a memory of one thread', async () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  const { createKernels } = await freshKernels();
  const kernels = createKernels(1);
  expect([kernels.compiled, kernels.shared]).toEqual([true, false]);
  kernels.checksum(0, 0, 0, 0);
  expect(kernels.checksumHigh).toBe(0xef46db37 | 0);
});

test('without WebAssembly the twins take over, on a plain buffer', async () => {
  vi.stubGlobal('WebAssembly', undefined);
  const { attachKernels, ByteChecksum, createKernels } = await freshKernels();
  const kernels = createKernels(1);
  expect([kernels.compiled, kernels.shared]).toEqual([false, false]);
  expect(kernels.handle).toBeInstanceOf(ArrayBuffer);
  const checksum = new ByteChecksum();
  checksum.compute(new Uint8Array(0), 0, 0, 0, 0);
  expect(checksum.high).toBe(0xef46db37 | 0);
  expect(attachKernels(createKernels(1, { shared: true }).handle).shared).toBe(true);
});

test('where the modules do not compile the twins take over', async () => {
  vi.stubGlobal('WebAssembly', {
    ...WebAssembly,
    Memory: WebAssembly.Memory,
    Module: function refuse() {
      throw new WebAssembly.CompileError('no SIMD here');
    },
  });
  const { createKernels } = await freshKernels();
  expect(createKernels(1).compiled).toBe(false);
});
