import { type FileSystem, isLsmError } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import { type ManifestState, ManifestStore, readManifest, stateToEdit } from '../src/index.ts';
import { DIRECTORY, freshDirectory, options, putFile, table, text } from './fixtures.ts';

const MANIFEST = `${DIRECTORY}/MANIFEST-000001`;
const CURRENT = `${DIRECTORY}/CURRENT`;
const MASKS = [0x01, 0x80, 0xff];

interface Sample {
  readonly fs: FileSystem;
  readonly bytes: Uint8Array;
  /** Lengths of the manifest after each edit, and the states then. */
  readonly lengths: number[];
  readonly states: ManifestState[];
}

function sample(): Sample {
  const fs = freshDirectory();
  const store = ManifestStore.create(fs, DIRECTORY, { hashSeed: [1, 2] }, options());
  const lengths = [store.bytes];
  const states = [store.state];
  for (let i = 1; i <= 3; i++) {
    const runs = [{ id: i, level: 0, tables: [table(i, 'a', 'z')] }, ...store.version.runs];
    const addedTables = [{ run: i, table: runs[0]!.tables[0]! }];
    store.commit({ runs: runs.map(({ id, level }) => ({ id, level })), addedTables });
    lengths.push(store.bytes);
    states.push(store.state);
  }
  store.close();
  return { fs, bytes: readFileBytes(fs, MANIFEST), lengths, states };
}

const whole = sample();
const last = whole.lengths[3]!;
const beforeLast = whole.lengths[2]!;

function requireState(state: ManifestState, index: number): void {
  expect(stateToEdit(state)).toEqual(stateToEdit(whole.states[index]!));
}

describe('a damaged manifest', () => {
  test('is corruption in every byte but those of the last edit, which is cut and reported', () => {
    for (let offset = 0; offset < last; offset++) {
      for (const mask of MASKS) {
        const bytes = whole.bytes.slice();
        bytes[offset]! ^= mask;
        putFile(whole.fs, MANIFEST, bytes);
        const isMark = offset >= beforeLast && offset < beforeLast + 4;
        if (offset < beforeLast || isMark) {
          const border = [0, 72, ...whole.lengths].findLast((length) => length <= offset);
          expect(() => readManifest(whole.fs, DIRECTORY)).toThrow(
            expect.objectContaining({ code: 'LSM_CORRUPTION', file: MANIFEST, offset: border }),
          );
          continue;
        }
        const { state, truncated } = readManifest(whole.fs, DIRECTORY);
        requireState(state, 2);
        expect(truncated).toMatchObject({ file: MANIFEST, offset: beforeLast });
        // A log segment that saw the edit durable turns the same damage into corruption.
        const { idLow, idHigh } = idOf(whole.bytes);
        const vouched = [{ number: 1, idLow, idHigh, durableLength: last }];
        for (const known of [{ vouched }, { durableLength: last }]) {
          expect(() => readManifest(whole.fs, DIRECTORY, known)).toThrow(
            expect.objectContaining({ code: 'LSM_CORRUPTION', offset: beforeLast }),
          );
        }
        const other = [{ number: 1, idLow: idLow ^ 1, idHigh, durableLength: last }];
        requireState(readManifest(whole.fs, DIRECTORY, { vouched: other }).state, 2);
      }
    }
  });

  test('cut at any length gives the edits that are whole', () => {
    for (let length = 0; length < last; length++) {
      putFile(whole.fs, MANIFEST, whole.bytes.slice(0, length));
      const edits = whole.lengths.filter((border) => border <= length).length;
      if (edits === 0) {
        expect(() => readManifest(whole.fs, DIRECTORY)).toThrow(
          expect.objectContaining({ code: 'LSM_CORRUPTION', file: MANIFEST }),
        );
        continue;
      }
      const { state, truncated } = readManifest(whole.fs, DIRECTORY);
      requireState(state, edits - 1);
      expect(truncated === null).toBe(whole.lengths.includes(length));
    }
  });

  test('is cut by an opening writer, which goes on from there; a reader writes nothing', () => {
    for (let length = beforeLast + 1; length < last; length++) {
      const torn = whole.bytes.slice(0, length);
      putFile(whole.fs, MANIFEST, torn);
      const reader = ManifestStore.open(whole.fs, DIRECTORY, { ...options(3), readOnly: true });
      expect(reader.truncated).toMatchObject({ offset: beforeLast });
      expect(readFileBytes(whole.fs, MANIFEST)).toEqual(torn);
      const writer = ManifestStore.open(whole.fs, DIRECTORY, options(4));
      expect(writer.truncated).toMatchObject({ offset: beforeLast });
      writer.commit({ lastSequence: 77 });
      writer.close();
      const { state, truncated } = readManifest(whole.fs, DIRECTORY);
      expect(truncated).toBeNull();
      expect(state.lastSequence).toBe(77);
      expect(state.version.tableCount).toBe(2);
    }
  });

  test('that is missing or another one than CURRENT names is corruption', () => {
    const { fs, bytes } = sample();
    const other = bytes.slice();
    putFile(fs, MANIFEST, readFileBytes(makeOther(), MANIFEST));
    expect(() => readManifest(fs, DIRECTORY)).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION', file: MANIFEST }),
    );
    fs.unlinkSync(MANIFEST);
    expect(() => readManifest(fs, DIRECTORY)).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION', file: MANIFEST }),
    );
    putFile(fs, MANIFEST, other);
    expect(readManifest(fs, DIRECTORY).edits).toBe(4);
  });
});

