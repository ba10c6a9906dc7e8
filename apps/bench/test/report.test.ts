import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { barCharts } from '../src/report/charts.ts';
import { renderReport } from '../src/report/html-report.ts';
import { parseResultsCsv, resultsToCsv } from '../src/report/results-csv.ts';
import { clearBest, spreadOf, summarize } from '../src/report/summary.ts';
import { renderTable } from '../src/report/terminal-table.ts';
import type { BenchResults } from '../src/results.ts';
import { RESULTS } from './fixture.ts';

const summary = summarize(RESULTS.experiments[0]!)[0]!;

describe('summarize', () => {
  test('takes the median and the range of the repeats', () => {
    const row = summary.rows.find((one) => one.phase === 'load' && one.figure === 'operations')!;
    expect(row.spreads).toEqual([
      { median: 1002, low: 1001, high: 1003, repeats: 3 },
      { median: 2002, low: 2001, high: 2003, repeats: 3 },
    ]);
    expect(row.best).toBe(1);
  });

  test('calls nobody best when ranges touch or all are equal', () => {
    const a = spreadOf([4, 5, 6]);
    expect(clearBest([a, spreadOf([6, 7, 8])], 'more')).toBe(-1);
    expect(clearBest([a, spreadOf([7, 8, 9])], 'more')).toBe(1);
    expect(clearBest([a, spreadOf([7, 8, 9])], 'less')).toBe(0);
    expect(clearBest([a, null], 'more')).toBe(-1);
    expect(clearBest([spreadOf([1, 2]), spreadOf([5, 6])], 'more')).toBe(-1);
    expect(summary.rows.find((row) => row.figure === 'write amplification')!.best).toBe(-1);
  });

  test('takes the mean of the middle two of an even number', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1, high: 4, repeats: 4 });
    expect(spreadOf([])).toBeNull();
  });
});

describe('renderTable', () => {
  test('names units, durability and columns in the order of the variants', () => {
    const lines = renderTable(summary, 'os', false).split('\n');
    expect(lines[1]).toMatch(/real \(durability os\).*leveled.*tiered/);
    expect(lines.find((line) => line.includes('load'))).toMatch(/1002\/s.*\* 2002\/s/);
    expect(lines.find((line) => line.includes('p99 '))).toContain('2 µs · 9.25 µs · 30 µs');
    expect(lines.find((line) => line.includes('write stalls'))).toContain('24 ms');
  });
});

describe('results.csv', () => {
  test('gives every figure back', () => {
    const rows = parseResultsCsv(resultsToCsv(RESULTS));
    const phases = RESULTS.experiments[0]!.runs.flatMap((run) =>
      run.phases.map((phase) => ({ run, phase })),
    );
    expect(rows.length).toBe(phases.length);
    phases.forEach(({ run, phase }, i) => {
      const row = rows[i]!;
      expect(row['variant']).toBe(run.variant);
      expect(row['calls']).toBe(phase.calls);
      expect(Number(row['operations_per_second'])).toBe(phase.operationsPerSecond);
      expect(Number(row['max_us'])).toBe(phase.latencies[0]!.maxUs);
      expect(Number(row['space_amplification'])).toBe(run.amplification!.space);
    });
  });
});

describe('report.html', () => {
  const page = renderReport(RESULTS);
  const jsonOf = (id: string): unknown => {
    const start = page.indexOf('>', page.indexOf(`id="${id}">`)) + 1;
    return JSON.parse(page.slice(start, page.indexOf('</script>', start)));
  };

  test('holds all results', () => {
    expect(jsonOf('results')).toEqual(RESULTS);
  });

  test('loads nothing from anywhere', () => {
    expect(page).not.toMatch(/\b(src|href|action|data-src|poster)\s*=/i);
    expect(page).not.toMatch(
      /@import|url\(|<link|<iframe|<img|\bfetch\(|XMLHttpRequest|\bimport\(/i,
    );
  });

  test('shows names that look like markup as text', () => {
    expect(page).toContain('compare &lt;x&gt;');
    expect(page).toContain('merge to level 3 &lt;b&gt;');
    expect(page.match(/<script\b/g)!.length).toBe(page.match(/<\/script>/g)!.length);
  });

  test('has a place for every chart, and the level map of every variant', () => {
    for (const { id } of jsonOf('charts') as { id: string }[]) {
      expect(page.split(`id="${id}"`).length).toBe(2);
    }
    expect(page.split('class="level-map"').length).toBe(3);
    expect(page).toContain('L3');
  });

  test('draws every chart when its script runs', () => {
    const drawn: { title: string; columns: number }[] = [];
    const element = { clientWidth: 800, textContent: '', addEventListener: () => {} };
    function uPlot(options: { title: string; series: unknown[] }, data: unknown[][]): void {
      expect(data.length).toBe(options.series.length);
      for (const column of data) expect(column.length).toBe(data[0]!.length);
      drawn.push({ title: options.title, columns: data.length });
    }
    uPlot.paths = { bars: () => null };
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]!);
    runInNewContext(scripts.at(-1)!, {
      uPlot,
      document: {
        documentElement: { dataset: {} },
        getElementById: (id: string) =>
          id === 'charts' ? { textContent: JSON.stringify(jsonOf('charts')) } : element,
      },
      getComputedStyle: () => ({ getPropertyValue: () => '#123456' }),
      matchMedia: () => ({ matches: false, addEventListener: () => {} }),
      addEventListener: () => {},
    });
    expect(drawn.map(({ title }) => title)).toEqual([
      'Throughput (operations/s)',
      'Latency p50 (µs, logarithmic)',
      'Latency p99 (µs, logarithmic)',
      'Latency p99.9 (µs, logarithmic)',
      'Amplification, from counted bytes (×)',
      'Time that writers were held back, whole run (ms)',
      'leveled: operations per second over time',
      'tiered: operations per second over time',
    ]);
  });

  test('does without what a store does not count', () => {
    const bare: BenchResults = {
      ...RESULTS,
      experiments: RESULTS.experiments.map((experiment) => ({
        ...experiment,
        runs: experiment.runs.map((one) => ({
          ...one,
          samples: [],
          events: [],
          amplification: null,
          filters: null,
          phases: one.phases.map((phase) => ({ ...phase, counters: null })),
        })),
      })),
    };
    const text = renderReport(bare);
    expect(text).not.toContain('class="level-map"');
    expect(text).not.toContain('NaN');
    expect(barCharts(summarize(bare.experiments[0]!)[0]!, 'x').map(({ title }) => title)).toEqual([
      'Throughput',
      'Latency p50',
      'Latency p99',
      'Latency p99.9',
    ]);
  });
});
