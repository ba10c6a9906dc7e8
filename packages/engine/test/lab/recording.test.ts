import { decodeTrace, type Trace, TraceKind } from '@lsm/compaction';
import type { FileHandle, FileSystem } from '@lsm/core';
import { type Db, isLsmError, LsmError, type RecordOptions } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openInMemory } from '../support/open.ts';

/** Records what an action does; returns the trace. */
async function recorded(
  db: Db,
  action: () => unknown,
  options: Omit<RecordOptions, 'path'> = {},
): Promise<Trace> {
  const parts: Uint8Array[] = [];
  const recording = db.record({ sample: 1, sink: (bytes) => parts.push(bytes), ...options });
  await action();
  const { bytes } = await recording.stop();
  const whole = new Uint8Array(Buffer.concat(parts));
  expect(whole.length).toBe(bytes);
  return decodeTrace(whole);
}

function readFile(fs: FileSystem, path: string): Uint8Array {
  const handle = fs.openSync(path, 'read');
  const bytes = new Uint8Array(handle.sizeSync());
  handle.readSync(bytes, 0, bytes.length, 0);
  handle.close();
  return bytes;
}

/** Operations as `kind size sketch`. */
function listed({ operations: { kinds, sizes, sketches } }: Trace): string[] {
  const names = Object.fromEntries(Object.entries(TraceKind).map(([name, kind]) => [kind, name]));
  return [...kinds].map(
    (kind, i) => `${names[kind]} ${sizes[i]} ${sketches[i]!.replaceAll('\0', '')}`,
  );
}

const number = (i: number): string => String(i).padStart(6, '0');

