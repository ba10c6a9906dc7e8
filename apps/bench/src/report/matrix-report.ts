/** The report of `matrix`: choices, demands, then each workload with its figures, trade-offs and level maps. */

import { readCost } from '../matrix/choices.ts';
import { DIFFERENCE_MIN, FIGURE_TITLES, figureOf } from '../matrix/differences.ts';
import type {
  CellFigures,
  Difference,
  FigureName,
  MatrixCell,
  MatrixResults,
} from '../matrix/results.ts';
import type { BarChart, Chart, ScatterChart } from './charts.ts';
import { digits, formatBytes, formatCount, formatSeconds } from './format.ts';
import { escapeText, type LevelMapSource, levelMap, levelMapScale } from './level-map.ts';
import { environmentTable, grid, placeOf, renderPage } from './page.ts';

/** The whole page. */
export function renderMatrixReport(results: MatrixResults): string {
  const charts: Chart[] = [];
  const sections = results.workloads.map(({ name, title }, i) =>
    workloadSection(results, name, title, `w${i}`, charts),
  );
  const { config, calibration, seconds } = results;
  const memtable = `a memtable holds ${calibration.memtablePuts} entries of ${config.keyBytes} + ${config.valueBytes} bytes`;
  const body = `<h1>@lsm bench: strategies × workloads × sizes</h1>
<p><code>${escapeText(results.command)}</code></p>
<p class="lead">${escapeText(`${results.startedAt} · sizes ${config.sizes.map((size) => `${size}x`).join(', ')} a memtable (${memtable}) · seed ${config.seed} · took ${formatSeconds(seconds)}`)}</p>
<h2>Choose a strategy</h2>
<p>Made from the figures below, at the largest size of each workload. “Together” is the least geometric mean of what a strategy pays over the best for writes, reads and space.</p>
${choiceTable(results)}
<h2>What has to hold</h2>
${verdictTable(results)}
<h2>Workloads</h2>
<p>Each figure stands as: <b>engine</b>, counted · simulator · <code>predict</code>, the strategy’s formula. <span class="off">†</span> marks what is more than ${DIFFERENCE_MIN * 100} % from the engine’s figure; why is said below the charts of each workload.</p>
${sections.join('\n')}
<h2>How it was measured</h2>
<ul>${METHOD.map((sentence) => `<li>${escapeText(sentence)}</li>`).join('')}</ul>
${checkList(results.cells)}
<h2>Environment</h2>
${environmentTable(results.environment)}
<h2>Settings</h2>
<pre>${escapeText(JSON.stringify({ config, calibration }, null, 2))}</pre>`;
  return renderPage(`@lsm bench matrix, ${results.startedAt}`, body, charts, results);
}

function choiceTable({ choices }: MatrixResults): string {
  const rows = choices.map(({ workload, title, size, writes, reads, space, balanced }) => [
    `<b>${escapeText(workload)}</b> (${size}x)<br><small>${escapeText(title)}</small>`,
    ...[writes, reads, space, balanced].map(escapeText),
  ]);
  const head = ['workload', 'writes least', 'reads cheapest', 'takes least space', 'together'];
  return table([head], rows, 'words');
}

function verdictTable({ verdicts }: MatrixResults): string {
  if (verdicts.length === 0) {
    return '<p>Nothing: that takes the workload uniform under leveled and tiered or hybrid.</p>';
  }
  const rows = verdicts.map(({ claim, holds, evidence }) => [
    escapeText(claim),
    holds === null ? 'reported' : holds ? 'holds' : '<b class="fails">fails</b>',
    escapeText(evidence),
  ]);
  return table([['claim', '', 'figures']], rows, 'words');
}

function workloadSection(
  results: MatrixResults,
  name: string,
  title: string,
  id: string,
  charts: Chart[],
): string {
  const cells = results.cells.filter(({ workload }) => workload === name);
  if (cells.length === 0) return '';
  const strategies = [...new Set(cells.map(({ strategy }) => strategy))];
  const bars = writeBars(cells, strategies, id);
  const tradeOffs = tradeOffCharts(cells, strategies, id);
  charts.push(...bars, ...tradeOffs);
  return [
    `<h3>${escapeText(name)}: ${escapeText(title)}</h3>`,
    cellTable(cells),
    ...bars.map(placeOf),
    grid(
      'Trade-offs on the engine, a ring per size (nearer to the corner is better)',
      tradeOffs,
      strategies,
    ),
    levelMaps(cells),
    differenceList(cells),
  ].join('\n');
}

