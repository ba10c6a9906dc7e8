/**
 * Build and probe times of every point index kind, beside what they cost in memory and in false positives.
 *
 *     node --conditions=@lsm/source bench/point-index.bench.ts [keys, default 1,000,000] [--quick]
 *
 * Each call builds one index, or probes all keys in random order; hashes are computed beforehand. The times stand beside
 * the split-block filter, the default.
 */
import { POINT_INDEX_KINDS } from '@lsm/bloom';
import { POINT_ABSENT, type PointIndex, type PointIndexKind, seededRandom } from '@lsm/core';
import {
  type BenchTask,
  copyOf,
  finish,
  measure,
  numberArgument,
  prove,
} from '../../../tooling/bench.ts';

const KEYS = numberArgument(0, 1_000_000, 10_000);
const BITS_PER_KEY = 10;
/** Entries of a block, as with 16-byte keys and 100-byte values in 4 KiB. */
const SLOTS = 34;

const random = seededRandom(1);
const present = makeHashes();
const foreign = makeHashes();

function makeHashes(): Int32Array {
  const hashes = new Int32Array(2 * KEYS);
  for (let i = 0; i < hashes.length; i++) hashes[i] = random.next();
  return hashes;
}

function encode(kind: PointIndexKind): Uint8Array<ArrayBuffer> {
  const builder = kind.builder(BITS_PER_KEY);
  for (let i = 0; i < KEYS; i++) {
    builder.add(present[2 * i]!, present[2 * i + 1]!, Math.floor(i / SLOTS), i % SLOTS);
  }
  const bytes = builder.finish();
  if (bytes === null) throw new Error(`${kind.name} cannot hold ${KEYS} keys`);
  return bytes as Uint8Array<ArrayBuffer>;
}

function countPassed(index: PointIndex, hashes: Int32Array, absent: number): number {
  let passed = 0;
  for (let i = 0; i < hashes.length; i += 2) {
    if (index.first(hashes[i]!, hashes[i + 1]!) !== absent) passed++;
  }
  return passed;
}

const builds: BenchTask[] = [];
const probes: BenchTask[] = [];
for (const kind of POINT_INDEX_KINDS.slice(1)) {
  const { name } = kind;
  const bytes = encode(kind);
  const index = kind.open(bytes);
  const count = copyOf(countPassed);
  const falsePositives = count(index, foreign, POINT_ABSENT);
  const beside = (what: string): { beside?: string } =>
    name === 'split-block' ? {} : { beside: `split-block, ${what}` };
  const common = { operations: KEYS };
  const [bits, rate] = [(bytes.length * 8) / KEYS, (falsePositives / KEYS) * 100];
  prove(`${name} says of ${KEYS} foreign keys that ${falsePositives} may be there`, rate < 3);
  builds.push({
    ...common,
    ...beside('build'),
    name: `${name}, build`,
    expected: bytes.length,
    run: () => encode(kind).length,
    note: () => `${bits.toFixed(2)} bits/key`,
  });
  probes.push({
    ...common,
    ...beside('absent'),
    name: `${name}, absent`,
    expected: falsePositives,
    run: () => count(index, foreign, POINT_ABSENT),
    note: () => `${rate.toFixed(3)} % false positives`,
  });
  probes.push({
    ...common,
    ...beside('present'),
    name: `${name}, present`,
    expected: KEYS,
    run: () => count(index, present, POINT_ABSENT),
  });
}

await measure(`Building, ${KEYS} keys`, builds);
await measure(`Probing, ${KEYS} keys`, probes);
finish();
