/** The suites find what they are for: each is run against implementations with one fault. */
import type { CompactionStrategy, Cursor, FilterAllocator, Health, TreeSnapshot } from '@lsm/core';
import { compareBytes, Entry, type KeyBuffer } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import {
  compactionStrategyConformance,
  cursorConformance,
  fileSystemConformance,
  filterAllocatorConformance,
  type TestEntry,
  type TestTools,
} from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

/** Runs a suite by itself and returns the names of the tests that fail. */
async function failuresOf(define: (tools: TestTools) => void): Promise<string[]> {
  const tests: [string, () => void | Promise<void>][] = [];
  define({
    describe: (_, body) => body(),
    it: (name, body) => void tests.push([name, body]),
    expect,
  });
  const failed: string[] = [];
  for (const [name, body] of tests) {
    try {
      await body();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

/** A cursor over a sorted array; `fault` spoils it. */
function listCursor(entries: readonly TestEntry[], fault?: 'seek' | 'prev' | 'align'): Cursor {
  const size = entries.reduce((sum, { key, value }) => sum + key.length + value.length + 8, 16);
  const buffer = new ArrayBuffer((size + 3) & ~3);
  const entry = new Entry();
  const bytes = new Uint8Array(buffer);
  let position = -1;
  const show = (to: number): void => {
    position = to >= 0 && to < entries.length ? to : -1;
    const here = entries[position];
    if (here === undefined) return;
    bytes.set(here.key, fault === 'align' ? 1 : 0);
    const valueOffset = (here.key.length + 4) & ~3;
    bytes.set(here.value, valueOffset);
    entry.bytes = bytes;
    entry.words = new Int32Array(buffer);
    entry.keyOffset = fault === 'align' ? 1 : 0;
    entry.keyLength = here.key.length;
    entry.valueOffset = valueOffset;
    entry.valueLength = here.value.length;
    entry.kind = here.kind;
    entry.sequence = here.sequence;
  };
  return {
    entry,
    get valid() {
      return position >= 0;
    },
    seekToFirst: () => show(0),
    seekToLast: () => show(entries.length - 1),
    seek(key: KeyBuffer) {
      const target = key.toBytes();
      const found = entries.findIndex((one) => {
        const order = compareBytes(one.key, target);
        return fault === 'seek' ? order > 0 : order >= 0;
      });
      show(found);
    },
    next: () => show(position + 1),
    prev: () => show(fault === 'prev' && position === 1 ? -1 : position - 1),
    close() {},
  };
}

const REST: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };

/** Merges everything into one run as soon as there are `trigger` runs. */
function mergeAll(fault?: 'busy' | 'jump' | 'random' | 'endless' | 'asleep'): CompactionStrategy {
  let calls = 0;
  const isDue = ({ runs }: TreeSnapshot): boolean => {
    if (fault === 'asleep') return false;
    return fault === 'endless' ? runs.length > 0 : runs.length >= 4;
  };
  return {
    name: 'merge-all',
    formatVersion: 1,
    settings: {},
    plan(snapshot) {
      const { runs, inProgress, limits } = snapshot;
      if (fault === 'random' && calls++ % 2 === 1) return { tasks: [] };
      if (!isDue(snapshot) || (inProgress.length > 0 && fault !== 'busy')) return { tasks: [] };
      const from = fault === 'jump' ? [runs[0]!, runs.at(-1)!] : runs;
      const inputs = from.flatMap((run) => run.tables.map((table) => table.id));
      const level = runs.at(-1)!.level;
      return {
        tasks: [
          {
            kind: 'merge',
            inputs,
            to: { newRun: { level, before: null } },
            shape: { tableBytes: limits.tableBytes },
            reason: 'all',
            score: 1,
          },
        ],
      };
    },
    assess: (snapshot) =>
      isDue(snapshot) || (fault === 'asleep' && snapshot.runs.length >= 4)
        ? { debtBytes: 1, pressure: 1, delay: 'slow', quiescent: false }
        : REST,
  };
}

describe('the conformance suites', () => {
  it('pass what is right', async () => {
    const make = (entries: readonly TestEntry[]): Cursor => listCursor(entries);
    expect(await failuresOf((t) => cursorConformance({ name: 'list', make }, t))).toEqual([]);
    expect(await failuresOf((t) => compactionStrategyConformance(() => mergeAll(), t))).toEqual([]);
  });

  it.each(['seek', 'prev', 'align'] as const)('find a cursor with the fault: %s', async (fault) => {
    const make = (entries: readonly TestEntry[]): Cursor => listCursor(entries, fault);
    const failed = await failuresOf((t) => cursorConformance({ name: 'list', make }, t));
    expect(failed.length).toBeGreaterThan(3);
  });

  it.each(['busy', 'jump', 'random', 'endless', 'asleep'] as const)(
    'find a strategy with the fault: %s',
    async (fault) => {
      const strategy = mergeAll(fault);
      const make = (): CompactionStrategy => (fault === 'random' ? strategy : mergeAll(fault));
      const failed = await failuresOf((t) => compactionStrategyConformance(make, t));
      expect(failed.length).toBeGreaterThan(0);
    },
  );

  it.each([
    ['P6', { bounds: () => ({ maxRuns: 2, maxSpaceAmplification: 9 }) }],
    ['P6', { bounds: () => ({ maxRuns: 9, maxSpaceAmplification: 9, maxTaskShare: 1 }) }],
    ['P7', { assess: ({ runs }: TreeSnapshot) => ({ ...REST, pressure: 1 / runs.length }) }],
    ['P14', { predict: () => ({ writeAmplification: 0.5, runs: 1, spaceAmplification: 1 }) }],
  ] as const)('find a strategy that breaks %s: %j', async (property, fault) => {
    const make = (): CompactionStrategy => ({ ...mergeAll(), ...fault });
    const failed = await failuresOf((t) => compactionStrategyConformance(make, t));
    expect(failed.some((name) => name.includes(property))).toBe(true);
  });

  it('find a strategy that goes against its ratio', async () => {
    const ratio = { make: () => mergeAll(), writes: 'fall' } as const;
    const failed = await failuresOf((t) =>
      compactionStrategyConformance(() => mergeAll(), t, { ratio }),
    );
    expect(failed.map((name) => name.slice(0, 3))).toEqual(['P13']);
  });

  it('find a file system whose unlink is not felt, and one that locks nobody out', async () => {
    const lazy = memoryFileSystem();
    lazy.unlinkSync = () => {};
    const open = memoryFileSystem();
    open.lock = async () => ({ kind: 'none', release: () => {} });
    for (const fs of [lazy, open]) {
      const subject = { name: 'faulty', fs, directory: '' };
      const failed = await failuresOf((t) => fileSystemConformance(subject, t));
      expect(failed.length).toBeGreaterThan(0);
    }
  });

  it('find an allocator that keeps state, and one that overspends', async () => {
    let calls = 0;
    const moody: FilterAllocator = {
      name: 'moody',
      choose: () => ({ kind: 'bloom', bitsPerKey: calls++ % 20 }),
    };
    const lavish: FilterAllocator = {
      name: 'lavish',
      choose: () => ({ kind: 'bloom', bitsPerKey: 20 }),
    };
    expect(await failuresOf((t) => filterAllocatorConformance(moody, t))).toHaveLength(1);
    expect(await failuresOf((t) => filterAllocatorConformance(lavish, t))).toHaveLength(0);
    const strict = { keepsBudget: true };
    expect(await failuresOf((t) => filterAllocatorConformance(lavish, t, strict))).toHaveLength(1);
  });
});