const HEAD: readonly (readonly [string, number])[] = [
  ['', 1],
  ['write amplification', 3],
  ['runs, mean (most)', 3],
  ['space, mean (most)', 3],
  ['blocks per hit', 2],
  ['per miss', 2],
  ['per scan of 10', 2],
  ['largest merge', 2],
  ['log', 1],
  ['at full speed', 2],
];

function cellTable(cells: readonly MatrixCell[]): string {
  const groups = HEAD.map(([text, span]) => `<th colspan="${span}">${text}</th>`).join('');
  const names = HEAD.map(([, span]) => {
    const sources = ['engine', 'sim.', 'predict'].slice(0, span);
    if (span === 1) return '<th></th>';
    return sources.map((source) => `<th>${source}</th>`).join('');
  });
  // The last group is not of the three sources.
  names[names.length - 1] = '<th>operations/s</th><th>stalls</th>';
  let size = -1;
  const rows = cells
    .toSorted((a, b) => a.size - b.size)
    .map((cell) => {
      const title =
        cell.size === size
          ? ''
          : `<tr class="phase"><td colspan="21">${cell.size}x a memtable <small>${formatCount(cell.entries)} entries, ${formatBytes(cell.extras.compactedBytes)} as one compacted copy</small></td></tr>`;
      ({ size } = cell);
      return `${title}<tr><td>${escapeText(cell.strategy)}</td>${cellColumns(cell).join('')}</tr>`;
    });
  return `<div class="scroll"><table class="matrix"><thead><tr>${groups}</tr><tr>${names.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function cellColumns(cell: MatrixCell): string[] {
  const { engine, simulator, predicted, extras, differences } = cell;
  const most: Partial<Record<FigureName, (figures: CellFigures) => number>> = {
    runs: (figures) => figures.runsMax,
    space: (figures) => figures.spaceMax,
  };
  const text = (figures: CellFigures, figure: FigureName): string => {
    const value = figureOf(figures, figure);
    if (value === null) return '–';
    const max = most[figure];
    return `${rounded(value)}${max === undefined ? '' : ` (${rounded(max(figures))})`}`;
  };
  const mark = (figure: FigureName, by: Difference['by']): string =>
    differences.some((one) => one.figure === figure && one.by === by)
      ? '<span class="off">†</span>'
      : '';
  const columns = (figure: FigureName, foretold?: number): string[] => [
    `<td><b>${text(engine, figure)}</b></td>`,
    `<td>${text(simulator, figure)}${mark(figure, 'simulator')}</td>`,
    ...(foretold === undefined ? [] : [`<td>${rounded(foretold)}${mark(figure, 'predict')}</td>`]),
  ];
  const none = Number.NaN;
  const { fullSpeed, logAmplification } = extras;
  return [
    ...columns('writes', predicted?.writeAmplification ?? none),
    ...columns('runs', predicted?.runs ?? none),
    ...columns('space', predicted?.spaceAmplification ?? none),
    ...columns('hit'),
    ...columns('miss'),
    ...columns('scan'),
    ...columns('task'),
    `<td>${logAmplification === null ? '–' : digits(logAmplification)}</td>`,
    `<td>${fullSpeed === null ? readRates(cell) : `${formatCount(fullSpeed.operationsPerSecond)}/s`}</td>`,
    `<td>${fullSpeed === null ? '–' : `${fullSpeed.stalls} (${formatSeconds(fullSpeed.stallMs / 1000)})`}</td>`,
  ].map((column) => column.replace('NaN', '–'));
}

/** Two digits behind the point at most: these are means over a few thousand reads. */
function rounded(value: number): string {
  return Math.abs(value) < 1 ? value.toFixed(2) : digits(value);
}

function readRates({ extras }: MatrixCell): string {
  if (extras.readRates.length === 0) return '–';
  return extras.readRates
    .map(({ phase, perSecond }) => `${escapeText(phase)} ${formatCount(perSecond)}/s`)
    .join('<br>');
}

function differenceList(cells: readonly MatrixCell[]): string {
  const rows = cells.flatMap(({ strategy, size, differences }) =>
    differences.map(({ figure, by, measured, foretold, reasons }) => [
      escapeText(`${size}x ${strategy}`),
      FIGURE_TITLES[figure],
      digits(measured),
      `${by} ${digits(foretold)}`,
      escapeText(`${reasons.join('; ')}.`),
    ]),
  );
  if (rows.length === 0) return '<p>Nothing is more than a quarter off.</p>';
  const head = [['cell', 'figure', 'engine', 'foretold', 'why']];
  return `<details open><summary>${rows.length} figures lie more than ${DIFFERENCE_MIN * 100} % from what was foretold, and why</summary>${table(head, rows, 'words reasons')}</details>`;
}

function writeBars(
  cells: readonly MatrixCell[],
  strategies: readonly string[],
  id: string,
): BarChart[] {
  const sizes = [...new Set(cells.map(({ size }) => size))].sort((a, b) => a - b);
  const sources: readonly (readonly [string, (cell: MatrixCell) => number | null])[] = [
    ['engine', ({ engine }) => engine.writeAmplification],
    ['simulator', ({ simulator }) => simulator.writeAmplification],
    ['predict', ({ predicted }) => predicted?.writeAmplification ?? null],
  ];
  const series = strategies.map((name) => {
    const values = sizes.flatMap((size) =>
      sources.map(([, read]) => {
        const cell = cells.find((one) => one.size === size && one.strategy === name);
        return cell === undefined ? null : read(cell);
      }),
    );
    return { name, median: values, low: values, high: values };
  });
  const chart: BarChart = {
    kind: 'bars',
    id: `${id}-writes`,
    title: 'Write amplification (flushes and merges; the log apart)',
    unit: '×',
    logarithmic: false,
    categories: sizes.flatMap((size) => sources.map(([source]) => `${size}x ${source}`)),
    series,
  };
  return series.some(({ median }) => median.some((value) => value !== null)) ? [chart] : [];
}

const AXES: readonly {
  readonly suffix: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: (cell: MatrixCell) => number | null;
  readonly y: (cell: MatrixCell) => number | null;
}[] = [
  {
    suffix: 'read',
    title: 'Writes against reads',
    xLabel: 'write amplification',
    yLabel: 'blocks per read',
    x: ({ engine }) => engine.writeAmplification,
    y: ({ engine, workload }) => readCost(engine, workload),
  },
  {
    suffix: 'space',
    title: 'Writes against space',
    xLabel: 'write amplification',
    yLabel: 'space amplification',
    x: ({ engine }) => engine.writeAmplification,
    y: ({ engine }) => engine.spaceMean,
  },
  {
    suffix: 'both',
    title: 'Reads against space',
    xLabel: 'blocks per read',
    yLabel: 'space amplification',
    x: ({ engine, workload }) => readCost(engine, workload),
    y: ({ engine }) => engine.spaceMean,
  },
];

function tradeOffCharts(
  cells: readonly MatrixCell[],
  strategies: readonly string[],
  id: string,
): ScatterChart[] {
  if (strategies.length < 2) return [];
  return AXES.flatMap(({ suffix, title, xLabel, yLabel, x, y }) => {
    const series = strategies.map((name) => ({
      name,
      points: cells
        .filter(({ strategy }) => strategy === name)
        .flatMap((cell) => {
          const point = { x: x(cell), y: y(cell) };
          return point.x === null || point.y === null ? [] : [{ x: point.x, y: point.y }];
        }),
    }));
    if (series.every(({ points }) => points.length === 0)) return [];
    return [{ kind: 'scatter' as const, id: `${id}-${suffix}`, title, xLabel, yLabel, series }];
  });
}

/** The largest size: the engine's tree, and the simulator's beside it. */
function levelMaps(cells: readonly MatrixCell[]): string {
  const largest = Math.max(...cells.map(({ size }) => size));
  const shown = cells.filter(({ size }) => size === largest);
  const sources = shown.flatMap(({ strategy, engine, simulator }) => [
    mapOf(`${strategy}, engine`, engine),
    mapOf(`${strategy}, simulator`, simulator),
  ]);
  const end = Math.max(...sources.flatMap(({ samples }) => samples.map(({ at }) => at)));
  const scale = levelMapScale(sources, end, (at) => `${formatCount(Math.round(at))} operations`);
  const maps = sources.map((source) => `<div>${levelMap(source, scale)}</div>`);
  return `<details open><summary>Bytes by level over the operations, at ${largest}x</summary><div class="pairs">${maps.join('')}</div></details>`;
}

function mapOf(title: string, { samples }: CellFigures): LevelMapSource {
  return { title, samples: samples.map(({ operations, levels }) => ({ at: operations, levels })) };
}

function checkList(cells: readonly MatrixCell[]): string {
  const items = cells.flatMap(({ strategy, workload, size, checks }) =>
    checks.map(
      ({ claim, evidence }) =>
        `<li>${escapeText(`${workload}, ${size}x, ${strategy}: ${claim}: ${evidence}`)}</li>`,
    ),
  );
  return `<details><summary>${items.length} proofs that tables and filters were really read and answers right</summary><ul>${items.join('')}</ul></details>`;
}

/** Rows of HTML. */
function table(
  heads: readonly (readonly string[])[],
  rows: readonly (readonly string[])[],
  className: string,
): string {
  const head = heads
    .map((cells) => `<tr>${cells.map((cell) => `<th>${cell}</th>`).join('')}</tr>`)
    .join('');
  const body = rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
    .join('');
  return `<div class="scroll"><table class="${className}"><thead>${head}</thead><tbody>${body}</tbody></table></div>`;
}

/** How the figures come about, one sentence each. */
const METHOD: readonly string[] = [
  'Each cell is a new database on disk that lives through the workload, and the same workload, with the same draws from the same seed, on the simulator of @lsm/compaction: the same planner, admission, merge and drop rules, tables in memory. Reads of both are checked against a model; of the engine also the whole content, byte by byte, at the end.',
  'A size is a number of memtables that the data fill. Memtables are small (and tables as large as a memtable), so that few megabytes make as deep a tree as gigabytes do with large ones; what counts is the ratio. How many entries a memtable takes and how many bytes they take in a table is measured first, and given to the simulator.',
  'After each flush the workload waits until no work is left. So what is counted depends on the operations alone, not on the speed of this machine, and can be compared with a simulator that knows no time. Only the columns “at full speed” are measured without waiting, where a workload goes on after its figures were taken: they are reported and depend on the machine.',
  'Write amplification is bytes of flushes and merges ÷ bytes of keys and values, from the first to the last operation after loading (fillseq: of loading), everything that they cause included. The log is shown apart. A table costs more than its keys and values (sequence numbers, indexes, filters), so that a flush alone counts for more than 1.',
  'Runs and space are means over the moments after each flush when all work was done; the most is in parentheses. Space is bytes of live tables ÷ bytes that the live entries of that moment take in one compacted copy.',
  'Blocks per read: at each of those moments some live keys are looked up, some keys that do not exist between live ones, and some scans of ten entries begin at live keys; blocks looked into are counted, in the cache or not. Filters are Bloom filters, bits dealt by Monkey; the combined index over the newest runs, hash indexes and compression are off, for they would hide what the tree costs.',
  'In the simulator, filters and blocks are by formula: a run asked in vain costs the false positive rate that Monkey gives it, a scan the entries that it passes and a block to begin with in each run.',
  'predict is the strategy’s closed form: it knows the size of data and flushes, not the workload. It stands beside the figures as a first guess; where it is off, the reasons are computed from what was counted in the cell.',
  'The largest merge is bytes read by one task ÷ bytes of one compacted copy at the end, over the whole run.',
];
