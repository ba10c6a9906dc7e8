/** Generators of version edits and of trees. */
import type { Json } from '@lsm/core';
import fc from 'fast-check';
import type { TableMetadata, VersionEdit } from '../src/index.ts';

const number = fc.maxSafeNat();
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const time = fc.double({ noNaN: true });
const key = fc.uint8Array({ maxLength: 20 });
const identity = fc.record({ number, idLow: word, idHigh: word });
const json = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json);

/** Any metadata that can be encoded, sensible or not. */
const anyTable: fc.Arbitrary<TableMetadata> = fc.record({
  id: number,
  fileId: fc
    .tuple(word, word)
    .map((words) => words.map((w) => (w >>> 0).toString(16).padStart(8, '0')).join('')),
  bytes: number,
  entries: number,
  minKey: key,
  maxKey: fc.option(key),
  minSequence: number,
  maxSequence: number,
  pointTombstones: number,
  rangeTombstones: number,
  reclaimableBytes: number,
  oldestTombstoneAt: fc.option(time),
  oldestWriteAt: time,
  newestWriteAt: time,
  createdAt: time,
  filterBitsPerKey: time,
  pointIndexKind: fc.constantFrom('none', 'bloom', 'split-block', 'fuse8', 'hash-index'),
  pointIndexBytes: number,
  blockBytesMax: number,
});

/** Any edit that can be encoded. */
export const anyEdit: fc.Arbitrary<VersionEdit> = fc.record(
  {
    formatVersion: fc.constant(1),
    requiredFeatures: fc.constant(0),
    optionalFeatures: number,
    hashSeed: fc.tuple(word, word),
    owner: fc.record({ epoch: number, nonceLow: word, nonceHigh: word }),
    keyspace: fc.constant(0),
    runs: fc.array(fc.record({ id: number, level: number }), { maxLength: 5 }),
    removedTables: fc.array(number, { maxLength: 5 }),
    addedTables: fc.array(fc.record({ run: number, table: anyTable }), {
      minLength: 1,
      maxLength: 4,
    }),
    lastSequence: number,
    nextNumber: number,
    nextRunId: number,
    replayFrom: identity,
    logEnd: fc.option(fc.record({ number, idLow: word, idHigh: word, end: number })),
    strategy: fc.record({
      name: fc.string(),
      formatVersion: number,
      settings: json,
      state: json,
    }),
    settings: json,
  },
  { requiredKeys: [], noNullPrototype: true },
);
