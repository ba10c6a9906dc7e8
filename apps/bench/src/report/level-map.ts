/**
 * The level map: bytes of each level over time as stacked areas, the newest level on top, with a lane each for flushes,
 * compactions and stalls below. Made when the report is made; the shapes are SVG that stretches with the page, the text
 * is HTML that doesn't, and the sides are as wide as those of the charts, so that one moment is one place in all.
 */
import type { EventResult, RunResult, ShapeSample } from '../results.ts';
import { formatBytes, formatSeconds } from './format.ts';

const WIDTH = 1000;
const HEIGHT = 100;

/** What is marked below the areas, with the name of its lane. */
const LANES: readonly (readonly [EventResult['kind'], string])[] = [
  ['flush', 'flushes'],
  ['compaction', 'compactions'],
  ['stall', 'stalls'],
];

/** Scales shared by all variants of a workload. */
export interface LevelMapScale {
  readonly secondsMax: number;
  readonly bytesMax: number;
  /** All levels that occur, newest first; a level's place decides its colour. */
  readonly levels: readonly number[];
}

/** The scale that fits all of some runs. */
export function levelMapScale(runs: readonly RunResult[]): LevelMapScale {
  const bytes = runs.flatMap((run) => run.samples.map(treeBytes));
  return {
    secondsMax: Math.max(0.001, ...runs.map((run) => run.seconds)),
    bytesMax: Math.max(1, ...bytes),
    levels: [...new Set(runs.flatMap(levelsOf))].sort((a, b) => a - b),
  };
}

/** Draws the map of one run. */
export function levelMap(run: RunResult, scale: LevelMapScale): string {
  const label = `Bytes per level over time, ${escapeText(run.variant)}`;
  return [
    `<div class="level-map" role="img" aria-label="${label}">`,
    bytesAxis(scale),
    `<svg class="areas" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${areas(run, scale)}</svg>`,
    ...LANES.map(([kind, name]) => lane(run, kind, name, scale)),
    `<div class="seconds"><span>0 s</span><span>${formatSeconds(scale.secondsMax / 2)}</span><span>${formatSeconds(scale.secondsMax)}</span></div>`,
    legend(run, scale),
    '</div>',
  ].join('');
}

const placeOf = (ms: number, { secondsMax }: LevelMapScale): number =>
  (ms / 1000 / secondsMax) * WIDTH;

function areas(run: RunResult, scale: LevelMapScale): string {
  const y = (bytes: number): number => HEIGHT - (bytes / scale.bytesMax) * HEIGHT;
  const line = (bytes: readonly number[]): string[] =>
    run.samples.map((s, i) => `${fixed(placeOf(s.atMs, scale))},${fixed(y(bytes[i]!))}`);
  const last = run.samples.at(-1);
  let below = run.samples.map(() => 0);
  return levelsOf(run)
    .sort((a, b) => b - a)
    .map((level) => {
      const above = run.samples.map((sample, i) => below[i]! + bytesOf(sample, level));
      const points = [...line(above), ...line(below).toReversed()].join(' ');
      const bytes = last === undefined ? 0 : bytesOf(last, level);
      const title = `level ${level}: ${formatBytes(bytes)} at the end`;
      below = above;
      return `<polygon class="level-${colorOf(level, scale)}" points="${points}"><title>${title}</title></polygon>`;
    })
    .join('');
}

/** Every event of one kind, on a line of its own. */
function lane(
  run: RunResult,
  kind: EventResult['kind'],
  name: string,
  scale: LevelMapScale,
): string {
  const marks = run.events
    .filter((event) => event.kind === kind)
    .map(({ startMs, endMs, detail }) => {
      const left = placeOf(startMs, scale);
      const width = Math.max(1, placeOf(endMs, scale) - left);
      const title = `${kind}, ${formatSeconds((endMs - startMs) / 1000)}: ${detail}`;
      return `<rect class="mark-${kind}" x="${fixed(left)}" y="0" width="${fixed(width)}" height="1"><title>${escapeText(title)}</title></rect>`;
    });
  return `<span class="lane">${name}</span><svg class="lane" viewBox="0 0 ${WIDTH} 1" preserveAspectRatio="none">${marks.join('')}</svg>`;
}

function bytesAxis({ bytesMax }: LevelMapScale): string {
  const texts = [1, 0.5, 0].map((share) => `<span>${formatBytes(bytesMax * share)}</span>`);
  return `<div class="bytes">${texts.join('')}</div>`;
}

function legend(run: RunResult, scale: LevelMapScale): string {
  const keys = levelsOf(run)
    .sort((a, b) => a - b)
    .map((level) => {
      const box = `<rect class="level-${colorOf(level, scale)}" width="10" height="10"/>`;
      return `<span><svg viewBox="0 0 10 10" width="10" height="10">${box}</svg> L${level}</span>`;
    });
  return `<div class="levels"><b>${escapeText(run.variant)}</b> ${keys.join(' ')}</div>`;
}

/** Levels of a run that ever held anything. */
function levelsOf(run: RunResult): number[] {
  return [...new Set(run.samples.flatMap(({ levels }) => levels.map(({ level }) => level)))];
}

const COLORS = 7;

function colorOf(level: number, { levels }: LevelMapScale): number {
  return levels.indexOf(level) % COLORS;
}

function treeBytes(sample: ShapeSample): number {
  return sample.levels.reduce((sum, level) => sum + level.bytes, 0);
}

function bytesOf(sample: ShapeSample, level: number): number {
  return sample.levels.find((one) => one.level === level)?.bytes ?? 0;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

/** Text for HTML and SVG. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
