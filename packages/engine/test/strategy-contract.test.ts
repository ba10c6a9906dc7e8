/** What the engine promises to strategies, and bugs that it had with broken ones, by name. */
import { type CompactionStrategy, type Health, LsmError, type TreeSnapshot } from '@lsm/core';
import { open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { expect, test } from 'vitest';
import { openInMemory, pairs, TINY } from './support/open.ts';
import { refused } from './support/refused.ts';

const CALM: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };

const idle: CompactionStrategy = {
  name: 'own',
  formatVersion: 1,
  settings: {},
  plan: () => ({ tasks: [] }),
  assess: () => CALM,
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** All runs in one merge when there are two. */
function mergeTwo({ runs, inProgress }: TreeSnapshot, shape: object): unknown {
  if (runs.length < 2 || inProgress.length > 0) return { tasks: [] };
  const inputs = runs.flatMap(({ tables }) => tables.map(({ id }) => id));
  const to = { newRun: { level: Math.max(1, runs.at(-1)!.level), before: null } };
  return { tasks: [{ kind: 'merge', inputs, to, shape, reason: 'two', score: 1 }] };
}

test('a quarantine while the database is being opened is told to who listens afterwards', async () => {
  const plan = (): never => {
    throw new Error('from the start');
  };
  const db = await openInMemory({ compaction: { ...idle, plan } });
  const reasons: string[] = [];
  db.on('strategyQuarantined', ({ strategy, reason }) => reasons.push(`${strategy}: ${reason}`));
  await turn();
  await turn();
  expect(reasons).toEqual(['own: plan threw Error: from the start']);
});

test('what the manifest keeps of a quarantined strategy stays: it gets its state back when it is given again', async () => {
  const fs = memoryFileSystem();
  const seen: unknown[] = [];
  let isBroken = false;
  const compaction: CompactionStrategy = {
    ...idle,
    initialState: () => ({ turns: 0 }),
    plan: (snapshot, state) => {
      seen.push(state);
      if (isBroken) throw new Error('broken');
      const { turns } = state as { turns: number };
      return {
        ...(mergeTwo(snapshot, { tableBytes: 16_384 }) as { tasks: [] }),
        state: { turns: turns + 1 },
      };
    },
  };
  const db = await open('/db', { ...TINY, fs, compaction });
  for (const key of 'abc') {
    db.putSync(key, key);
    await db.flush();
  }
  await db.idle();
  isBroken = true;
  for (let i = 0; i < 40; i++) {
    db.putSync(`k${i}`, 'v');
    await db.flush();
  }
  await db.idle();
  expect(db.compaction.strategy.name).toBe('safeguard');
  expect(db.stats().runs).toBeLessThan(20);
  await db.close();
  isBroken = false;
  seen.length = 0;
  const again = await open('/db', { ...TINY, fs, compaction });
  expect((seen[0] as { turns: number }).turns).toBeGreaterThan(1);
  expect(pairs(again)).toHaveLength(43);
  await again.close();
});

test('what a strategy is shown is frozen, and its keys are copies', async () => {
  let shown: TreeSnapshot | undefined;
  const plan: CompactionStrategy['plan'] = (snapshot) => {
    shown = snapshot;
    for (const { tables } of snapshot.runs) for (const { maxKey } of tables) maxKey?.fill(0);
    return { tasks: [] };
  };
  const db = await openInMemory({ compaction: { ...idle, plan } });
  for (const key of ['apple', 'pear']) db.putSync(key, 'tree');
  await db.flush();
  const { runs, limits, inProgress } = shown!;
  const [run] = runs;
  for (const part of [shown, runs, limits, inProgress, run, run!.tables, run!.tables[0]]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
  expect(pairs(db)).toEqual(['apple=tree', 'pear=tree']);
  // Nor does the next strategy see what this one wrote.
  const keys: string[] = [];
  await db.setCompaction({
    ...idle,
    plan: ({ runs: next }) => {
      for (const { tables } of next) for (const { maxKey } of tables) keys.push(String(maxKey));
      return { tasks: [] };
    },
  });
  expect(keys[0]).toBe(String(new TextEncoder().encode('pear')));
});

test('a level that no strategy could walk up to is refused', async () => {
  // Leveled and hybrid compaction would have made a list of 10^9 levels.
  const plan = ({ runs }: TreeSnapshot): never =>
    ({
      tasks: runs.map(({ tables }) => ({
        kind: 'move',
        inputs: tables.map(({ id }) => id),
        to: { newRun: { level: 1e9, before: null } },
        reason: 'deep',
        score: 1,
      })),
    }) as never;
  const db = await openInMemory({ compaction: { ...idle, plan } });
  const reasons: string[] = [];
  db.on('strategyQuarantined', ({ reason }) => reasons.push(reason));
  for (let i = 0; i < 20; i++) {
    db.putSync(`k${i}`, 'v');
    await db.flush();
  }
  expect(reasons.join()).toContain('integer from 0 to 1000');
  for (const strategy of ['leveled', 'hybrid'] as const) await db.setCompaction(strategy);
  await db.idle();
  expect(pairs(db)).toHaveLength(20);
});

test('a merge may make more tables than it reads bytes of: inputs were compressed, outputs are not', async () => {
  const fs = memoryFileSystem();
  const packed = {
    ...TINY,
    fs,
    compression: 'lz4',
    blockBytes: 8192,
    compaction: 'leveled',
  } as const;
  const compressed = await open('/db', packed);
  for (let i = 0; i < 500; i++) compressed.putSync(`k${i}`, 'x'.repeat(4000));
  await compressed.compact();
  await compressed.close();
  const errors: LsmError[] = [];
  const plan = (snapshot: TreeSnapshot): never => mergeTwo(snapshot, { tableBytes: 1 }) as never;
  const db = await open('/db', { ...TINY, fs, compression: 'none', compaction: { ...idle, plan } });
  db.on('error', ({ error }) => errors.push(error));
  db.putSync('a', '');
  await db.flush();
  await db.idle();
  expect(db.stats().runs).toBe(1);
  expect(errors).toEqual([]);
  expect(db.stats().tableBytes).toBeGreaterThan(500 * 4000);
  expect(pairs(db)).toHaveLength(501);
  await db.close();
});

test('a merge may be cut at every border of a run that it has nothing else to do with', async () => {
  const plan = (snapshot: TreeSnapshot): unknown => {
    const [first, second, third] = snapshot.runs;
    if (third === undefined || snapshot.inProgress.length > 0) {
      return first === undefined || second !== undefined || first.level > 0
        ? { tasks: [] }
        : rewritten(snapshot);
    }
    const inputs = [...first!.tables, ...second!.tables].map(({ id }) => id);
    const shape = { tableBytes: 1e9, cutNear: third.id, maxOverlapBytes: 1 };
    const to = { into: second!.id };
    return { tasks: [{ kind: 'merge', inputs, to, shape, reason: 'borders', score: 1 }] };
  };
  const rewritten = ({ runs }: TreeSnapshot): unknown => {
    const inputs = runs[0]!.tables.map(({ id }) => id);
    const to = { newRun: { level: 1, before: null } };
    return { tasks: [{ kind: 'move', inputs, to, reason: 'down', score: 1 }] };
  };
  const compaction = { ...idle, plan: plan as CompactionStrategy['plan'] };
  const db = await openInMemory({ compaction, memtableBytes: 1 << 20, memoryBytes: 8 << 20 });
  const errors: LsmError[] = [];
  db.on('error', ({ error }) => errors.push(error));
  const keys = Array.from({ length: 900 }, (_, i) => `k${1000 + i}`);
  for (const key of keys) db.putSync(key, 'x'.repeat(900));
  await db.flush();
  await db.idle();
  const { tables } = db.stats();
  expect(tables).toBeGreaterThan(40);
  for (const value of ['1', '2']) {
    for (const key of keys) db.putSync(key, value);
    await db.flush();
  }
  await db.idle();
  expect(errors).toEqual([]);
  expect(db.stats()).toMatchObject({ runs: 2, tables: 2 * tables });
  expect(pairs(db)).toEqual(keys.map((key) => `${key}=2`));
});

test('what a strategy says of itself is read once', async () => {
  let reads = 0;
  const moody = {
    ...idle,
    get name(): string {
      if (reads++ > 0) throw new Error('no name any more');
      return 'moody';
    },
    plan: (): never => {
      throw new Error('nor a plan');
    },
  };
  const db = await openInMemory();
  const names: string[] = [];
  db.on('strategyQuarantined', ({ strategy }) => names.push(strategy));
  await db.setCompaction(moody);
  expect(names).toEqual(['moody']);
  expect(db.stats().strategy).toBe('safeguard');
});

test('settings that unfold into more than anybody could keep are refused at once', async () => {
  let settings: unknown = 1;
  for (let i = 0; i < 60; i++) settings = [settings, settings];
  const db = await openInMemory();
  const bomb = { ...idle, settings: settings as never };
  await refused('LSM_INVALID_ARGUMENT', () => db.setCompaction(bomb));
});

test('a strategy that sets another one while it plans, or closes the database, harms nothing', async () => {
  const db = await openInMemory();
  let acts: (() => Promise<void>)[] = [
    () => db.setCompaction('tiered'),
    () => db.setCompaction('leveled'),
    () => db.close(),
  ];
  const plan: CompactionStrategy['plan'] = () => {
    const [act, ...rest] = acts;
    acts = rest;
    void act?.();
    return { tasks: [], state: { from: 'another' } };
  };
  for (const name of ['tiered', 'leveled']) {
    await db.setCompaction({ ...idle, plan });
    await turn();
    expect(db.stats().strategy).toBe(name);
    db.putSync(name, 'v');
    await db.flush();
  }
  expect(pairs(db)).toEqual(['leveled=v', 'tiered=v']);
  await db.setCompaction({ ...idle, plan }).catch((error: unknown) => {
    expect(error).toBeInstanceOf(LsmError);
  });
  await db.close();
  await refused('LSM_CLOSED', () => db.get('leveled'));
});
