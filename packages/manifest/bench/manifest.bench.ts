/**
 * Opening and committing, on a real file system below the directory for temporary files.
 *
 *     node --conditions=@lsm/source bench/manifest.bench.ts [--quick]
 *
 * A commit is bound by the device; a raw write and fdatasync of about as many bytes takes turns with it.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@lsm/core';
import { nodeFileSystem } from '@lsm/fs';
import { ManifestStore, readManifest, type TableMetadata } from '@lsm/manifest';
import { type BenchTask, finish, measure, prove, quick } from '../../../tooling/bench.ts';

const SMALL = 4;
const LARGE = quick ? 200 : 10_000;
const COMMITS = quick ? 3 : 30;
const fs = nodeFileSystem();
const root = mkdtempSync(join(tmpdir(), 'manifest-bench-'));
const options = { random: seededRandom(1), bootId: 'bench' };

function table(id: number): TableMetadata {
  const key = (suffix: string): Uint8Array =>
    new TextEncoder().encode(`key-${String(id).padStart(10, '0')}${suffix}`);
  return {
    id,
    fileId: id.toString(16).padStart(16, '0'),
    bytes: 16 << 20,
    entries: 150_000,
    minKey: key('a'),
    maxKey: key('z'),
    minSequence: id,
    maxSequence: id + 150_000,
    pointTombstones: 0,
    rangeTombstones: 0,
    reclaimableBytes: 0,
    oldestTombstoneAt: null,
    oldestWriteAt: 0,
    newestWriteAt: 0,
    createdAt: 0,
    filterBitsPerKey: 10,
    pointIndexKind: 'split-block',
    pointIndexBytes: 187_500,
    blockBytesMax: 4096,
  };
}

function makeStore(name: string, tables: number): { directory: string; store: ManifestStore } {
  const directory = join(root, name);
  fs.makeDirectorySync(directory);
  const store = ManifestStore.create(fs, directory, {}, options);
  const addedTables = Array.from({ length: tables }, (_, i) => ({ run: 1, table: table(i + 1) }));
  if (tables > 0) store.commit({ runs: [{ id: 1, level: 1 }], addedTables });
  return { directory, store };
}

/** Reads of a manifest of so many tables, all of which have to be there. */
function reading(directory: string, tables: number): BenchTask {
  const reads = Math.max(1, Math.floor(COMMITS / tables));
  return {
    name: `readManifest, ${tables} tables`,
    operations: reads,
    expected: reads * tables,
    run() {
      let count = 0;
      for (let i = 0; i < reads; i++) count += countTables(directory);
      return count;
    },
  };
}

function countTables(directory: string): number {
  return readManifest(fs, directory).state.version.tableCount;
}

function opening(directory: string): BenchTask {
  return {
    name: `ManifestStore.open for writing and close, ${SMALL} tables`,
    operations: COMMITS,
    expected: COMMITS * SMALL,
    run() {
      let count = 0;
      for (let i = 0; i < COMMITS; i++) {
        const opened = ManifestStore.open(fs, directory, options);
        count += opened.state.version.tableCount;
        opened.close();
      }
      return count;
    },
  };
}

const FLOOR = 'floor: write and fdatasync of 200 B';

/** Commits of one more table each; the tables that were added are counted. */
function committing(store: ManifestStore, sync: boolean): BenchTask {
  return {
    name: `commit of one table among ${LARGE}${sync ? '' : ', unsynced'}`,
    operations: COMMITS,
    expected: COMMITS,
    // Few calls: every one makes the manifest larger.
    calls: 2,
    run() {
      const before = store.state.version.tableCount;
      for (let i = 0; i < COMMITS; i++) {
        store.commit({ addedTables: [{ run: 1, table: table(next++) }] }, { sync });
      }
      return store.state.version.tableCount - before;
    },
    beside: FLOOR,
  };
}

function floor(descriptor: number): BenchTask {
  const bytes = new Uint8Array(200);
  let written = 0;
  return {
    name: FLOOR,
    operations: COMMITS,
    expected: COMMITS * bytes.length,
    calls: 2,
    run() {
      const before = written;
      for (let i = 0; i < COMMITS; i++) {
        written += writeSync(descriptor, bytes, 0, bytes.length, written);
        fdatasyncSync(descriptor);
      }
      return written - before;
    },
  };
}

let next = 20_000;
try {
  const small = makeStore('small', SMALL);
  const large = makeStore('large', LARGE);
  await measure('Reading', [
    reading(small.directory, SMALL),
    opening(small.directory),
    reading(large.directory, LARGE),
  ]);
  const descriptor = openSync(join(root, 'raw'), 'wx');
  await measure('Committing', [
    committing(large.store, false),
    committing(large.store, true),
    floor(descriptor),
  ]);
  closeSync(descriptor);
  const kept = countTables(large.directory);
  prove(`all ${kept} tables are in the manifest`, kept === large.store.state.version.tableCount);
  large.store.close();
  finish();
} finally {
  rmSync(root, { recursive: true });
}
