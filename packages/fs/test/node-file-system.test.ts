import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LsmError } from '@lsm/core';
import {
  baseName,
  bootId,
  joinPath,
  nodeFileSystem,
  normalizePath,
  parentPath,
  systemClock,
  systemError,
  systemRandom,
} from '@lsm/fs';
import { afterAll, describe, expect, it } from 'vitest';

const fs = nodeFileSystem();
const directory = mkdtempSync(join(tmpdir(), 'lsm-node-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('nodeFileSystem', () => {
  it.skipIf(process.platform === 'win32')('makes directories 0700 and files 0600', () => {
    const below = joinPath(directory, 'private/below');
    fs.makeDirectorySync(below);
    fs.openSync(joinPath(below, 'file'), 'create').close();
    expect(statSync(below).mode & 0o777).toBe(0o700);
    expect(statSync(joinPath(directory, 'private')).mode & 0o777).toBe(0o700);
    expect(statSync(joinPath(below, 'file')).mode & 0o777).toBe(0o600);
  });

  it('says what failed, where, and what to do', () => {
    const path = joinPath(directory, 'nowhere');
    expect(() => fs.openSync(path, 'read')).toThrow(
      `Cannot open: it does not exist; check the path [ENOENT]. (${path})`,
    );
    const error = systemError(Object.assign(new Error('x'), { code: 'ENOSPC' }), 'write', 'f', 5);
    expect(error.message).toBe(
      'Cannot write: the disk is full; free space and try again [ENOSPC]. (f @ 5)',
    );
    expect(error).toMatchObject({ code: 'LSM_DISK_FULL', file: 'f', offset: 5 });
    expect(error.cause).toBeInstanceOf(Error);
  });

  it.each([
    ['ENOSPC', 'LSM_DISK_FULL'],
    ['EDQUOT', 'LSM_DISK_FULL'],
    ['EFBIG', 'LSM_DISK_FULL'],
    ['ENOENT', 'LSM_MISSING'],
    ['EEXIST', 'LSM_EXISTS'],
    ['EACCES', 'LSM_READ_ONLY'],
    ['EPERM', 'LSM_READ_ONLY'],
    ['EROFS', 'LSM_READ_ONLY'],
    ['EIO', 'LSM_IO'],
    ['EMFILE', 'LSM_IO'],
    ['EWHATEVER', 'LSM_IO'],
    [undefined, 'LSM_IO'],
  ])('turns %s into %s', (errno, code) => {
    expect(systemError({ code: errno }, 'do', 'f').code).toBe(code);
  });

  it('passes its own errors on', () => {
    const mine = new LsmError('LSM_CLOSED', 'closed');
    expect(systemError(mine, 'do', 'f')).toBe(mine);
    expect(systemError('text', 'do', 'f').code).toBe('LSM_IO');
  });

  it.skipIf(process.platform === 'win32')('reports a short write as a full disk', () => {
    const path = joinPath(directory, 'limited');
    const program = `
      const fs = (await import('@lsm/fs')).nodeFileSystem();
      const handle = fs.openSync(process.argv[1], 'create');
      try {
        handle.writeSync(new Uint8Array(3_000_000), 0, 3_000_000, 0);
        console.log('written');
      } catch (error) {
        console.log(error.code, error.offset === handle.sizeSync());
      }`;
    // The limit is in blocks of 512 or 1,024 bytes, depending on the shell.
    const node = `"${process.execPath}" --conditions=@lsm/source --no-warnings --input-type=module`;
    const script = `ulimit -f 1000; exec ${node} -e "$0" "$1"`;
    const { stdout } = spawnSync('sh', ['-c', script, program, path], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe('LSM_DISK_FULL true');
    expect(statSync(path).size).toBeGreaterThan(500_000);
  });
});

describe('paths', () => {
  it.each([
    ['a', 'b', 'a/b'],
    ['a/', 'b', 'a/b'],
    ['', 'b', 'b'],
    ['/', 'b', '/b'],
  ])('joins %j and %j', (one, name, joined) => {
    expect(joinPath(one, name)).toBe(joined);
  });

  it.each([
    ['a/b', 'a', 'b'],
    ['a/b/', 'a', 'b'],
    ['/b', '/', 'b'],
    ['b', '.', 'b'],
    ['/a/b/c', '/a/b', 'c'],
  ])('splits %j', (path, parent, name) => {
    expect(parentPath(path)).toBe(parent);
    expect(baseName(path)).toBe(name);
  });

  it.each([
    ['./a//b/', 'a/b'],
    ['/a/../b', '/b'],
    ['../a', '../a'],
    ['.', ''],
    ['/', '/'],
  ])('normalizes %j', (path, normal) => {
    expect(normalizePath(path)).toBe(normal);
  });
});

describe('the platform', () => {
  it('keeps time, defers to a macrotask, and cancels what it was told', async () => {
    const clock = systemClock();
    expect(clock.now()).toBeGreaterThan(1_700_000_000_000);
    const order: string[] = [];
    const cancel = clock.after(1, () => order.push('never'));
    const done = new Promise<void>((resolve) => {
      clock.defer(() => {
        order.push('deferred');
        resolve();
      });
    });
    cancel();
    await Promise.resolve();
    order.push('microtask');
    const before = clock.elapsed();
    await done;
    await new Promise<void>((resolve) => clock.after(3, resolve));
    expect(order).toEqual(['microtask', 'deferred']);
    expect(clock.elapsed() - before).toBeGreaterThan(2);
  });

  it('draws 32-bit numbers that do not repeat', () => {
    const random = systemRandom();
    const drawn = Array.from({ length: 1000 }, () => random.next());
    expect(new Set(drawn).size).toBeGreaterThan(990);
    expect(drawn.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true);
  });

  it.skipIf(process.platform !== 'linux')('knows this boot', () => {
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(bootId()).toBe(bootId());
  });
});
