import { readFileSync, writeFileSync } from 'node:fs';
import { ByteWriter, isLsmError } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEdit, encodeEdit, type VersionEdit } from '../src/index.ts';
import { table } from './fixtures.ts';
import { anyEdit } from './generators.ts';

const GOLDEN = new URL('./testdata/edit.hex', import.meta.url);

const FULL: VersionEdit = {
  formatVersion: 1,
  requiredFeatures: 0,
  optionalFeatures: 5,
  hashSeed: [0x01020304, -2],
  owner: { epoch: 3, nonceLow: 10, nonceHigh: -11 },
  runs: [
    { id: 9, level: 0 },
    { id: 4, level: 2 },
  ],
  removedTables: [300, 301],
  addedTables: [
    { run: 9, table: table(310, 'apple', 'pear') },
    {
      run: 4,
      table: table(311, 'a', null, {
        oldestTombstoneAt: 1.5,
        pointIndexKind: 'hash-index',
        rangeTombstones: 1,
      }),
    },
  ],
  lastSequence: 2 ** 40,
  nextNumber: 312,
  nextRunId: 10,
  replayFrom: { number: 308, idLow: 1, idHigh: 2 },
  logEnd: { number: 308, idLow: 1, idHigh: 2, end: 4096 },
  strategy: { name: 'leveled', formatVersion: 1, settings: { ratio: 10 }, state: null },
  settings: { blockBytes: 4096 },
};

const LATER_FIELD = (tag: number): Uint8Array =>
  new ByteWriter().raw(encodeEdit(FULL)).varint(tag).bytes(new Uint8Array(3)).finish();

describe('the encoding of edits', () => {
  test('is reversible', () => {
    fc.assert(
      fc.property(anyEdit, (edit) => {
        const bytes = encodeEdit(edit);
        expect(decodeEdit(bytes)).toEqual(edit);
        expect(encodeEdit(decodeEdit(bytes))).toEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  test('is the one that was written down', () => {
    const hex = `${Buffer.from(encodeEdit(FULL))
      .toString('hex')
      .replaceAll(/(.{48})/g, '$1\n')
      .trim()}\n`;
    if (process.env['UPDATE'] === '1') writeFileSync(GOLDEN, hex);
    const golden = readFileSync(GOLDEN, 'utf8');
    expect(hex).toBe(golden);
    expect(decodeEdit(Buffer.from(golden.replaceAll('\n', ''), 'hex'))).toEqual(FULL);
  });

  test('turns damaged and cut input into typed errors or another edit, never into a crash', () => {
    const bytes = encodeEdit(FULL);
    const decode = (input: Uint8Array, place: number): void => {
      try {
        decodeEdit(input, 'MANIFEST-000001', 100);
      } catch (error) {
        const known =
          isLsmError(error, 'LSM_CORRUPTION') || isLsmError(error, 'LSM_UNSUPPORTED_FORMAT');
        expect(known, `byte ${place}: ${String(error)}`).toBe(true);
        expect(error).toMatchObject({ file: 'MANIFEST-000001' });
      }
    };
    for (let offset = 0; offset < bytes.length; offset++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[offset]! ^= mask;
        decode(damaged, offset);
      }
      decode(bytes.subarray(0, offset), offset);
    }
  });

  test('lets later versions add fields: odd tags are skipped, even ones refused', () => {
    expect(decodeEdit(LATER_FIELD(101))).toEqual(FULL);
    expect(() => decodeEdit(LATER_FIELD(100))).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
    );
  });

  test('refuses what only a newer version understands', () => {
    const edits: VersionEdit[] = [
      { formatVersion: 2 },
      { requiredFeatures: 4 },
      { keyspace: 1 },
      { addedTables: [{ run: 1, table: table(1, 'a', 'b', { keyspace: 2 }) }] },
      {
        addedTables: [
          { run: 1, table: table(1, 'a', 'b', { pointIndexKind: 'cuckoo' as 'bloom' }) },
        ],
      },
    ];
    for (const edit of edits) {
      expect(() => decodeEdit(encodeEdit(edit))).toThrow(
        expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT' }),
      );
    }
  });

  test('refuses fields out of order or twice', () => {
    const once = encodeEdit({ lastSequence: 1 });
    for (const more of [encodeEdit({ lastSequence: 2 }), encodeEdit({ optionalFeatures: 1 })]) {
      expect(() => decodeEdit(new ByteWriter().raw(once).raw(more).finish())).toThrow(
        expect.objectContaining({ code: 'LSM_CORRUPTION' }),
      );
    }
  });
});