describe('db.record', () => {
  test('notes every kind of operation, with its size', async () => {
    const db = await openInMemory();
    const trace = await recorded(db, async () => {
      await db.put('a', 'value');
      db.putSync('b', '');
      await db.del('a');
      await db.batch([
        { type: 'put', key: 'c', value: 'xyz' },
        { type: 'delRange', gte: 'd', lt: 'f' },
        { type: 'delRange', gte: 'g' },
        { type: 'del', key: 'h' },
      ]);
      await db.get('b');
      db.getSync('a');
      db.getInto('c', new Uint8Array(8));
      await db.has('zz');
      await db.getMany(['b', 'nothing']);
      for (const _ of db.keys({ gte: 'b' }));
      for (const _ of db.entries({ lt: 'c', reverse: true, limit: 1 }));
    });
    expect(listed(trace)).toEqual([
      'put 6 a',
      'put 1 b',
      'delete 1 a',
      'put 4 c',
      'rangeDelete 3 d',
      'rangeUpper 0 f',
      'rangeDelete 2 g',
      'rangeEnd 0 ',
      'delete 1 h',
      'getHit 0 b',
      'getMiss 0 a',
      'getHit 0 c',
      'getMiss 0 zz',
      'getHit 0 b',
      'getMiss 0 nothing',
      'scan 2 b',
      'scanReverse 1 c',
    ]);
    const { identities } = trace.operations;
    expect(identities[0]).toBe(identities[2]);
    expect(identities[1]).toBe(identities[9]);
    expect(new Set(identities).size).toBeGreaterThan(8);
    expect(trace.totals).toMatchObject({
      puts: 3,
      deletes: 2,
      rangeDeletes: 2,
      gets: 6,
      scans: 2,
      flushes: 0,
      end: 'stopped',
    });
    expect(trace.header).toMatchObject({ sample: 1, maxTasks: 2, runs: [], largestKey: null });
    expect(trace.header.strategy.name).toBe('hybrid');
  });

  test('notes lookups that leave the thread once', async () => {
    const db = await openInMemory({ reads: 'async' });
    for (let i = 0; i < 2000; i++) db.putSync(number(i), 'x'.repeat(20));
    await db.flush();
    const trace = await recorded(db, async () => {
      await db.get(number(3));
      await db.has('nothing');
      await db.getMany([number(1500), number(700), 'nothing']);
    });
    expect(listed(trace).toSorted()).toEqual([
      `getHit 0 ${number(3)}`,
      `getHit 0 ${number(700)}`,
      `getHit 0 ${number(1500)}`,
      'getMiss 0 nothing',
      'getMiss 0 nothing',
    ]);
    expect(trace.header.runs.length).toBeGreaterThan(0);
    expect(trace.header.largestKey).toBe(Buffer.from(number(1999)).toString('hex'));
  });

  test('counts what counters count', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 30 })), {
          maxLength: 200,
        }),
        async (calls) => {
          const db = await openInMemory();
          const trace = await recorded(db, () => {
            for (const [call, key] of calls) {
              if (call === 0) db.putSync(number(key), 'x'.repeat(key));
              else if (call === 1) db.delSync(number(key));
              else if (call === 2) db.delRangeSync({ gte: number(key), lt: number(key + 2) });
              else if (call === 3) db.getSync(number(key));
              else if (call === 4) db.getManySync([number(key), number(key + 1)]);
              else for (const _ of db.keys({ gte: number(key), limit: 3 }));
            }
          });
          const count = (...kinds: number[]): number =>
            trace.operations.kinds.filter((kind) => kinds.includes(kind)).length;
          expect(trace.totals).toMatchObject({
            puts: count(TraceKind.put),
            deletes: count(TraceKind.delete),
            rangeDeletes: count(TraceKind.rangeDelete),
            gets: count(TraceKind.getHit, TraceKind.getMiss),
            scans: count(TraceKind.scan),
          });
          await db.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('notes a key always or never, and as many as it is told', async () => {
    const db = await openInMemory({ memtableBytes: 2 ** 20, memoryBytes: 2 ** 23 });
    const rounds = 3;
    const keys = 8000;
    const trace = await recorded(
      db,
      () => {
        for (let round = 0; round < rounds; round++) {
          for (let i = 0; i < keys; i++) db.putSync(number(i), 'v');
        }
        for (let i = 0; i < 160; i++) for (const _ of db.keys({ gte: number(i), limit: 2 }));
      },
      { sample: 1 / 8 },
    );
    const { kinds, identities, sketches } = trace.operations;
    const counts = new Map<string, number>();
    for (const [i, kind] of kinds.entries()) {
      if (kind === TraceKind.put) counts.set(sketches[i]!, (counts.get(sketches[i]!) ?? 0) + 1);
    }
    expect(new Set(counts.values())).toEqual(new Set([rounds]));
    // 1000 expected, standard deviation 30.
    expect(Math.abs(counts.size - keys / 8)).toBeLessThan(150);
    expect(kinds.filter((kind) => kind === TraceKind.scan).length).toBe(20);
    // What is kept of the hash is not what keys were chosen by.
    expect(
      identities.filter((identity) => identity >= 2 ** 31).length / identities.length,
    ).toBeCloseTo(0.5, 1);
    expect(trace.totals!.puts).toBe(rounds * keys);
  });

  test('notes nothing of a batch that is refused, and nothing after it stopped', async () => {
    const db = await openInMemory();
    const trace = await recorded(db, () => {
      const bad = [
        { type: 'put', key: 'a', value: '1' },
        { type: 'put', key: 'b', value: '\ud800' },
      ] as const;
      expect(() => db.batchSync(bad)).toThrow();
    });
    expect(trace.operations.kinds.length).toBe(0);
    await db.put('a', '1');
    expect(await recorded(db, () => db.get('a')).then(listed)).toEqual(['getHit 0 a']);
  });

  test('keeps no byte of any key if sketchBytes is 0', async () => {
    const db = await openInMemory();
    await db.put('secret old', 'value');
    await db.flush();
    const parts: Uint8Array[] = [];
    const recording = db.record({ sink: (bytes) => parts.push(bytes), sketchBytes: 0, sample: 1 });
    await db.put('secret key', 'secret value');
    await recording.stop();
    expect(Buffer.concat(parts).includes('secret')).toBe(false);
  });

  test('writes a file, which is no part of the database', async () => {
    const fs = memoryFileSystem();
    const db = await openInMemory({}, fs);
    const recording = db.record({ path: '/my.trace', sample: 1 });
    expect(() => db.record({ path: '/other.trace' })).toThrow(/stop that recording/);
    for (let i = 0; i < 10_000; i++) db.putSync(number(i), 'v');
    expect([recording.active, recording.path]).toEqual([true, '/my.trace']);
    const { bytes, operations, totals } = await recording.stop();
    expect(recording.active).toBe(false);
    expect(await recording.stop()).toEqual({ bytes, operations, totals });
    expect(operations).toBe(10_000);
    expect(totals.flushes).toBeGreaterThan(4);
    const trace = decodeTrace(readFile(fs, '/my.trace'));
    expect(trace.operations.kinds.length).toBe(10_000);
    expect(trace.totals).toEqual(totals);
    expect(() => db.record({ path: '/my.trace' })).toThrow(LsmError);
    expect(() => db.record({ path: '/db/in.trace' })).toThrow(/directory of its database/);
    expect(db.record({ path: '/other.trace' }).active).toBe(true);
  });

  test('ends with the database', async () => {
    const fs = memoryFileSystem();
    const db = await openInMemory({}, fs);
    const recording = db.record({ path: '/my.trace', sample: 1 });
    await db.put('a', 'b');
    await db.close();
    expect((await recording.stop()).totals.end).toBe('closed');
    expect(decodeTrace(readFile(fs, '/my.trace')).operations.kinds.length).toBe(1);
    expect(() => db.record({ path: '/late.trace' })).toThrow(/closed/);
  });

  test('ends by itself when the trace is large enough, and the database goes on', async () => {
    const db = await openInMemory();
    const recording = db.record({ sink: () => undefined, sample: 1, maxBytes: 2 ** 16 });
    for (let i = 0; i < 20_000; i++) db.putSync(number(i), 'v');
    expect(recording.active).toBe(false);
    const { bytes, totals } = await recording.stop();
    expect(totals.end).toBe('full');
    expect(bytes).toBeGreaterThan(2 ** 16);
    expect(bytes).toBeLessThan(2 ** 18);
    expect(db.getSync(number(19_999))).toBeDefined();
  });

  test('ends once, however much of a batch is left when the trace is full', async () => {
    const chunks: Uint8Array[] = [];
    const db = await openInMemory();
    const errors: unknown[] = [];
    db.on('error', ({ error }) => errors.push(error));
    const sink = (bytes: Uint8Array): void => void chunks.push(bytes.slice());
    const recording = db.record({ sink, sample: 1, maxBytes: 2 ** 16 });
    db.batchSync(
      Array.from({ length: 40_000 }, (_, i) => ({
        type: 'put' as const,
        key: number(i),
        value: 'v',
      })),
    );
    const { totals, bytes } = await recording.stop();
    expect(totals.end).toBe('full');
    expect(errors).toEqual([]);
    expect(Buffer.concat(chunks).length).toBe(bytes);
    expect(bytes).toBeLessThan(2 ** 18);
    const { operations } = decodeTrace(Buffer.concat(chunks));
    expect(operations.kinds.length).toBeGreaterThan(1000);
    expect(operations.kinds.length).toBeLessThan(40_000);
  });

  test('is ended by a file that refuses it, which no operation notices', async () => {
    const fs = memoryFileSystem();
    const full = new LsmError('LSM_DISK_FULL', 'full');
    let writes = 0;
    const failing = replaced<FileSystem>(fs, {
      openSync: (path, mode) => {
        const handle = fs.openSync(path, mode);
        if (!path.endsWith('.trace')) return handle;
        return replaced<FileHandle>(handle, {
          writeSync: (source, from, length, position) => {
            if (writes++ > 3) throw full;
            handle.writeSync(source, from, length, position);
          },
        });
      },
    });
    const db = await openInMemory({}, failing);
    const errors: LsmError[] = [];
    db.on('error', ({ error }) => errors.push(error));
    const recording = db.record({ path: '/my.trace', sample: 1 });
    for (let i = 0; i < 20_000; i++) db.putSync(number(i), 'v');
    expect(recording.active).toBe(false);
    expect(errors).toEqual([full]);
    await expect(recording.stop()).rejects.toBe(full);
    expect(db.getSync(number(19_999))).toBeDefined();
    // What was written before counts.
    expect(decodeTrace(readFile(fs, '/my.trace')).totals).toBeNull();
  });

  test('may be given a sink that writes to the database itself, or throws', async () => {
    const db = await openInMemory();
    let calls = 0;
    const recording = db.record({ sample: 1, sink: () => db.putSync(`sink ${calls++}`, 'called') });
    for (let i = 0; i < 20_000; i++) await db.put(number(i), 'v');
    await recording.stop();
    expect(calls).toBeGreaterThan(4);
    expect(db.getSync(`sink ${calls - 1}`)).toBeDefined();
    const broken = db.record({
      sink: () => {
        throw new Error('no more');
      },
    });
    db.on('error', () => undefined);
    await expect(broken.stop()).rejects.toThrow(/no more/);
    expect(db.getSync(number(19_999))).toBeDefined();
  });

  test('refuses options that make no sense', async () => {
    const db = await openInMemory();
    const sink = (): void => undefined;
    const wrong: unknown[] = [
      {},
      { sink, path: '/x' },
      { sink: 'no function' },
      { path: 7 },
      { sink, sample: 0 },
      { sink, sample: 2 },
      { sink, sketchBytes: 65 },
      { sink, maxBytes: 1 },
      { sink, samples: 1 },
      null,
    ];
    for (const options of wrong) {
      let caught: unknown = null;
      try {
        db.record(options as RecordOptions);
      } catch (error) {
        caught = error;
      }
      expect(isLsmError(caught, 'LSM_INVALID_ARGUMENT'), JSON.stringify(options)).toBe(true);
    }
  });
});

/** An object with some members replaced. */
function replaced<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(members, name)) return members[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
