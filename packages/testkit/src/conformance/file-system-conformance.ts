/** What every {@link FileSystem} has to do; each implementation runs this in a few lines. */
import type { FileSystem } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import { codeOf, type TestTools } from './test-tools.ts';

/** A file system and a place in it. */
export interface FileSystemSubject {
  readonly name: string;
  readonly fs: FileSystem;
  /** Path of an existing, empty directory. */
  readonly directory: string;
}

/** Defines the suite. */
export function fileSystemConformance(subject: FileSystemSubject, tools: TestTools): void {
  tools.describe(`FileSystem conformance: ${subject.name}`, () => {
    const at = (name: string): string => joinPath(subject.directory, name);
    defineTransferTests(subject.fs, at, tools);
    defineHandleTests(subject.fs, at, tools);
    defineNameTests(subject.fs, at, tools);
    defineDirectoryTests(subject.fs, subject.directory, at, tools);
    defineSpaceTests(subject.fs, at, tools);
    defineLockTests(subject.fs, at, tools);
  });
}

type Place = (name: string) => string;

function writeWhole(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const handle = fs.openSync(path, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  handle.syncSync();
  handle.close();
}

function readWhole(fs: FileSystem, path: string): Uint8Array {
  const handle = fs.openSync(path, 'read');
  const bytes = new Uint8Array(handle.sizeSync());
  handle.readSync(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes;
}

function defineTransferTests(fs: FileSystem, at: Place, { it, expect }: TestTools): void {
  it('reads back what was written, at offsets of file and buffer', () => {
    const handle = fs.openSync(at('offsets'), 'create');
    handle.writeSync(Uint8Array.of(9, 1, 2, 3, 9), 1, 3, 5);
    const target = new Uint8Array(6).fill(7);
    expect(handle.readSync(target, 2, 3, 4)).toBe(3);
    expect(Array.from(target)).toEqual([7, 7, 0, 1, 2, 7]);
    expect(handle.sizeSync()).toBe(8);
    handle.close();
  });

  it('reads less at the end of the file and nothing beyond it', () => {
    const handle = fs.openSync(at('end'), 'create');
    handle.writeSync(Uint8Array.of(1, 2, 3), 0, 3, 0);
    const target = new Uint8Array(8);
    expect(handle.readSync(target, 0, 8, 1)).toBe(2);
    expect(handle.readSync(target, 0, 8, 3)).toBe(0);
    expect(handle.readSync(target, 0, 8, 99)).toBe(0);
    expect(handle.readSync(target, 0, 0, 0)).toBe(0);
    handle.close();
  });

  it('fills a gap before a write with zeros, also where bytes stood before a cut', () => {
    const handle = fs.openSync(at('gap'), 'create');
    handle.writeSync(new Uint8Array(1000).fill(255), 0, 1000, 0);
    handle.truncateSync(2);
    handle.writeSync(Uint8Array.of(5), 0, 1, 600);
    const target = new Uint8Array(601);
    expect(handle.readSync(target, 0, 601, 0)).toBe(601);
    expect(target.findLastIndex((byte) => byte === 255)).toBe(1);
    expect(target[600]).toBe(5);
    handle.truncateSync(700);
    expect(handle.sizeSync()).toBe(700);
    expect(handle.readSync(target, 0, 99, 601)).toBe(99);
    expect(target.subarray(0, 99).every((byte) => byte === 0)).toBe(true);
    handle.close();
  });

  it('reads and syncs asynchronously with the same results', async () => {
    const handle = fs.openSync(at('async'), 'create');
    const bytes = new Uint8Array(100_000).map((_, i) => i * 13);
    handle.writeSync(bytes, 0, bytes.length, 3);
    await handle.sync();
    const target = new Uint8Array(100_010);
    expect(await handle.read(target, 1, 100_009, 0)).toBe(100_003);
    expect(target.subarray(4, 100_004)).toEqual(bytes);
    expect(await handle.read(target, 0, 10, 200_000)).toBe(0);
    handle.close();
  });

  it('shows the bytes of one handle to another at once', () => {
    const writer = fs.openSync(at('shared'), 'create');
    const reader = fs.openSync(at('shared'), 'read');
    writer.writeSync(Uint8Array.of(42), 0, 1, 0);
    const target = new Uint8Array(1);
    expect(reader.readSync(target, 0, 1, 0)).toBe(1);
    expect(target[0]).toBe(42);
    writer.close();
    reader.close();
  });

  it('borrows the source of a write only for the call', () => {
    const handle = fs.openSync(at('borrowed'), 'create');
    const source = Uint8Array.of(1, 2);
    handle.writeSync(source, 0, 2, 0);
    source.fill(9);
    expect(Array.from(readWhole(fs, at('borrowed')))).toEqual([1, 2]);
    handle.close();
  });
}

function defineHandleTests(fs: FileSystem, at: Place, { it, expect }: TestTools): void {
  it('creates only what does not exist, opens only what does', async () => {
    writeWhole(fs, at('once'), Uint8Array.of(1));
    expect(await codeOf(() => fs.openSync(at('once'), 'create'))).toBe('LSM_EXISTS');
    expect(await codeOf(() => fs.openSync(at('none'), 'read'))).toBe('LSM_MISSING');
    expect(await codeOf(() => fs.openSync(at('none'), 'write'))).toBe('LSM_MISSING');
    expect(await codeOf(() => fs.openSync(at('none/deep'), 'create'))).toBe('LSM_MISSING');
    expect(Array.from(readWhole(fs, at('once')))).toEqual([1]);
  });

  it('refuses to write through a handle that was opened for reading', async () => {
    writeWhole(fs, at('readonly'), Uint8Array.of(1));
    const handle = fs.openSync(at('readonly'), 'read');
    expect(await codeOf(() => handle.writeSync(Uint8Array.of(2), 0, 1, 0))).toBe('LSM_IO');
    handle.close();
    expect(Array.from(readWhole(fs, at('readonly')))).toEqual([1]);
  });

  it('refuses a closed handle, and closes again without complaint', async () => {
    const handle = fs.openSync(at('closed'), 'create');
    handle.close();
    handle.close();
    const bytes = new Uint8Array(1);
    expect(await codeOf(() => handle.readSync(bytes, 0, 1, 0))).toBe('LSM_IO');
    expect(await codeOf(() => handle.read(bytes, 0, 1, 0))).toBe('LSM_IO');
    expect(await codeOf(() => handle.writeSync(bytes, 0, 1, 0))).toBe('LSM_IO');
    expect(await codeOf(() => handle.syncSync())).toBe('LSM_IO');
    expect(await codeOf(() => handle.sync())).toBe('LSM_IO');
    expect(await codeOf(() => handle.sizeSync())).toBe('LSM_IO');
  });

  it('finishes reads and syncs that were under way when the handle was closed', async () => {
    const bytes = new Uint8Array(50_000).fill(3);
    writeWhole(fs, at('late'), bytes);
    const handle = fs.openSync(at('late'), 'write');
    const target = new Uint8Array(50_000);
    const pending = [handle.read(target, 0, 50_000, 0), handle.sync()] as const;
    handle.close();
    // Takes the descriptor's number if it was given back too early.
    const other = fs.openSync(at('other'), 'create');
    expect(await pending[0]).toBe(50_000);
    await pending[1];
    expect(target).toEqual(bytes);
    other.close();
  });

  it('keeps the bytes of an unlinked file for open handles', () => {
    writeWhole(fs, at('unlinked'), Uint8Array.of(7));
    const handle = fs.openSync(at('unlinked'), 'read');
    fs.unlinkSync(at('unlinked'));
    expect(fs.statSync(at('unlinked'))).toBe(null);
    writeWhole(fs, at('unlinked'), Uint8Array.of(8));
    const target = new Uint8Array(1);
    handle.readSync(target, 0, 1, 0);
    expect(target[0]).toBe(7);
    handle.close();
  });
}

function defineNameTests(fs: FileSystem, at: Place, { it, expect }: TestTools): void {
  it('renames over an existing file', async () => {
    writeWhole(fs, at('from'), Uint8Array.of(1));
    writeWhole(fs, at('to'), Uint8Array.of(2, 2));
    fs.renameSync(at('from'), at('to'));
    expect(Array.from(readWhole(fs, at('to')))).toEqual([1]);
    expect(fs.statSync(at('from'))).toBe(null);
    expect(await codeOf(() => fs.renameSync(at('from'), at('to')))).toBe('LSM_MISSING');
    fs.renameSync(at('to'), at('to'));
    expect(Array.from(readWhole(fs, at('to')))).toEqual([1]);
  });

  it('removes a file once', async () => {
    writeWhole(fs, at('gone'), Uint8Array.of(1));
    fs.unlinkSync(at('gone'));
    expect(await codeOf(() => fs.unlinkSync(at('gone')))).toBe('LSM_MISSING');
  });

  it('gives one file two names that live apart', async () => {
    writeWhole(fs, at('first'), Uint8Array.of(1));
    fs.linkSync(at('first'), at('second'));
    expect(await codeOf(() => fs.linkSync(at('first'), at('second')))).toBe('LSM_EXISTS');
    expect(await codeOf(() => fs.linkSync(at('none'), at('third')))).toBe('LSM_MISSING');
    fs.unlinkSync(at('first'));
    expect(Array.from(readWhole(fs, at('second')))).toEqual([1]);
  });

  it('tells size and kind of what stands at a path, and null of nothing', () => {
    writeWhole(fs, at('sized'), new Uint8Array(5));
    expect(fs.statSync(at('sized'))).toEqual({ size: 5, directory: false });
    expect(fs.statSync(at('.'))?.directory).toBe(true);
    expect(fs.statSync(at('nothing'))).toBe(null);
    expect(fs.statSync(at('sized/below'))).toBe(null);
  });
}

function defineSpaceTests(fs: FileSystem, at: Place, { it, expect }: TestTools): void {
  it('tells how much space is left, also for a place that is not there', () => {
    expect(fs.freeBytesSync(at('.')) > 0).toBe(true);
    writeWhole(fs, at('space'), new Uint8Array(1000));
    expect(fs.freeBytesSync(at('.')) > 0).toBe(true);
    expect(fs.freeBytesSync(at('nowhere/at all')) > 0).toBe(true);
  });
}

function defineDirectoryTests(
  fs: FileSystem,
  directory: string,
  at: Place,
  { it, expect }: TestTools,
): void {
  it('makes directories with their parents, again without complaint', async () => {
    fs.makeDirectorySync(at('a/b/c'));
    fs.makeDirectorySync(at('a/b/c'));
    writeWhole(fs, at('a/b/c/file'), Uint8Array.of(1));
    fs.syncDirectorySync(at('a/b/c'));
    expect(fs.listSync(at('a'))).toEqual(['b']);
    expect(fs.listSync(at('a/b/c'))).toEqual(['file']);
    expect(await codeOf(() => fs.makeDirectorySync(at('a/b/c/file')))).toBe('LSM_EXISTS');
    expect(await codeOf(() => fs.openSync(at('a/b'), 'write'))).toBe('LSM_IO');
  });

  it('lists each name once, whatever its spelling, and only of that directory', () => {
    const names = new Set(fs.listSync(directory));
    fs.makeDirectorySync(at('listed'));
    for (const name of ['z', 'ä', '1.log', '.hidden']) {
      writeWhole(fs, at(`listed/${name}`), new Uint8Array(0));
    }
    expect(fs.listSync(at('listed')).toSorted()).toEqual(['.hidden', '1.log', 'z', 'ä']);
    names.add('listed');
    expect(new Set(fs.listSync(directory))).toEqual(names);
  });

  it('reports missing directories', async () => {
    expect(await codeOf(() => fs.listSync(at('nowhere')))).toBe('LSM_MISSING');
    expect(await codeOf(() => fs.syncDirectorySync(at('nowhere')))).toBe('LSM_MISSING');
    expect(await codeOf(() => fs.lock(at('nowhere')))).toBe('LSM_MISSING');
  });
}

function defineLockTests(fs: FileSystem, at: Place, { it, expect }: TestTools): void {
  it('gives the lock of a directory to one at a time', async () => {
    fs.makeDirectorySync(at('locked'));
    fs.makeDirectorySync(at('free'));
    const first = await fs.lock(at('locked'));
    expect(await codeOf(() => fs.lock(at('locked')))).toBe('LSM_LOCKED');
    expect(await codeOf(() => fs.lock(at('locked/.')))).toBe('LSM_LOCKED');
    const other = await fs.lock(at('free'));
    other.release();
    first.release();
    first.release();
    const second = await fs.lock(at('locked'));
    first.release();
    expect(await codeOf(() => fs.lock(at('locked')))).toBe('LSM_LOCKED');
    second.release();
    expect(fs.listSync(at('locked'))).toEqual([]);
  });

  it('gives the lock to one of many who ask at once', async () => {
    fs.makeDirectorySync(at('contended'));
    const asked = Array.from({ length: 8 }, () => fs.lock(at('contended')));
    const settled = await Promise.allSettled(asked);
    const owners = settled.filter((result) => result.status === 'fulfilled');
    expect(owners.length).toBe(1);
    owners[0]!.value.release();
  });
}
