import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadCities } from '../src/data/cities.ts';
import type { DataSet } from '../src/data/data-set.ts';
import { GeneratedData } from '../src/data/generated.ts';
import type { RunResult } from '../src/results.ts';
import { runWorkload } from '../src/run/run-workload.ts';
import type { Store } from '../src/stores/store.ts';
import { findWorkloads, WORKLOADS } from '../src/workloads/catalogue.ts';
import { MemoryStore } from './memory-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(
  name: string,
  store: Store,
  data: DataSet,
  rate: number | null = null,
): Promise<RunResult> {
  return runWorkload(store, {
    experiment: 'test',
    variant: 'memory',
    repeat: 1,
    seed: 42,
    workload: findWorkloads([name])[0]!,
    data,
    sizes: { operations: 100, inFlight: 8 },
    rate,
  });
}

describe('every workload', () => {
  test.each(WORKLOADS.map(({ name }) => name))('%s keeps store and model equal', async (name) => {
    const result = await run(name, new MemoryStore(folder), new GeneratedData({ entries: 300 }));
    expect(result.checks.at(-1)!.claim).toContain('the final content is the model');
    for (const phase of result.phases.filter(({ kind }) => kind === 'operations')) {
      const timed = phase.latencies.reduce((sum, latency) => sum + latency.count, 0);
      expect(timed).toBe(phase.operations);
      expect(phase.operationsPerSecond).toBeGreaterThan(0);
    }
  });
});

describe('expiring', () => {
  const data = new GeneratedData({ entries: 300 });

  test('deletes what is too old in ranges', async () => {
    const store = new MemoryStore(folder);
    const { liveEntries } = await run('expiring', store, data);
    expect(liveEntries).toBe(300);
  });

  test('leaves old entries to a store that forgets them, and takes either answer', async () => {
    const store: Store = Object.assign(new MemoryStore(folder), { expires: true });
    const result = await run('expiring', store, data);
    expect(result.liveEntries).toBe(300);
    expect(result.checks.at(-1)!.evidence).toContain('400 entries scanned');
  });

  test('does not take a store that forgets more', async () => {
    const store: Store = Object.assign(new MemoryStore(folder), { expires: true });
    const flush = store.flush.bind(store);
    store.flush = async () => {
      await store.del(data.key(150));
      return flush();
    };
    await expect(run('expiring', store, data)).rejects.toThrow('Entry 151 of the final scan is');
  });

  test('needs room for more entries', async () => {
    const wish = run('queue', new MemoryStore(folder), loadCities(300));
    await expect(wish).rejects.toThrow('needs generated data');
  });
});

describe('real', () => {
  test('goes through the life of the cities', async () => {
    const result = await run('real', new MemoryStore(folder), loadCities(500));
    expect(result.phases.map(({ name }) => name)).toEqual([
      'load',
      'settle after load',
      'update',
      'settle after update',
      'lookup',
      'lookup missing',
      'scan by prefix',
      'delete',
      'delete by prefix',
      'settle after delete by prefix',
      'mixed 70/20/10',
      'settle after mixed 70/20/10',
      'lookup after deletes',
      'scan all',
    ]);
    expect(result.phases.find(({ name }) => name === 'scan all')!.entries).toBe(result.liveEntries);
    expect(result.liveEntries).toBeLessThan(500);
  });

  test('does the same again from the same seed', async () => {
    const once = await run('real', new MemoryStore(folder), loadCities(300));
    const again = await run('real', new MemoryStore(folder), loadCities(300));
    expect(again.liveEntries).toBe(once.liveEntries);
    expect(again.liveBytes).toBe(once.liveBytes);
    expect(again.phases.map(({ entries }) => entries)).toEqual(
      once.phases.map(({ entries }) => entries),
    );
  });
});

describe('ycsb', () => {
  test('inserts new entries in D', async () => {
    const data = new GeneratedData({ entries: 300 });
    const result = await run('ycsb-d', new MemoryStore(folder), data);
    expect(result.liveEntries).toBeGreaterThan(300);
    const [most] = result.phases.at(-2)!.latencies;
    expect(most!.kind).toBe('get');
  });
});

describe('checks', () => {
  test('a store that loses a write is found out', async () => {
    const store = new MemoryStore(folder);
    store.losesFrom = 290;
    const data = new GeneratedData({ entries: 300 });
    await expect(run('fillrandom', store, data)).rejects.toThrow(/final scan/);
  });

  test('a store that answers with an older value is found out', async () => {
    const store = new MemoryStore(folder);
    store.losesFrom = 400;
    await expect(run('real', store, new GeneratedData({ entries: 300 }))).rejects.toThrow(
      /should have version/,
    );
  });

  test('a store that finds what was never written is found out', async () => {
    const store = new MemoryStore(folder);
    store.getSync = () => new Uint8Array(3);
    await expect(run('readmissing', store, new GeneratedData({ entries: 300 }))).rejects.toThrow(
      /never written/,
    );
  });
});

describe('an open loop', () => {
  test('offers operations at the rate that was asked for', async () => {
    const data = new GeneratedData({ entries: 100 });
    const result = await run('fillrandom', new MemoryStore(folder), data, 2000);
    // The last of 100 operations is due after 49.5 ms.
    expect(result.phases[0]!.seconds).toBeGreaterThanOrEqual(0.0495);
  });
});
