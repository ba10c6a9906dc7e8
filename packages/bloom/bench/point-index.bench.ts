/**
 * Build and probe times of every point index kind, beside what they cost in memory and in false positives.
 *
 *     node --conditions=@lsm/source bench/point-index.bench.ts [keys, default 1,000,000]
 *
 * Each figure is the median of seven rounds over all keys in random order; hashes are computed beforehand.
 */
import { POINT_INDEX_KINDS } from '@lsm/bloom';
import { POINT_ABSENT, type PointIndex, type PointIndexKind, seededRandom } from '@lsm/core';

const KEYS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = 7;
const BITS_PER_KEY = 10;
/** Entries of a block, as with 16-byte keys and 100-byte values in 4 KiB. */
const SLOTS = 34;

const random = seededRandom(1);
const present = makeHashes();
const foreign = makeHashes();

console.table(
  Object.fromEntries(POINT_INDEX_KINDS.slice(1).map((kind) => [kind.name, measure(kind)])),
);

function measure(kind: PointIndexKind): Record<string, string> {
  let bytes = new Uint8Array(0);
  const build = medianNs(() => {
    bytes = encode(kind);
    return bytes.length;
  });
  const index = kind.open(bytes);
  let passed = 0;
  const absent = medianNs(() => (passed = countPassed(index, foreign)));
  const rate = passed / KEYS;
  const found = medianNs(() => (passed = countPassed(index, present)));
  if (passed !== KEYS) throw new Error(`${kind.name} denies ${KEYS - passed} keys`);
  return {
    'bits/key': ((bytes.length * 8) / KEYS).toFixed(2),
    'build ns/key': build.toFixed(1),
    'absent ns': absent.toFixed(1),
    'present ns': found.toFixed(1),
    'false positives %': (rate * 100).toFixed(3),
  };
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

function countPassed(index: PointIndex, hashes: Int32Array): number {
  let passed = 0;
  for (let i = 0; i < hashes.length; i += 2) {
    if (index.first(hashes[i]!, hashes[i + 1]!) !== POINT_ABSENT) passed++;
  }
  return passed;
}

function makeHashes(): Int32Array {
  const hashes = new Int32Array(2 * KEYS);
  for (let i = 0; i < hashes.length; i++) hashes[i] = random.next();
  return hashes;
}

/** Median time of a round, ns per key. */
function medianNs(round: () => number): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    round();
    return performance.now() - start;
  });
  return (times.toSorted((a, b) => a - b)[ROUNDS >> 1]! * 1e6) / KEYS;
}