describe('a damaged CURRENT', () => {
  const { fs } = sample();
  const bytes = readFileBytes(fs, CURRENT);

  test('is corruption in every byte and at every length', () => {
    const variants: Uint8Array[] = [];
    for (let offset = 0; offset < bytes.length; offset++) {
      for (const mask of MASKS) {
        const damaged = bytes.slice();
        damaged[offset]! ^= mask;
        variants.push(damaged);
      }
      variants.push(bytes.slice(0, offset));
    }
    variants.push(new Uint8Array(40), text('garbage'), text(`${'x'.repeat(5000)}\n`));
    variants.push(Uint8Array.from([...bytes, 10]));
    for (const variant of variants) {
      putFile(fs, CURRENT, variant);
      expect(() => readManifest(fs, DIRECTORY)).toThrow(
        expect.objectContaining({ code: 'LSM_CORRUPTION', file: CURRENT, offset: 0 }),
      );
    }
  });

  test('of other software is refused by name', () => {
    putFile(fs, CURRENT, text('MANIFEST-000004\n'));
    expect(() => readManifest(fs, DIRECTORY)).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT', file: CURRENT }),
    );
  });

  test('that is gone is told apart by what else is there', () => {
    fs.unlinkSync(CURRENT);
    expect(() => readManifest(fs, DIRECTORY)).toThrow(/never finished/);
    putFile(fs, `${DIRECTORY}/000004.log`, text(''));
    expect(() => readManifest(fs, DIRECTORY)).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION', file: CURRENT }),
    );
    const cases: [string, RegExp][] = [
      ['/nowhere', /does not exist/],
      ['/empty', /is empty/],
      ['/foreign', /other files/],
    ];
    fs.makeDirectorySync('/empty');
    fs.makeDirectorySync('/foreign');
    putFile(fs, '/foreign/photo.jpg', text(''));
    for (const [directory, message] of cases) {
      expect(() => readManifest(fs, directory)).toThrow(message);
      try {
        readManifest(fs, directory);
      } catch (error) {
        expect(isLsmError(error, 'LSM_MISSING')).toBe(true);
      }
    }
  });
});

function idOf(bytes: Uint8Array): { idLow: number; idHigh: number } {
  const view = new DataView(bytes.buffer);
  return { idLow: view.getInt32(8, true), idHigh: view.getInt32(12, true) };
}

function makeOther(): FileSystem {
  const fs = freshDirectory();
  ManifestStore.create(fs, DIRECTORY, {}, options(99));
  return fs;
}
