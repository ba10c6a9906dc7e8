import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli.ts';
import { choicesOf } from '../src/matrix/choices.ts';
import { differencesOf } from '../src/matrix/differences.ts';
import { MATRIX_DEFAULTS } from '../src/matrix/matrix-config.ts';
import type { MatrixCell, MatrixResults } from '../src/matrix/results.ts';
import { SimulatedData } from '../src/matrix/simulated-data.ts';
import { SimulatedStore } from '../src/matrix/simulated-store.ts';
import { levelRatio, matrixStrategy } from '../src/matrix/strategies.ts';
import { verdictsOf } from '../src/matrix/verdicts.ts';
import { Model } from '../src/model.ts';
import { SeededDraws } from '../src/random.ts';
import { findWorkloads } from '../src/workloads/catalogue.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-matrix-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

async function bench(...args: string[]): Promise<Outcome> {
  let out = '';
  let errors = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
  return { code: await main(args), out, errors };
}

describe('matrix', () => {
  const output = join(folder, 'uniform');
  const directory = join(folder, 'databases');
  let outcome: Outcome;
  /** Overwrites under the strategies whose order is demanded. */
  let results: MatrixResults;
  /** Entries that expire, under one that drops them and one that does not. */
  let expiring: MatrixResults;

  beforeAll(async () => {
    const run = async (path: string, ...words: string[]): Promise<MatrixResults> => {
      const sizes = ['--turns=1', '--memtable-bytes=16384', '--table-bytes=16384'];
      const where = [`--output=${path}`, `--directory=${directory}`];
      outcome = await bench('matrix', ...words, ...sizes, ...where);
      expect({ code: outcome.code, errors: outcome.code === 0 ? '' : outcome.errors }).toEqual({
        code: 0,
        errors: '',
      });
      return JSON.parse(readFileSync(join(path, 'results.json'), 'utf8')) as MatrixResults;
    };
    const dropping = ['--strategies=leveled fifo', '--workloads=uniform expiring', '--sizes=12'];
    expiring = await run(join(folder, 'expiring'), ...dropping);
    const strategies = '--strategies=leveled tiered hybrid';
    results = await run(output, strategies, '--workloads=uniform', '--sizes=24');
  }, 180_000);

  test('leaves report, JSON and CSV, and no database', () => {
    const csv = readFileSync(join(output, 'results.csv'), 'utf8').trimEnd().split('\n');
    // A row each for engine, simulator and predict.
    expect(csv.length).toBe(1 + 3 * 3);
    const page = readFileSync(join(output, 'report.html'), 'utf8');
    for (const part of ['Choose a strategy', 'What has to hold', 'leveled, simulator']) {
      expect(page).toContain(part);
    }
    expect(outcome.out).toMatch(/holds: uniform, 24x: leveled writes more than tiered/);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('runs strategies that drop data only where data may be dropped', () => {
    const names = expiring.cells.map(({ workload, strategy }) => `${workload} ${strategy}`);
    expect(names).toEqual(['uniform leveled', 'expiring leveled', 'expiring fifo']);
  });

  const cellOf = (workload: string, strategy: string): MatrixCell =>
    (workload === 'uniform' ? results : expiring).cells.find(
      (cell) => cell.workload === workload && cell.strategy === strategy,
    )!;

  test('counts on the engine what the simulator counts', () => {
    for (const strategy of ['leveled', 'tiered', 'hybrid']) {
      const { engine, simulator } = cellOf('uniform', strategy);
      expect(engine.facts.flushes, strategy).toBeGreaterThan(20);
      const writes = engine.writeAmplification! / simulator.writeAmplification!;
      expect(Math.abs(writes - 1), `${strategy}: writes ${writes}`).toBeLessThan(0.25);
      const runs = engine.runsMean / simulator.runsMean;
      expect(Math.abs(runs - 1), `${strategy}: runs ${runs}`).toBeLessThan(0.25);
      expect(engine.hit.blocks).toBeGreaterThan(0.9);
      expect(engine.spaceMean).toBeGreaterThan(1);
      expect(engine.samples.length).toBeGreaterThan(30);
    }
  });

  test('drops by age without writing anything again', () => {
    const { engine, simulator, predicted } = cellOf('expiring', 'fifo');
    expect(engine.facts.mergeBytes).toBe(0);
    expect(simulator.facts.mergeBytes).toBe(0);
    expect(engine.spaceMean).toBeLessThan(1.25);
    expect(predicted).toBeNull();
  });

  test('proves what it counts, and explains what differs', () => {
    for (const { checks, differences } of [...results.cells, ...expiring.cells]) {
      const claims = checks.map(({ claim }) => claim);
      expect(claims).toContain('filters were asked, and said no');
      expect(claims.at(-1)).toContain('the final content is the model');
      for (const { reasons } of differences) expect(reasons.join('')).toMatch(/\d/);
    }
    const cell = cellOf('uniform', 'leveled');
    const facts = { ...cell.engine.facts, moves: 9, merges: 1 };
    const sequential = { ...cell, engine: { ...cell.engine, writeAmplification: 1.2, facts } };
    const moved = differencesOf(sequential, results.calibration, 10).find(
      ({ figure, by }) => figure === 'writes' && by === 'predict',
    );
    expect(moved!.reasons[0]).toMatch(/^9 of 10 tasks moved tables without reading them/);
    expect(moved!.reasons.at(-1)).toMatch(/the data are [\d.]+ flushes, which is [\d.]+ levels/);
  });

  test('fails where the order of the strategies is not what it has to be', () => {
    expect(results.verdicts.filter(({ holds }) => holds === false)).toEqual([]);
    expect(results.verdicts.filter(({ holds }) => holds === true).length).toBe(8);
    const swapped = results.cells.map((cell) => {
      if (cell.workload !== 'uniform') return cell;
      const names: Record<string, string> = { leveled: 'tiered', tiered: 'leveled' };
      return { ...cell, strategy: names[cell.strategy] ?? cell.strategy };
    });
    const failed = verdictsOf(swapped).filter(({ holds }) => holds === false);
    expect(failed.map(({ claim }) => claim)).toContain(
      'uniform, 24x: leveled writes more than tiered',
    );
  });

  test('says in words which strategy to choose', () => {
    expect(results.choices[0]!.writes).toMatch(
      /^tiered \([\d.]+\) bytes written .*; most: leveled/,
    );
    expect(expiring.choices[1]!.writes).toMatch(/^fifo \(/);
    const leveledOnly = results.cells.filter(({ strategy }) => strategy === 'leveled');
    const [only] = choicesOf(leveledOnly, results.workloads);
    expect(only!.balanced).toBe('leveled: the best, or within 5 % of it, in all three');
  });

  test('names no difference below a quarter', () => {
    const cell = cellOf('uniform', 'hybrid');
    const same = { ...cell, simulator: cell.engine, predicted: null };
    expect(differencesOf(same, results.calibration, 4)).toEqual([]);
    const third = { ...cell.engine, writeAmplification: cell.engine.writeAmplification! * 1.34 };
    const [one, ...others] = differencesOf({ ...same, engine: third }, results.calibration, 4);
    expect(one).toMatchObject({ figure: 'writes', by: 'simulator' });
    expect(others).toEqual([]);
  });
});

describe('mistakes', () => {
  test.each([
    [['--strategies=levelled'], /did you mean "leveled"/],
    [['--strategies=tiered:ratios=4'], /did you mean "ratio"/],
    [['--workloads=ycsb-e'], /"ycsb-e" can't be simulated/],
    [['--sizes=1'], /at least 2 memtables/],
  ])('%j end with a message and exit code 2', async (args, message) => {
    const { code, errors } = await bench('matrix', ...args);
    expect(errors).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('strategies of the matrix', () => {
  test('have the ratio of their levels', () => {
    const ratios = ['leveled', 'tiered:ratio=8', 'hybrid:preset=1-leveling', 'unified', 'fifo'].map(
      (text) => levelRatio(matrixStrategy(text)),
    );
    expect(ratios).toEqual([10, 8, 4, 4, null]);
  });
});

describe('the simulator behind the seam of stores', () => {
  test.each(['uniform', 'queue', 'expiring', 'scans', 'mix-70-20-10'])(
    '%s keeps store and model equal',
    async (name) => {
      const calibration = { memtablePuts: 40, memtableDeletes: 80, putBytes: 140, deleteBytes: 40 };
      const data = new SimulatedData(400, 1200, 116);
      const config = { ...MATRIX_DEFAULTS, tableBytes: 40 * 140 };
      const store = new SimulatedStore(matrixStrategy('hybrid').make(1), config, calibration, data);
      const context = {
        store,
        data,
        model: new Model(data),
        draws: new SeededDraws(3),
        sizes: { operations: 800, inFlight: 1 },
        tally: { entries: 0 },
      };
      for (const phase of findWorkloads([name])[0]!.phases(context)) {
        for (let i = 0; i < phase.operations; i++) await phase.step(i);
      }
      let entries = 0;
      store.scan({}, (key, value) => {
        entries++;
        const index = new DataView(key.buffer, key.byteOffset).getUint32(0) / 2;
        context.model.check(index, value);
      });
      expect(entries).toBe(context.model.liveEntries);
      expect(store.flushes).toBeGreaterThan(9);
    },
  );
});
