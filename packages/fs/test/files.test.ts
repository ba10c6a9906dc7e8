import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from '@lsm/core';
import {
  copyFile,
  joinPath,
  memoryFileSystem,
  nodeFileSystem,
  readFileBytes,
  writeFileDurably,
} from '@lsm/fs';
import { afterAll, describe, expect, it } from 'vitest';

const base = mkdtempSync(join(tmpdir(), 'lsm-files-'));
afterAll(() => rmSync(base, { recursive: true }));

const systems: readonly (readonly [string, FileSystem])[] = [
  ['node', nodeFileSystem()],
  ['memory', memoryFileSystem()],
];

describe.each(systems)('whole-file operations on %s', (name, fs) => {
  const directory = joinPath(base, name);
  fs.makeDirectorySync(directory);
  const path = joinPath(directory, 'data');

  it('writeFileDurably creates, then replaces, and leaves no temporary file', () => {
    writeFileDurably(fs, path, Uint8Array.of(1, 2, 3));
    writeFileDurably(fs, path, Uint8Array.of(4));
    expect(readFileBytes(fs, path)).toEqual(Uint8Array.of(4));
    expect(fs.listSync(directory)).toEqual(['data']);
  });

  it('writeFileDurably gets over a temporary file that a crash left', () => {
    fs.openSync(`${path}.tmp`, 'create').close();
    writeFileDurably(fs, path, Uint8Array.of(5));
    expect(readFileBytes(fs, path)).toEqual(Uint8Array.of(5));
  });

  it('copyFile copies more than one buffer, and refuses an existing target', () => {
    const bytes = new Uint8Array((1 << 21) + 7).map((_, i) => i * 31);
    writeFileDurably(fs, path, bytes);
    copyFile(fs, path, `${path}.copy`);
    expect(readFileBytes(fs, `${path}.copy`)).toEqual(bytes);
    expect(() => copyFile(fs, path, `${path}.copy`)).toThrow(
      expect.objectContaining({ code: 'LSM_EXISTS' }),
    );
    fs.unlinkSync(`${path}.copy`);
  });

  it('copyFile leaves nothing behind when the source is missing', () => {
    expect(() => copyFile(fs, `${path}.none`, `${path}.copy`)).toThrow(
      expect.objectContaining({ code: 'LSM_MISSING' }),
    );
    expect(fs.statSync(`${path}.copy`)).toBeNull();
  });

  it('readFileBytes reads an empty file', () => {
    writeFileDurably(fs, path, new Uint8Array(0));
    expect(readFileBytes(fs, path)).toEqual(new Uint8Array(0));
  });
});
