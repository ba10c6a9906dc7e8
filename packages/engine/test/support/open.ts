/** Opens small databases for tests: in memory by default, work in-process, so that nothing depends on timing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '@lsm/core';
import { type Db, type OpenOptions, open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { onTestFinished } from 'vitest';

/** Options that make memtables, blocks and tables so small that a few dozen entries build levels. */
export const TINY: OpenOptions = {
  memoryBytes: 1024 * 1024,
  memtableBytes: 16_384,
  blockBytes: 256,
  tableBytes: 16_384,
  executor: 'inline',
};

/** A database in memory; closed at the end of the test. */
export async function openInMemory(
  options: OpenOptions = {},
  fs: FileSystem = memoryFileSystem(),
): Promise<Db> {
  const db = await open('/db', { ...TINY, fs, ...options });
  onTestFinished(() => db.close());
  return db;
}

/** A fresh directory on disk; removed at the end of the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lsm-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The text of a value; `undefined` stays. */
export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

/** Everything in a range as text. */
export function pairs(db: Db, range?: Parameters<Db['entries']>[0]): string[] {
  return [...db.entries(range)].map(([key, value]) => `${text(key)}=${text(value)}`);
}
