/** Trees that are the same to a strategy that looks only at what it may: other numbers, other keys in the same order. */
import type { CompactionTask, Random, TableInfo, TreeSnapshot } from '@lsm/core';

/** A one-to-one map of the numbers of a tree, and back. */
export interface Numbering {
  readonly there: (id: number) => number;
  readonly back: (id: number) => number;
}

/** Gives all tables and runs each other's numbers, in a random order. */
export function shuffledNumbers({ runs }: TreeSnapshot, random: Random): Numbering {
  const tables = runs.flatMap((run) => run.tables.map(({ id }) => id));
  const ids = [...new Set([...tables, ...runs.map(({ id }) => id)])];
  const shuffled = [...ids];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.next() % (i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  const there = new Map(ids.map((id, i) => [id, shuffled[i]!]));
  const back = new Map(ids.map((id, i) => [shuffled[i]!, id]));
  return { there: (id) => there.get(id) ?? id, back: (id) => back.get(id) ?? id };
}

/** The tree with other numbers, running tasks included, and another version. */
export function renumber(snapshot: TreeSnapshot, { there }: Numbering): TreeSnapshot {
  return {
    ...snapshot,
    version: snapshot.version + 1000,
    runs: mapTables(snapshot, (table) => ({ ...table, id: there(table.id) })).runs.map((run) => ({
      ...run,
      id: there(run.id),
    })),
    inProgress: snapshot.inProgress.map((task) => ({
      ...task,
      inputs: task.inputs.map(there),
      target: there(task.target),
    })),
  };
}

/** A task in other numbers. */
export function renumberTask(task: CompactionTask, there: (id: number) => number): CompactionTask {
  const inputs = task.inputs.map(there);
  const renumbered = { ...task, inputs };
  if ('shape' in renumbered && renumbered.shape.cutNear !== undefined) {
    renumbered.shape = { ...renumbered.shape, cutNear: there(renumbered.shape.cutNear) };
  }
  if (!('to' in renumbered)) return renumbered;
  const { to } = renumbered;
  if ('into' in to) return { ...renumbered, to: { into: there(to.into) } };
  const { level, before } = to.newRun;
  const newRun = { level, before: before === null ? null : there(before) };
  return { ...renumbered, to: { newRun } };
}

/** Every key longer by a random length and other in all bytes, in the same order. */
export function renameKeys(snapshot: TreeSnapshot, random: Random): TreeSnapshot {
  const names = new Map<string, Uint8Array>();
  const keys = new Map<string, Uint8Array>();
  for (const { tables } of snapshot.runs) {
    for (const { minKey, maxKey } of tables) {
      keys.set(textOf(minKey), minKey);
      if (maxKey !== null) keys.set(textOf(maxKey), maxKey);
    }
  }
  // Keys of a StrategyTree have one length, so that their texts are ordered as they are.
  for (const [i, text] of [...keys.keys()].toSorted().entries()) {
    const tail = Array.from({ length: random.next() % 5 }, () => random.next() & 255);
    names.set(text, Uint8Array.of(255, i >>> 8, i & 255, ...tail));
  }
  return mapTables(snapshot, (table) => ({
    ...table,
    minKey: names.get(textOf(table.minKey))!,
    maxKey: table.maxKey === null ? null : names.get(textOf(table.maxKey))!,
  }));
}

/** A task as it is to be compared: inputs are a set, and cut keys are keys. */
export function comparable(task: CompactionTask): CompactionTask {
  const inputs = task.inputs.toSorted((a, b) => a - b);
  if (!('shape' in task)) return { ...task, inputs };
  const { cutKeys: _, ...shape } = task.shape;
  return { ...task, inputs, shape };
}

/** The last table of some runs open-ended, and runs that hold nothing between. */
export function makeOdd(snapshot: TreeSnapshot): TreeSnapshot {
  const runs = snapshot.runs.flatMap((run, row) => {
    const last = run.tables.length - 1;
    const tables = run.tables.map((table, i) =>
      i === last && row % 2 === 0 ? { ...table, maxKey: null, rangeTombstones: 1 } : table,
    );
    const empty = { id: run.id + 50_000, level: run.level, tables: [], bytes: 0, entries: 0 };
    return row % 3 === 0 ? [empty, { ...run, tables }] : [{ ...run, tables }];
  });
  return { ...snapshot, runs };
}

function mapTables(snapshot: TreeSnapshot, change: (table: TableInfo) => TableInfo): TreeSnapshot {
  const runs = snapshot.runs.map((run) => ({ ...run, tables: run.tables.map(change) }));
  return { ...snapshot, runs };
}

function textOf(key: Uint8Array): string {
  return [...key].map((byte) => String.fromCharCode(byte)).join('');
}
