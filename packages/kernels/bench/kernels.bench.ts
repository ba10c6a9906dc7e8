/**
 * Every kernel, compiled and as its TypeScript twin, on cached data; and what making a memory costs.
 *
 *     node --conditions=@lsm/source bench/kernels.bench.ts
 *
 * Each figure is the best of seven rounds. Calls go round four memories, as in an engine: with one memory only, V8
 * inlines the call and copying 16 bytes is about 3 ns cheaper.
 */
import { seededRandom } from '@lsm/core';
import { attachKernels, createKernels, type Kernels } from '@lsm/kernels';

const ROUNDS = 7;
const MEMORIES = 4;
const BLOCK = 4096;
const RAW = 65_536;
const ENCODED = 131_072;
const DECODED = 196_608;

type Action = (kernels: Kernels, i: number) => number;

/** A block of records with 16-byte random keys and 100-byte values that are half letters, half noise. */
function fillBlock(bytes: Uint8Array): void {
  const random = seededRandom(1);
  for (let i = 0; i < BLOCK; i++) {
    const at = i % 116;
    bytes[RAW + i] = at < 66 ? random.next() : 97 + (at % 5);
  }
}

const actions: Record<string, Action> = {
  'copy 16 B': (kernels, i) => {
    kernels.copy(4096 + (i & 1023), i & 2047, 16);
    return 0;
  },
  'copy 100 B': (kernels, i) => {
    kernels.copy(4096 + (i & 1023), i & 2047, 100);
    return 0;
  },
  'compare 16 B, equal': (kernels, i) => kernels.compare(i & 1023, 16, 4096 + (i & 1023), 16),
  'checksum 128 B': (kernels, i) => {
    kernels.checksum(i & 1023, 128, 1, 2);
    return kernels.checksumLow ^ kernels.checksumHigh;
  },
  'checksum 4 KiB': (kernels, i) => {
    kernels.checksum(i & 1023, BLOCK, 1, 2);
    return kernels.checksumLow ^ kernels.checksumHigh;
  },
  'lz4Encode 4 KiB': (kernels) => kernels.lz4Encode(RAW, BLOCK, ENCODED, BLOCK),
  'lz4Decode 4 KiB': (kernels) => Number(kernels.lz4Decode(ENCODED, encodedBytes, DECODED, BLOCK)),
};
let encodedBytes = 0;
let sink = 0;

function bestNs(memories: readonly Kernels[], action: Action, calls: number): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) sink ^= action(memories[i & (MEMORIES - 1)]!, i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  return best;
}

function measureAll(fallback: boolean): Record<string, number> {
  const memories = Array.from({ length: MEMORIES }, () => createKernels(1 << 18, { fallback }));
  for (const kernels of memories) {
    fillBlock(kernels.bytes);
    encodedBytes = kernels.lz4Encode(RAW, BLOCK, ENCODED, BLOCK);
  }
  return Object.fromEntries(
    Object.entries(actions).map(([name, action]) => {
      const calls = name.endsWith('KiB') ? (fallback ? 2000 : 20_000) : 200_000;
      return [name, bestNs(memories, action, calls)];
    }),
  );
}

const compiled = measureAll(false);
const twins = measureAll(true);
console.table(
  Object.fromEntries(
    Object.keys(actions).map((name) => [
      name,
      {
        'compiled ns': compiled[name]!.toFixed(1),
        'twin ns': twins[name]!.toFixed(1),
        'times faster': (twins[name]! / compiled[name]!).toFixed(1),
      },
    ]),
  ),
);
console.log(`LZ4: 4096 bytes become ${encodedBytes}.`);

const handle = createKernels(65_536).handle;
const makers = {
  'createKernels 64 KiB': () => createKernels(65_536),
  attachKernels: () => attachKernels(handle),
};
for (const [name, make] of Object.entries(makers)) {
  const us = bestNs([], () => make().byteLength, 100) / 1000;
  console.log(`${name}: ${us.toFixed(1)} µs`);
}
if (sink === 0.5) console.log(sink);
