/**
 * Opening and committing, on a real file system below the directory for temporary files.
 *
 *     node --conditions=@lsm/source bench/manifest.bench.ts
 *
 * Each figure is the best of seven rounds. A commit is bound by the device; a raw write and fdatasync of as many bytes
 * stands beside it.
 */
import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@lsm/core';
import { nodeFileSystem } from '@lsm/fs';
import { ManifestStore, readManifest, type TableMetadata } from '@lsm/manifest';

const ROUNDS = 7;
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

function report(name: string, calls: number, action: (i: number) => void): void {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) action(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls / 1000);
  }
  process.stdout.write(`${name.padEnd(52)} ${best.toFixed(1).padStart(8)} µs\n`);
}

const small = makeStore('small', 4);
report('readManifest, 4 tables', 200, () => readManifest(fs, small.directory));
report('ManifestStore.open for writing and close, 4 tables', 50, () => {
  ManifestStore.open(fs, small.directory, options).close();
});

const large = makeStore('large', 10_000);
report('readManifest, 10,000 tables', 3, () => readManifest(fs, large.directory));

let next = 20_000;
const { store } = large;
const addTable = (sync: boolean): void => {
  store.commit({ addedTables: [{ run: 1, table: table(next++) }] }, { sync });
};
report('commit of one table among 10,000, unsynced', 30, () => addTable(false));
report('commit of one table among 10,000', 30, () => addTable(true));
const descriptor = openSync(join(root, 'raw'), 'wx');
const bytes = new Uint8Array(200);
report('  floor: write and fdatasync of 200 B', 30, (i) => {
  writeSync(descriptor, bytes, 0, bytes.length, i * bytes.length);
  fdatasyncSync(descriptor);
});

rmSync(root, { recursive: true });
