/**
 * Every kernel, compiled and as its TypeScript twin, on cached data; and what making a memory costs.
 *
 *     node --conditions=@lsm/source bench/kernels.bench.ts [--quick]
 *
 * Calls go round four memories, as in an engine: with one memory only, V8 inlines the call and copying 16 bytes is
 * about 3 ns cheaper. That V8 sees two targets at every call, as the twins take turns with the compiled kernels, costs
 * less than the noise (2026-11: the same figures without the twins).
 */
import { seededRandom } from '@lsm/core';
import { attachKernels, createKernels, type Kernels } from '@lsm/kernels';
import { type BenchTask, finish, measure, prove, quick } from '../../../tooling/bench.ts';

const BLOCK = 4096;
const RAW = 65_536;
const ENCODED = 131_072;
const DECODED = 196_608;

type Memories = readonly Kernels[];

/** Of {@link RAW} as LZ4. */
let encodedBytes = 0;

interface Action {
  readonly name: string;
  /** Bytes of an operation. */
  readonly bytes: number;
  /** Runs the operation so often; returns a number that only the right result gives. */
  readonly run: (memories: Memories, calls: number) => number;
}

/** A block of records with 16-byte random keys and 100-byte values that are half letters, half noise. */
function fillBlock(bytes: Uint8Array): void {
  const random = seededRandom(1);
  for (let i = 0; i < BLOCK; i++) {
    const at = i % 116;
    bytes[RAW + i] = at < 66 ? random.next() : 97 + (at % 5);
  }
}

// Each kernel has a loop of its own, so that none shares its call with another.
const actions: readonly Action[] = [
  {
    name: 'copy 16 B',
    bytes: 16,
    run: (memories, calls) => {
      for (let i = 0; i < calls; i++) {
        memories[i & 3]!.copy(DECODED + (i & 1023), RAW + (i & 1023), 16);
      }
      return memories[0]!.bytes[DECODED + 1024]!;
    },
  },
  {
    name: 'copy 100 B',
    bytes: 100,
    run: (memories, calls) => {
      for (let i = 0; i < calls; i++) {
        memories[i & 3]!.copy(DECODED + (i & 1023), RAW + (i & 1023), 100);
      }
      return memories[0]!.bytes[DECODED + 1024]!;
    },
  },
  {
    name: 'compare 16 B, equal',
    bytes: 16,
    run: (memories, calls) => {
      let equal = 0;
      for (let i = 0; i < calls; i++) {
        const kernels = memories[i & 3]!;
        if (kernels.compare(i & 1023, 16, 4096 + (i & 1023), 16) === 0) equal++;
      }
      return equal;
    },
  },
  {
    name: 'checksum 128 B',
    bytes: 128,
    run: (memories, calls) => {
      let sum = 0;
      for (let i = 0; i < calls; i++) {
        const kernels = memories[i & 3]!;
        kernels.checksum(RAW + (i & 1023), 128, 1, 2);
        sum = (sum + kernels.checksumLow + kernels.checksumHigh) | 0;
      }
      return sum;
    },
  },
  {
    name: 'checksum 4 KiB',
    bytes: BLOCK,
    run: (memories, calls) => {
      let sum = 0;
      for (let i = 0; i < calls; i++) {
        const kernels = memories[i & 3]!;
        kernels.checksum(RAW, BLOCK, i, 2);
        sum = (sum + kernels.checksumLow + kernels.checksumHigh) | 0;
      }
      return sum;
    },
  },
  {
    name: 'lz4Encode 4 KiB',
    bytes: BLOCK,
    run: (memories, calls) => {
      let bytes = 0;
      for (let i = 0; i < calls; i++) {
        bytes += memories[i & 3]!.lz4Encode(RAW, BLOCK, ENCODED, BLOCK);
      }
      return bytes;
    },
  },
  {
    name: 'lz4Decode 4 KiB',
    bytes: BLOCK,
    run: (memories, calls) => {
      let decoded = 0;
      for (let i = 0; i < calls; i++) {
        const kernels = memories[i & 3]!;
        if (kernels.lz4Decode(ENCODED, encodedBytes, DECODED, BLOCK)) decoded += BLOCK;
      }
      return memories.every(holdsDecoded) ? decoded : -1;
    },
  },
];

function holdsDecoded({ bytes }: Kernels): boolean {
  const raw = bytes.subarray(RAW, RAW + BLOCK);
  return Buffer.compare(bytes.subarray(DECODED, DECODED + BLOCK), raw) === 0;
}

function makeMemories(fallback: boolean): Memories {
  return Array.from({ length: 4 }, () => {
    const kernels = createKernels(1 << 18, { fallback });
    fillBlock(kernels.bytes);
    encodedBytes = kernels.lz4Encode(RAW, BLOCK, ENCODED, BLOCK);
    return kernels;
  });
}

const callsOf = ({ bytes }: Action): number => (quick ? 1024 : bytes === BLOCK ? 2048 : 65_536);

function tasksOf(memories: Memories, suffix: string, beside?: string): BenchTask[] {
  return actions.map((action, i) => ({
    name: `${action.name}${suffix}`,
    operations: callsOf(action),
    bytes: action.bytes * callsOf(action),
    expected: results[i]!,
    run: () => action.run(memories, callsOf(action)),
    ...(beside === undefined ? {} : { beside: `${action.name}${beside}` }),
  }));
}

const memories = makeMemories(false);
prove('the kernels are compiled', memories[0]!.compiled);
prove(`LZ4 makes ${encodedBytes} bytes of 4096`, encodedBytes > 0 && encodedBytes < BLOCK);
/** Of the compiled kernels; the twins have to give the same. */
const results = actions.map((action) => action.run(memories, callsOf(action)));
prove('the block is decoded as it was', results.at(-1) === callsOf(actions.at(-1)!) * BLOCK);

const handle = createKernels(65_536).handle;
const makers: Record<string, () => Kernels> = {
  'createKernels 64 KiB': () => createKernels(65_536),
  attachKernels: () => attachKernels(handle),
};
const making = Object.entries(makers).map(([name, make]): BenchTask => {
  const calls = quick ? 2 : 50;
  return {
    name,
    operations: calls,
    expected: calls * 65_536,
    run: () => {
      let bytes = 0;
      for (let i = 0; i < calls; i++) bytes += make().byteLength;
      return bytes;
    },
  };
});
await measure('Making a memory', making);

const compiledBytes = encodedBytes;
const twins = makeMemories(true);
prove(
  'the twins are not compiled, and encode to the same length',
  !twins[0]!.compiled && encodedBytes === compiledBytes,
);
await measure('Compiled and twin in turns', [
  ...tasksOf(memories, ', compiled', ', twin'),
  ...tasksOf(twins, ', twin'),
]);
finish();
