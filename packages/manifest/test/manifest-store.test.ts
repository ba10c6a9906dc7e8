import { seededRandom } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import { inspectDirectory, ManifestStore, readManifest, stateToEdit } from '../src/index.ts';
import { DIRECTORY, freshDirectory, options, putFile, table, text } from './fixtures.ts';

const MANIFEST = `${DIRECTORY}/MANIFEST-000001`;

const flush = (id: number, run: number, others: readonly number[]) => ({
  runs: [run, ...others].map((number) => ({ id: number, level: 0 })),
  addedTables: [{ run, table: table(id, 'a', 'z') }],
  nextNumber: id + 1,
  nextRunId: run + 1,
  lastSequence: 100 * id,
});

describe('ManifestStore', () => {
  test('gives back the state that was committed', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(
      fs,
      DIRECTORY,
      { hashSeed: [7, -8], settings: { blockBytes: 4096 } },
      options(),
    );
    store.commit(flush(1, 1, []));
    store.commit(flush(2, 2, [1]));
    store.commit({
      strategy: { name: 'leveled', formatVersion: 1, settings: {}, state: { cursor: 'x' } },
      replayFrom: { number: 9, idLow: -5, idHigh: 6 },
      logEnd: { number: 9, idLow: -5, idHigh: 6, end: 4096 },
    });
    store.close();
    const opened = ManifestStore.open(fs, DIRECTORY, { ...options(2), readOnly: true });
    expect(stateToEdit(opened.state)).toEqual(stateToEdit(store.state));
    expect(opened.version.runs.map((run) => run.id)).toEqual([2, 1]);
    expect(opened.state).toMatchObject({ lastSequence: 200, nextNumber: 3, hashSeed: [7, -8] });
    expect(opened.truncated).toBeNull();
    expect(() => opened.commit({})).toThrow(expect.objectContaining({ code: 'LSM_READ_ONLY' }));
  });

  test('counts owners up and stops when another one took over', () => {
    const fs = freshDirectory();
    const first = ManifestStore.create(fs, DIRECTORY, {}, options());
    expect(first.state.owner.epoch).toBe(1);
    const second = ManifestStore.open(fs, DIRECTORY, options(2));
    expect(second.state.owner.epoch).toBe(2);
    for (let i = 0; i < 2; i++) {
      expect(() => first.commit(flush(1, 1, []))).toThrow(
        expect.objectContaining({ code: 'LSM_LOCK_LOST', file: MANIFEST }),
      );
    }
    expect(first.version.runs).toEqual([]);
    second.commit(flush(2, 1, []));
    expect(readManifest(fs, DIRECTORY).state.version.runs[0]!.tables[0]!.id).toBe(2);
  });

  test('stops when CURRENT points elsewhere or the manifest is gone', () => {
    for (const change of ['roll', 'unlink', 'replace'] as const) {
      const fs = freshDirectory();
      const first = ManifestStore.create(fs, DIRECTORY, {}, options());
      const bytes = readFileBytes(fs, MANIFEST);
      if (change === 'roll') ManifestStore.open(fs, DIRECTORY, options(2)).roll();
      if (change === 'unlink') fs.unlinkSync(MANIFEST);
      if (change === 'replace') {
        bytes[9]! ^= 1;
        putFile(fs, MANIFEST, bytes);
      }
      expect(() => first.commit({})).toThrow(expect.objectContaining({ code: 'LSM_LOCK_LOST' }));
    }
  });

  test('rolls to a new manifest that holds the full state, and removes the old one', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, { hashSeed: [1, 2] }, options());
    store.commit(flush(1, 1, []));
    const before = stateToEdit(store.state);
    store.roll();
    expect(fs.listSync(DIRECTORY).toSorted()).toEqual(['CURRENT', 'MANIFEST-000002']);
    store.commit(flush(2, 2, [1]));
    const read = readManifest(fs, DIRECTORY);
    expect(read.edits).toBe(2);
    expect(read.segment.header!.number).toBe(2);
    store.roll();
    expect(stateToEdit(readManifest(fs, DIRECTORY).state)).toEqual(stateToEdit(store.state));
    expect(before).not.toEqual(stateToEdit(store.state));
  });

  test('rolls by itself when the log is large beside the state', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, {}, options());
    const pad = 'x'.repeat(1000);
    let bytesMax = 0;
    for (let i = 0; i < 200; i++) {
      store.commit({ settings: { pad, i } });
      bytesMax = Math.max(bytesMax, store.bytes);
    }
    expect(store.reference.number).toBeGreaterThan(1);
    expect(bytesMax).toBeLessThan(65_536 + 2000);
    expect(readManifest(fs, DIRECTORY).state.settings).toEqual({ pad, i: 199 });
  });

  test('shrinks to the state if that is at most half, and only if there is much of it', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, {}, options());
    const commitUntil = (bytes: number): void => {
      while (store.bytes < bytes) store.commit({ settings: { pad: 'x'.repeat(500) } });
    };
    commitUntil(3000);
    store.shrink();
    expect(store.reference.number).toBe(1);
    commitUntil(5000);
    store.shrink();
    expect(store.reference.number).toBe(2);
    expect(store.bytes).toBeLessThan(1000);
    expect(stateToEdit(readManifest(fs, DIRECTORY).state)).toEqual(stateToEdit(store.state));
    store.commit({ settings: { pad: 'y'.repeat(6000) } });
    const { bytes } = store;
    store.shrink();
    expect(store.bytes).toBe(bytes);
  });

  test('refuses an edit that breaks the tree, without writing', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, {}, options());
    const { bytes } = store;
    expect(() => store.commit({ removedTables: [5] })).toThrow(
      expect.objectContaining({ code: 'LSM_INTERNAL' }),
    );
    expect(store.bytes).toBe(bytes);
    store.commit(flush(1, 1, []));
  });

  test('knows how much is durable', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, {}, options());
    expect(store.durableLength).toBe(store.bytes);
    store.commit({ lastSequence: 5 }, { sync: false });
    expect(store.durableLength).toBeLessThan(store.bytes);
    store.sync();
    expect(store.durableLength).toBe(store.bytes);
    expect(store.reference).toMatchObject({ number: 1, durableLength: store.bytes });
  });

  test('finds damage of the last edit after a vouched close', () => {
    const fs = freshDirectory();
    const store = ManifestStore.create(fs, DIRECTORY, {}, options());
    const start = store.bytes;
    store.commit({ lastSequence: 5 });
    const end = store.bytes;
    store.vouch();
    store.close();
    const bytes = readFileBytes(fs, MANIFEST);
    for (let offset = start; offset < end; offset++) {
      const damaged = bytes.slice();
      damaged[offset]! ^= 0x80;
      putFile(fs, MANIFEST, damaged);
      expect(() => readManifest(fs, DIRECTORY)).toThrow(
        expect.objectContaining({ code: 'LSM_CORRUPTION', file: MANIFEST, offset: start }),
      );
    }
  });
});

