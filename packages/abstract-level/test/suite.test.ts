/* oxlint-disable eslint/no-underscore-dangle -- abstract-level names the methods of implementations so */
/**
 * abstract-level's own suite, whole and unchanged: every test that it runs for classic-level runs here, in memory, with
 * all data read from tables, and on the machine's files with the engine's defaults.
 *
 * classic-level 3.0.0 passes 5,168 assertions of the suite of 3.1.1; claiming less in the manifest would lower that.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LsmLevel } from '@lsm/abstract-level';
import { memoryFileSystem } from '@lsm/fs';
import suite from 'abstract-level/test/index.js';
import tape from 'tape';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ASSERTIONS_OF_CLASSIC_LEVEL = 5168;

const fs = memoryFileSystem();

/** Options go in below the constructor, because the suite compares what hooks receive with what it gave. */
class InMemory<K, V> extends LsmLevel<K, V> {
  override _open(options: Readonly<Record<string, unknown>>): Promise<void> {
    return super._open({ ...options, fs, executor: 'inline', memoryBytes: 1 << 20 });
  }
}

/** Nothing stays in a memtable: each write is flushed to a table before it is acknowledged. */
class InTables<K, V> extends InMemory<K, V> {
  override async _put(...args: Parameters<LsmLevel['_put']>): Promise<void> {
    await super._put(...args);
    await this.flush();
  }

  override async _del(...args: Parameters<LsmLevel['_del']>): Promise<void> {
    await super._del(...args);
    await this.flush();
  }

  override async _batch(...args: Parameters<LsmLevel['_batch']>): Promise<void> {
    await super._batch(...args);
    await this.flush();
  }

  override async _clear(...args: Parameters<LsmLevel['_clear']>): Promise<void> {
    await super._clear(...args);
    await this.flush();
  }
}

interface Outcome {
  tests: number;
  assertions: number;
  failures: string[];
  skips: string[];
}

/** A row of tape's result stream. */
interface Row {
  type: 'test' | 'assert' | 'end';
  name: string;
  test: number;
  id: number;
  ok: boolean;
  skip?: unknown;
  todo?: unknown;
  error?: unknown;
}

function runSuite(Level: typeof LsmLevel, root: string): Promise<Outcome> {
  const harness = tape.createHarness();
  const outcome: Outcome = { tests: 0, assertions: 0, failures: [], skips: [] };
  const names = new Map<number, string>();
  let databases = 0;
  const finished = new Promise<Outcome>((resolve) => {
    harness.createStream({ objectMode: true }).on('data', (row: Row) => {
      if (row.type === 'test') {
        outcome.tests++;
        names.set(row.id, row.name);
        if (row.skip) outcome.skips.push(row.name);
      }
      if (row.type !== 'assert') return;
      outcome.assertions++;
      const title = `${names.get(row.test)}: ${row.name}`;
      if (row.skip || row.todo) outcome.skips.push(title);
      if (!row.ok) outcome.failures.push(`${title} ${String(row.error)}`);
    });
    harness.onFinish(() => resolve(outcome));
  });
  suite({
    test: harness,
    factory: (given) => new Level(join(root, `db-${databases++}`), given),
  });
  return finished;
}

function expectAllPass(outcome: Outcome, where: string): void {
  const { tests, assertions, failures, skips } = outcome;
  console.log(`abstract-level suite ${where}: ${tests} tests, ${assertions} assertions`);
  expect(failures).toEqual([]);
  expect(skips).toEqual([]);
  expect(assertions).toBeGreaterThanOrEqual(ASSERTIONS_OF_CLASSIC_LEVEL);
}

describe("abstract-level's suite", () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'lsm-level-'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('passes in memory', { timeout: 180_000 }, async () => {
    expectAllPass(await runSuite(InMemory, '/'), 'in memory');
  });

  test('passes with all data in tables', { timeout: 180_000 }, async () => {
    expectAllPass(await runSuite(InTables, '/tables'), 'in tables');
  });

  test('passes on disk', { timeout: 180_000 }, async () => {
    expectAllPass(await runSuite(LsmLevel, root), 'on disk');
  });
});
