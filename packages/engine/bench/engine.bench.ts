/**
 * Calls of a database: lookups in tables and in a memtable, scans, writes; 16-byte keys in random order, 100-byte values.
 *
 *     node --conditions=@lsm/source bench/engine.bench.ts [entries, default 100000] [--quick]
 *
 * Tables are on disk below the directory for temporary files and all their blocks cached; writes go to databases whose
 * first memtable never gets full, so that no flush runs beside them. What a workload does in the long run, and what
 * other stores do, is for `npm start` and `npm run bench:speed`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Db, type Durability, open } from '@lsm/engine';
import {
  type BenchTask,
  finish,
  measure,
  numberArgument,
  prove,
  quick,
} from '../../../tooling/bench.ts';

const ENTRIES = numberArgument(0, 100_000, 2000);
/** Keys of a call of getMany, entries of a batch. */
const MANY = 100;
/** Operations of one timed call: whole groups of {@link MANY}. */
const LOOKUPS = quick ? 1000 : 20_000;
const WRITES = quick ? 500 : 10_000;
const VALUE = new Uint8Array(100).fill(118);
const OPTIONS = { memoryBytes: 2 ** 31, memtableBytes: 2 ** 28, cacheBytes: 2 ** 29 };

const key = new Uint8Array(16);
const words = new Int32Array(key.buffer);

/** The key of a number, in a buffer that the next call fills anew; neighbours are far apart. */
function keyOf(number: number): Uint8Array {
  const mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  words[0] = mixed ^ (mixed >>> 12);
  words[1] = number;
  words[2] = Math.imul(mixed, 0x297a2d39);
  words[3] = ~number;
  return key;
}

/** Visits all entries in an order without locality; coprime to every number of entries that isn't a multiple of it. */
const STEP = 7919;
let visited = 0;
const nextKey = (): Uint8Array => keyOf((visited = (visited + STEP) % ENTRIES));
const nextMissing = (): Uint8Array => keyOf(ENTRIES + (visited = (visited + STEP) % ENTRIES));

const directory = mkdtempSync(join(tmpdir(), 'engine-bench-'));
let databases = 0;

function openNew(durability: Durability = 'memory'): Promise<Db> {
  return open(join(directory, String(++databases)), { ...OPTIONS, durability });
}

/** A timed call of many lookups; throws unless each of them went where it should. */
function lookup(
  name: string,
  db: Db,
  source: 'memtable' | 'tables',
  expected: number,
  look: () => number | Promise<number>,
  options: Partial<BenchTask> = {},
): BenchTask {
  let before = db.stats();
  return {
    name,
    operations: LOOKUPS,
    expected,
    run: look,
    before() {
      before = db.stats();
    },
    after() {
      const { counters, blocks } = db.stats();
      const gets = counters.gets - before.counters.gets;
      const hits = counters.memtableHits - before.counters.memtableHits;
      const probed = counters.runsProbed - before.counters.runsProbed;
      // A missing key may lie outside of all tables.
      const atTables =
        hits === 0 && probed >= 0.99 * LOOKUPS && blocks.reads === before.blocks.reads;
      const right = source === 'tables' ? atTables : hits === expected && probed === 0;
      if (gets < LOOKUPS || !right) {
        throw new Error(`${name}: ${gets} lookups, ${hits} in the memtable, ${probed} in runs`);
      }
    },
    ...options,
  };
}

function lookups(db: Db, source: 'memtable' | 'tables'): BenchTask[] {
  const target = new Uint8Array(VALUE.length);
  const floor = { beside: 'getInto' };
  return [
    lookup('getInto', db, source, LOOKUPS, () => {
      let found = 0;
      for (let i = 0; i < LOOKUPS; i++) if (db.getInto(nextKey(), target) === 100) found++;
      return found;
    }),
    lookup(
      'getSync',
      db,
      source,
      LOOKUPS,
      () => {
        let bytes = 0;
        for (let i = 0; i < LOOKUPS; i++) bytes += db.getSync(nextKey())!.length;
        return bytes / VALUE.length;
      },
      floor,
    ),
    lookup(
      'getSync, missing',
      db,
      source,
      0,
      () => {
        let found = 0;
        for (let i = 0; i < LOOKUPS; i++) if (db.getSync(nextMissing()) !== undefined) found++;
        return found;
      },
      floor,
    ),
    lookup(
      'await get',
      db,
      source,
      LOOKUPS,
      async () => {
        let bytes = 0;
        for (let i = 0; i < LOOKUPS; i++) bytes += (await db.get(nextKey()))!.length;
        return bytes / VALUE.length;
      },
      { ...floor, async: true },
    ),
  ];
}

