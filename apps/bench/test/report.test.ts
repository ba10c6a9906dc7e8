import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { barCharts } from '../src/report/charts.ts';
import { renderReport } from '../src/report/html-report.ts';
import { parseResultsCsv, resultsToCsv } from '../src/report/results-csv.ts';
import { clearBest, spreadOf, summarize } from '../src/report/summary.ts';
import { tailCharts } from '../src/report/tail-charts.ts';
import { renderTable } from '../src/report/terminal-table.ts';
import { tradeOffCharts } from '../src/report/trade-off-charts.ts';
import type { BenchResults } from '../src/results.ts';
import { LatencyRecorder } from '../src/run/latency-recorder.ts';
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

describe('tailCharts', () => {
  const experiment = RESULTS.experiments[0]!;
  const [load, missing] = tailCharts(experiment, 'real', 'x');

  test('joins the variants over one axis of latencies, medians of the repeats', () => {
    expect(load!.us).toEqual([2, 4008, 8008, 9018, 18_018]);
    expect(load!.series).toEqual([
      { name: 'leveled', shares: [0.25, 0.1, null, 0.01, null] },
      { name: 'tiered', shares: [0.25, null, 0.1, null, 0.01] },
    ]);
  });

  test('keeps of equal latencies the smallest share, since so few took longer', () => {
    expect(load!.us.filter((us) => us === 2)).toEqual([2]);
    expect(load!.series[0]!.shares[0]).toBe(0.25);
  });

  test('gives all phases the same axes', () => {
    const axes = { usMin: 2, usMax: 36_036, shareMin: 0.01 };
    expect(load).toMatchObject(axes);
    expect(missing).toMatchObject({ ...axes, title: 'lookup missing' });
  });

  test('leaves out what was called too seldom to have a tail', () => {
    const rare = experiment.runs.map((run) => ({
      ...run,
      phases: run.phases.map((phase) => ({
        ...phase,
        latencies: phase.latencies.map((one) => ({
          ...one,
          count: phase.name === 'load' ? 3 : 20,
        })),
      })),
    }));
    const charts = tailCharts({ ...experiment, runs: rare }, 'real', 'x');
    expect(charts.map(({ title }) => title)).toEqual(['lookup missing']);
  });
});

describe('tradeOffCharts', () => {
  const experiment = RESULTS.experiments[0]!;

  test('has a point for each repeat of each variant', () => {
    const [reads] = tradeOffCharts(experiment, 'real', 'x');
    expect(reads).toMatchObject({ xLabel: 'write amplification', id: 'x-trade-off-read' });
    expect(reads!.series).toEqual(
      ['leveled', 'tiered'].map((name) => ({
        name,
        points: Array.from({ length: 3 }, () => ({ x: 6, y: 0.9 })),
      })),
    );
  });

  test('is empty when only one variant counted', () => {
    const runs = experiment.runs.map((run) =>
      run.variant === 'leveled' ? run : { ...run, amplification: null },
    );
    expect(tradeOffCharts({ ...experiment, runs }, 'real', 'x')).toEqual([]);
  });
});

describe('LatencyRecorder', () => {
  test('reads the tail from most calls to the slowest one', () => {
    const recorder = new LatencyRecorder();
    for (let i = 1; i <= 1000; i++) recorder.record('put', i / 1000);
    const { count, tail, maxUs, p99Us } = recorder.results()[0]!;
    expect(count).toBe(1000);
    expect(tail.map(({ share }) => share)).toEqual([
      0.99, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001,
    ]);
    expect(tail.find(({ share }) => share === 0.01)!.us).toBe(p99Us);
    expect(tail.at(-1)).toEqual({ share: 1 / count, us: maxUs });
    for (const { share, us } of tail.slice(0, -1)) {
      // Of 1 … 1000 µs, as many took longer; the histogram keeps three digits.
      expect(Math.abs(us - 1000 * (1 - share))).toBeLessThanOrEqual(1.5);
    }
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

  test('puts one moment at one place in the level map and the chart above it', () => {
    const [, left, right] = /const LEFT = (\d+);\s+const RIGHT = (\d+);/.exec(page)!;
    const [, column, gap] = /grid-template-columns: (\d+)px 1fr;\s+gap: 3px (\d+)px;/.exec(page)!;
    expect(Number(column) + Number(gap)).toBe(Number(left));
    expect(page).toContain(`padding-right: ${right}px;`);
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
      'Latency p50 (logarithmic)',
      'Latency p99 (logarithmic)',
      'Latency p99.9 (logarithmic)',
      'Amplification, from counted bytes (×)',
      'Time that writers were held back, whole run (ms)',
      'Writes against reads',
      'Writes against runs',
      'Writes against space',
      'load',
      'lookup missing',
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
