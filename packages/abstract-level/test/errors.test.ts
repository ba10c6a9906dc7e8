/** Errors reach callers with the codes of the abstract-level ecosystem and the engine's error as cause. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelError, LsmLevel } from '@lsm/abstract-level';
import { LsmError } from '@lsm/engine';
import { joinPath, memoryFileSystem } from '@lsm/fs';
import { SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import { toLevelError } from '../src/level-error.ts';
import { LOCATION, openLevel, rejection, thrown } from './fixtures.ts';

describe('the mapping of codes', () => {
  const pairs = [
    ['LSM_LOCKED', 'LEVEL_LOCKED'],
    ['LSM_CORRUPTION', 'LEVEL_CORRUPTION'],
    ['LSM_IO', 'LEVEL_IO_ERROR'],
    ['LSM_CLOSED', 'LEVEL_DATABASE_NOT_OPEN'],
    ['LSM_SNAPSHOT_CLOSED', 'LEVEL_SNAPSHOT_NOT_OPEN'],
    ['LSM_ITERATOR_CLOSED', 'LEVEL_ITERATOR_NOT_OPEN'],
    ['LSM_ABORTED', 'LEVEL_ABORTED'],
    ['LSM_DISK_FULL', 'LEVEL_DISK_FULL'],
    ['LSM_COMMIT_UNKNOWN', 'LEVEL_COMMIT_UNKNOWN'],
  ] as const;

  test.each(pairs)('%s becomes %s and stays as cause', (code, expected) => {
    const original = new LsmError(code, 'What happened.', { file: '/db/1.sst', offset: 7 });
    const error = toLevelError(original) as LevelError;
    expect(error).toBeInstanceOf(LevelError);
    expect(error.code).toBe(expected);
    expect(error.message).toBe(original.message);
    expect(error.cause).toBe(original);
    expect(error.name).toBe(code === 'LSM_ABORTED' ? 'AbortError' : 'LevelError');
  });

  test('leaves other errors alone', () => {
    const error = new RangeError('not ours');
    expect(toLevelError(error)).toBe(error);
  });
});

describe('opening', () => {
  test('a directory that is open already says so', async () => {
    const fs = memoryFileSystem();
    const first = await openLevel({ fs });
    const error = await rejection(openLevel({ fs }));
    expect(error.code).toBe('LEVEL_DATABASE_NOT_OPEN');
    expect(error.cause?.code).toBe('LEVEL_LOCKED');
    expect(error.cause?.cause?.code).toBe('LSM_LOCKED');
    await first.put('still', 'works');
    await first.close();
    const second = await openLevel({ fs });
    expect(await second.get('still')).toBe('works');
    await second.close();
  });

  test('a directory that another process has open says so, and who', async () => {
    const root = mkdtempSync(join(tmpdir(), 'lsm-level-'));
    const holder = spawn(
      process.execPath,
      [
        '--conditions=@lsm/source',
        '--disable-warning=ExperimentalWarning',
        '--input-type=module',
        '--eval',
        `import { LsmLevel } from '@lsm/abstract-level';
         const db = new LsmLevel(${JSON.stringify(join(root, 'db'))});
         await db.open();
         process.stdout.write('open');
         process.stdin.resume();`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'], cwd: import.meta.dirname },
    );
    try {
      await once(holder.stdout, 'data');
      const db = new LsmLevel(join(root, 'db'));
      const error = await rejection(db.open());
      expect(error.cause?.code).toBe('LEVEL_LOCKED');
      expect(error.cause?.message).toContain(String(holder.pid));
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      await db.open();
      await db.close();
    } finally {
      holder.kill('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    }
  });

  test('a damaged table is corruption, found by get and verify', async () => {
    const fs = memoryFileSystem();
    const db = await openLevel({ fs });
    await db.put('key', 'value');
    await db.flush();
    await db.close();
    const table = fs.listSync(LOCATION).find((name) => name.endsWith('.sst'))!;
    flipByte(fs, joinPath(LOCATION, table), 4);

    const damaged = await openLevel({ fs });
    const error = await rejection(damaged.get('key'));
    expect(error.code).toBe('LEVEL_CORRUPTION');
    expect((error.cause as unknown as LsmError).file).toContain(table);
    expect(thrown(() => damaged.getSync('key')).code).toBe('LEVEL_CORRUPTION');
    expect((await rejection(damaged.getMany(['key']))).code).toBe('LEVEL_CORRUPTION');
    expect((await rejection(damaged.iterator().all())).code).toBe('LEVEL_CORRUPTION');
    expect((await rejection(damaged.verify())).code).toBe('LEVEL_CORRUPTION');
    await damaged.close();
  });

  test('a damaged manifest is corruption', async () => {
    const fs = memoryFileSystem();
    await (await openLevel({ fs })).close();
    const manifest = fs.listSync(LOCATION).find((name) => name.startsWith('MANIFEST'))!;
    flipByte(fs, joinPath(LOCATION, manifest), 3);
    const error = await rejection(openLevel({ fs }));
    expect(error.code).toBe('LEVEL_DATABASE_NOT_OPEN');
    expect(['LEVEL_CORRUPTION', 'LEVEL_UNSUPPORTED_FORMAT']).toContain(error.cause?.code);
  });

  test('a missing database is named', async () => {
    const error = await rejection(openLevel({ createIfMissing: false }));
    expect(error.cause?.code).toBe('LEVEL_MISSING');
    expect(error.cause?.message).toContain(LOCATION);
  });

  test('can be tried again after a failure', async () => {
    const db = new LsmLevel(LOCATION, { fs: memoryFileSystem(), executor: 'inline' });
    expect((await rejection(db.open({ createIfMissing: false }))).cause?.code).toBe(
      'LEVEL_MISSING',
    );
    await db.open();
    await db.put('key', 'value');
    await db.close();
  });
});

describe('refused calls', () => {
  test('apply nothing when a key is too long, a string ill-formed or a durability too weak', async () => {
    const db = await openLevel({ durability: 'os' });
    const refused = [
      db.put('k'.repeat(65_536), 'value'),
      db.put('\ud800', 'value'),
      db.batch([
        { type: 'put', key: 'first', value: 'of the batch' },
        { type: 'put', key: 'second', value: '\udfff' },
      ]),
      db.put('key', 'value', { durability: 'memory' }),
      db.put('key', 'value', { durability: 'fsink' as 'fsync' }),
    ];
    for (const call of refused) expect((await rejection(call)).code).toBe('LEVEL_INVALID_ARGUMENT');
    expect(await db.iterator().all()).toEqual([]);
    await db.close();
  });

  test('writes to a database that is open for reading only', async () => {
    const fs = memoryFileSystem();
    const writer = await openLevel({ fs });
    await writer.put('key', 'value');
    await writer.close();
    const reader = await openLevel({ fs, readOnly: true });
    expect(await reader.get('key')).toBe('value');
    expect((await rejection(reader.put('key', 'other'))).code).toBe('LEVEL_READ_ONLY');
    expect((await rejection(reader.clear())).code).toBe('LEVEL_READ_ONLY');
    expect(await reader.get('key')).toBe('value');
    await reader.close();
  });

  test('a snapshot of another database', async () => {
    const one = await openLevel();
    const other = await openLevel();
    await using snapshot = other.snapshot();
    expect((await rejection(one.get('key', { snapshot }))).code).toBe('LEVEL_INVALID_ARGUMENT');
    const iterator = one.iterator({ snapshot });
    expect((await rejection(iterator.next())).code).toBe('LEVEL_INVALID_ARGUMENT');
    await iterator.close();
    await one.close();
    await other.close();
  });

  test('the engine while the database is closed', async () => {
    const db = await openLevel();
    await db.close();
    expect(thrown(() => db.engine).code).toBe('LEVEL_DATABASE_NOT_OPEN');
    expect(thrown(() => db.stats()).code).toBe('LEVEL_DATABASE_NOT_OPEN');
    expect((await rejection(db.flush())).code).toBe('LEVEL_DATABASE_NOT_OPEN');
    expect((await rejection(db.compactRange('a', 'z'))).code).toBe('LEVEL_DATABASE_NOT_OPEN');
  });

  test('a location that is not a path', () => {
    expect(() => new LsmLevel('')).toThrow(TypeError);
    expect(() => new LsmLevel(7 as unknown as string)).toThrow(TypeError);
  });
});

describe('failing disks', () => {
  test('a full disk refuses the write and keeps what was written', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openLevel({ fs });
    await db.put('kept', 'value');
    fs.inject({ at: ({ kind }) => kind === 'write', errno: 'ENOSPC', persistent: true });
    const error = await rejection(db.put('lost', 'value'));
    expect(error.code).toBe('LEVEL_DISK_FULL');
    expect(await db.get('lost')).toBe(undefined);
    fs.clearFaults();
    await db.put('later', 'value');
    expect(await db.keys().all()).toEqual(['kept', 'later']);
    await db.close();
  });

  test('a close that fails says why; closing again succeeds and the directory is free', async () => {
    const fs = new SimulatedFileSystem();
    const db = await openLevel({ fs });
    await db.put('key', 'value');
    fs.inject({ at: ({ kind }) => kind === 'sync', errno: 'EIO', persistent: true });
    const error = await rejection(db.close());
    expect(error.code).toBe('LEVEL_DATABASE_NOT_CLOSED');
    expect(error.cause?.code).toMatch(/^LEVEL_(IO_ERROR|COMMIT_UNKNOWN)$/);
    expect((await rejection(db.get('key'))).code).toBe('LEVEL_DATABASE_NOT_OPEN');
    fs.clearFaults();
    await db.close();
    expect(db.status).toBe('closed');
    await (await openLevel({ fs })).close();
  });
});

/** Damages one byte of a file. */
function flipByte(fs: ReturnType<typeof memoryFileSystem>, path: string, position: number): void {
  const file = fs.openSync(path, 'write');
  const byte = new Uint8Array(1);
  file.readSync(byte, 0, 1, position);
  byte[0]! ^= 0xff;
  file.writeSync(byte, 0, 1, position);
  file.close();
}