function lookupOfMany(db: Db): BenchTask {
  const groups = Array.from({ length: LOOKUPS / MANY }, () =>
    Array.from({ length: MANY }, () => nextKey().slice()),
  );
  const look = (): number => {
    let found = 0;
    for (const group of groups) {
      for (const value of db.getManySync(group)) if (value !== undefined) found++;
    }
    return found;
  };
  return lookup(`getManySync of ${MANY}`, db, 'tables', LOOKUPS, look, { beside: 'getInto' });
}

function scanning(name: string, run: () => number | Promise<number>): BenchTask {
  return {
    name,
    operations: ENTRIES,
    bytes: ENTRIES * (key.length + VALUE.length),
    expected: ENTRIES,
    run,
  };
}

function scans(db: Db): BenchTask[] {
  return [
    scanning('nextBatchSync(1000)', () => {
      const cursor = db.entries();
      let count = 0;
      for (;;) {
        const batch = cursor.nextBatchSync(1000);
        if (batch.length === 0) break;
        count += batch.length;
      }
      cursor.close();
      return count;
    }),
    scanning('for … of entries()', () => {
      let count = 0;
      for (const [, value] of db.entries()) if (value.length === 100) count++;
      return count;
    }),
    {
      ...scanning('for await … of entries()', async () => {
        let count = 0;
        for await (const [, value] of db.entries()) if (value.length === 100) count++;
        return count;
      }),
      async: true,
    },
  ];
}

/** Writes into a database of its own, {@link WRITES} of them a call. */
function writing(name: string, db: Db, write: () => void | Promise<void>): BenchTask {
  const putsSince = (before: number): number => db.stats().counters.puts - before;
  return {
    name,
    operations: WRITES,
    bytes: WRITES * (key.length + VALUE.length),
    expected: WRITES,
    // Few calls, so that the memtable has room for all rounds.
    calls: 2,
    run() {
      const before = db.stats().counters.puts;
      const written = write();
      return written === undefined ? putsSince(before) : written.then(() => putsSince(before));
    },
    ...(name === MEMORY ? {} : { beside: MEMORY }),
  };
}

const MEMORY = "putSync 'memory'";

function writes([memory, os, batches, alone, together]: readonly Db[]): BenchTask[] {
  let written = 0;
  const next = (): Uint8Array => keyOf(written++);
  const putAll = (db: Db) => (): void => {
    for (let i = 0; i < WRITES; i++) db.putSync(next(), VALUE);
  };
  const operations = (): { type: 'put'; key: Uint8Array; value: Uint8Array }[] =>
    Array.from({ length: MANY }, () => ({ type: 'put', key: next().slice(), value: VALUE }));
  return [
    writing(MEMORY, memory!, putAll(memory!)),
    writing("putSync 'os'", os!, putAll(os!)),
    writing(`batchSync of ${MANY} 'os'`, batches!, () => {
      for (let i = 0; i < WRITES; i += MANY) batches!.batchSync(operations());
    }),
    {
      ...writing("await put 'os'", alone!, async () => {
        for (let i = 0; i < WRITES; i++) await alone!.put(next(), VALUE);
      }),
      async: true,
    },
    {
      ...writing(`await of ${MANY} puts 'os'`, together!, async () => {
        for (let i = 0; i < WRITES; i += MANY) {
          await Promise.all(Array.from({ length: MANY }, () => together!.put(next(), VALUE)));
        }
      }),
      async: true,
    },
  ];
}

/** A database with all entries, in tables or in the memtable, every block read once. */
async function filled(where: 'memtable' | 'tables'): Promise<Db> {
  const db = await openNew();
  for (let i = 0; i < ENTRIES; i++) db.putSync(keyOf(i), VALUE);
  if (where === 'tables') {
    await db.flush();
    await db.compact();
  }
  for (let i = 0; i < ENTRIES; i++) if (db.getSync(keyOf(i)) === undefined) throw new Error('lost');
  const { tables, blocks } = db.stats();
  prove(
    `${ENTRIES} entries are in ${tables} tables, of which ${blocks.reads} blocks were read`,
    where === 'tables' ? tables > 0 && blocks.reads > 0 : tables === 0 && blocks.reads === 0,
  );
  return db;
}

try {
  const tables = await filled('tables');
  await measure(`Lookups in tables, ${ENTRIES} entries`, [
    ...lookups(tables, 'tables'),
    lookupOfMany(tables),
  ]);
  await measure('Scans of tables, per entry', scans(tables));
  await tables.close();

  const memtable = await filled('memtable');
  await measure(`Lookups in a memtable, ${ENTRIES} entries`, lookups(memtable, 'memtable'));
  await memtable.close();

  const fresh = await Promise.all(
    (['memory', 'os', 'os', 'os', 'os'] as const).map((durability) => openNew(durability)),
  );
  await measure('Writes, per entry', writes(fresh));
  for (const db of fresh) {
    const { counters } = db.stats();
    prove(
      `${counters.puts} puts made a log of ${counters.logBytes} bytes and no flush`,
      counters.flushes === 0 && counters.logBytes > counters.userBytes,
    );
    await db.close();
  }
  finish();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