describe('inspectDirectory', () => {
  test('tells what a directory holds', () => {
    const fs = freshDirectory();
    expect(inspectDirectory(fs, '/nowhere')).toBe('missing');
    expect(inspectDirectory(fs, DIRECTORY)).toBe('empty');
    putFile(fs, `${DIRECTORY}/LOCK.3`, text(''));
    expect(inspectDirectory(fs, DIRECTORY)).toBe('empty');
    putFile(fs, `${DIRECTORY}/notes.txt`, text(''));
    expect(inspectDirectory(fs, DIRECTORY)).toBe('foreign');
    putFile(fs, `${DIRECTORY}/MANIFEST-000001`, text('half'));
    expect(inspectDirectory(fs, DIRECTORY)).toBe('unfinished');
    expect(() => ManifestStore.open(fs, DIRECTORY, options())).toThrow(
      expect.objectContaining({ code: 'LSM_MISSING' }),
    );
    const random = seededRandom(3);
    ManifestStore.create(fs, DIRECTORY, {}, { random }).close();
    expect(inspectDirectory(fs, DIRECTORY)).toBe('database');
    expect(fs.listSync(DIRECTORY).toSorted()).toEqual([
      'CURRENT',
      'LOCK.3',
      'MANIFEST-000002',
      'notes.txt',
    ]);
    expect(() => ManifestStore.create(fs, DIRECTORY, {}, { random })).toThrow(
      expect.objectContaining({ code: 'LSM_EXISTS' }),
    );
    putFile(fs, `${DIRECTORY}/000007.sst`, text('table'));
    fs.unlinkSync(`${DIRECTORY}/CURRENT`);
    expect(() => inspectDirectory(fs, DIRECTORY)).toThrow(
      expect.objectContaining({ code: 'LSM_CORRUPTION', file: `${DIRECTORY}/CURRENT` }),
    );
  });
});
