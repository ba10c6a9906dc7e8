/** The report of `compare`, `workload` and `peers`. */
import type { BenchResults, ExperimentResult } from '../results.ts';
import { barCharts, type Chart, firstRuns, timeCharts } from './charts.ts';
import { digits, formatBytes, formatSeconds } from './format.ts';
import { escapeText, levelMap, levelMapScale, sourceOf } from './level-map.ts';
import { METHOD } from './method.ts';
import { environmentTable, grid, placeOf, renderPage } from './page.ts';
import { type SummaryRow, summarize, type WorkloadSummary } from './summary.ts';
import { tailCharts } from './tail-charts.ts';
import { formatSpread, TABLE_LEGEND } from './terminal-table.ts';
import { tradeOffCharts } from './trade-off-charts.ts';

/** Head of the figures that belong to no phase. */
const WHOLE_RUN = 'whole run';

/** The whole page. */
export function renderReport(results: BenchResults): string {
  const charts: Chart[] = [];
  const sections = results.experiments.map((experiment, i) =>
    experimentSection(experiment, `e${i}`, charts),
  );
  const body = `<h1>@lsm bench</h1>
<p><code>${escapeText(results.command)}</code></p>
<p class="lead">${escapeText(headline(results))}</p>
${sections.join('\n')}
<h2>How it was measured</h2>
<ul>${METHOD.map((sentence) => `<li>${escapeText(sentence)}</li>`).join('')}</ul>
<h2>Environment</h2>
${environmentTable(results.environment)}
<h2>Settings</h2>
<pre>${escapeText(settingsText(results))}</pre>`;
  return renderPage(`@lsm bench, ${results.startedAt}`, body, charts, results);
}

function headline(results: BenchResults): string {
  const rate = results.rate === null ? 'closed loop' : `${results.rate} operations/s offered`;
  return `${results.startedAt} · durability “${results.durability}” for every write · up to ${results.repeats} interleaved repeats · seed ${results.seed} · ${rate} · took ${formatSeconds(results.seconds)}`;
}

function experimentSection(experiment: ExperimentResult, id: string, charts: Chart[]): string {
  const parts = [
    `<h2>${escapeText(experiment.title)}</h2>`,
    `<p>${escapeText(experiment.data)}</p>`,
  ];
  summarize(experiment).forEach((summary, i) => {
    const place = `${id}w${i}`;
    const bars = barCharts(summary, place);
    const tradeOffs = tradeOffCharts(experiment, summary.workload, place);
    const tails = tailCharts(experiment, summary.workload, place);
    const times = timeCharts(experiment, summary.workload, place);
    charts.push(...bars, ...tradeOffs, ...tails, ...times);
    parts.push(
      `<h3>${escapeText(summary.workload)}: ${escapeText(summary.title)}</h3>`,
      summaryTable(summary),
      `<p class="muted">${escapeText(TABLE_LEGEND)}</p>`,
      ...bars.map(placeOf),
      grid(
        'Trade-offs, a ring per repeat (nearer to the corner is better)',
        tradeOffs,
        summary.variants,
      ),
      grid(
        'Tails: share of calls that took longer, median of the repeats',
        tails,
        summary.variants,
      ),
      overTime(experiment, summary.workload, times),
    );
  });
  parts.push(filterTable(experiment), checkList(experiment));
  return parts.join('\n');
}

function summaryTable(summary: WorkloadSummary): string {
  const head = ['', ...summary.variants].map((name) => `<th>${escapeText(name)}</th>`).join('');
  let phase = '';
  const rows = summary.rows.map((row) => {
    const title =
      row.phase === phase
        ? ''
        : `<tr class="phase"><td colspan="${summary.variants.length + 1}">${escapeText(row.phase === '' ? WHOLE_RUN : row.phase)} <small>${escapeText(row.calls)}</small></td></tr>`;
    phase = row.phase;
    return title + figureRow(row);
  });
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function figureRow(row: SummaryRow): string {
  const cells = row.spreads.map(
    (spread, i) =>
      `<td${row.best === i ? ' class="best"' : ''}>${row.best === i ? '* ' : ''}${escapeText(formatSpread(spread, row.unit))}</td>`,
  );
  return `<tr><td>${escapeText(row.figure)}</td>${cells.join('')}</tr>`;
}

function overTime(experiment: ExperimentResult, workload: string, times: readonly Chart[]): string {
  const runs = firstRuns(experiment, workload);
  if (runs.length === 0) return '';
  const sources = runs.map(sourceOf);
  const end = Math.max(...runs.map(({ seconds }) => seconds));
  const scale = levelMapScale(sources, end, (at) => (at === 0 ? '0 s' : formatSeconds(at)));
  const parts = sources.map(
    (source, i) => `<div class="over-time">${placeOf(times[i]!)}${levelMap(source, scale)}</div>`,
  );
  return `<h4>Over time, first repeat: operations per second (shaded: phases; red: stalls), then bytes per level</h4>${parts.join('')}`;
}

function filterTable(experiment: ExperimentResult): string {
  const rows = experiment.variants.flatMap(({ name }) => {
    const run = experiment.runs.find((one) => one.variant === name && one.filters !== null);
    if (run?.filters === null || run?.filters === undefined) return [];
    const { levels, bytes, bitsPerKeyMean, falsePositivesPerMiss, falsePositiveRate } = run.filters;
    const shape = levels
      .map((one) => `L${one.level}: ${digits(one.bitsPerKey)} bits × ${one.entries}`)
      .join(', ');
    const cells = [
      name,
      run.workload,
      shape,
      digits(bitsPerKeyMean),
      formatBytes(bytes),
      percent(falsePositivesPerMiss),
      percent(falsePositiveRate),
    ];
    return [`<tr>${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join('')}</tr>`];
  });
  if (rows.length === 0) return '';
  const head = [
    'variant',
    'workload',
    'bits per key × entries, by level at the end',
    'mean bits',
    'memory',
    'false positives per missing key',
    'per probe',
  ];
  return `<h3>Filters, first repeat, as counted</h3><div class="scroll"><table><thead><tr>${head.map((name) => `<th>${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function percent(share: number | null): string {
  return share === null ? '–' : `${digits(share * 100)} %`;
}

function checkList(experiment: ExperimentResult): string {
  const items = experiment.runs.flatMap((run) =>
    run.checks.map(
      ({ claim, evidence }) =>
        `<li>${escapeText(`${run.workload}, ${run.variant}, repeat ${run.repeat}: ${claim}: ${evidence}`)}</li>`,
    ),
  );
  return `<details><summary>${items.length} proofs that tables and filters were really read and answers right</summary><ul>${items.join('')}</ul></details>`;
}

function settingsText(results: BenchResults): string {
  const settings = results.experiments.map(({ name, variants, workloads }) => ({
    name,
    variants,
    workloads: workloads.map((workload) => workload.name),
  }));
  return JSON.stringify(settings, null, 2);
}
