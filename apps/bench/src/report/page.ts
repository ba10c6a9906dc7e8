/**
 * A report page: one HTML file that needs nothing else. Style, script, uPlot and all data are inside; it works from
 * disk, offline, in light and dark.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Chart } from './charts.ts';
import { escapeText } from './level-map.ts';

/** Colours of variants in page.css; then they begin again, as in page.client.js. */
const SERIES_COLORS = 8;

/**
 * The whole page.
 *
 * @param body - HTML
 * @param charts - drawn where the body has their places
 * @param results - kept in the page as JSON
 */
export function renderPage(
  title: string,
  body: string,
  charts: readonly Chart[],
  results: unknown,
): string {
  const require = createRequire(import.meta.url);
  const plot = dirname(require.resolve('uplot'));
  const plotFile = (file: string): string => readFileSync(join(plot, file), 'utf8');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>${plotFile('uPlot.min.css')}
${own('page.css')}</style>
</head>
<body>
<button id="scheme" type="button">light / dark</button>
${body}
<script type="application/json" id="charts">${embed(charts)}</script>
<script type="application/json" id="results">${embed(results)}</script>
<script>${plotFile('uPlot.iife.min.js')}</script>
<script>${own('page.client.js')}</script>
</body>
</html>
`;
}

/** The text of a file beside this one. */
function own(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

/** JSON that can stand inside a script element. */
function embed(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** Where a chart is drawn. */
export const placeOf: (chart: Chart) => string = ({ id }) => `<div class="chart" id="${id}"></div>`;

/** Small charts beside each other, with one key for all. */
export function grid(title: string, charts: readonly Chart[], variants: readonly string[]): string {
  if (charts.length === 0) return '';
  const keys = variants.map(
    (name, i) => `<span class="key-${(i % SERIES_COLORS) + 1}">${escapeText(name)}</span>`,
  );
  return `<h4>${escapeText(title)}</h4><p class="key">${keys.join(' ')}</p><div class="grid">${charts.map(placeOf).join('')}</div>`;
}

/** What was measured on. */
export function environmentTable(
  environment: Readonly<Record<string, string | number | null>>,
): string {
  const rows = Object.entries(environment).map(
    ([name, value]) =>
      `<tr><td>${escapeText(name)}</td><td>${escapeText(String(value ?? 'unknown'))}</td></tr>`,
  );
  return `<div class="scroll"><table><tbody>${rows.join('')}</tbody></table></div>`;
}
