/**
 * The level map: bytes of each level over time as stacked areas, newest level on top, with flushes and compactions as
 * marks below. SVG of our own, drawn when the report is made; colours come from the page's style sheet.
 */
import type { RunResult, ShapeSample } from '../results.ts';
import { formatBytes, formatSeconds } from './format.ts';

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 64;
const BOTTOM = 34;
const TOP = 8;
const MARKS = 8;

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
  const levels = levelsOf(run).sort((a, b) => b - a);
  const x = (ms: number): number => LEFT + (ms / 1000 / scale.secondsMax) * (WIDTH - LEFT - 8);
  const y = (bytes: number): number =>
    HEIGHT - BOTTOM - (bytes / scale.bytesMax) * (HEIGHT - BOTTOM - TOP);
  const areas: string[] = [];
  let below = run.samples.map(() => 0);
  for (const level of levels) {
    const above = run.samples.map((sample, i) => below[i]! + bytesOf(sample, level));
    const upper = run.samples.map((s, i) => `${fixed(x(s.atMs))},${fixed(y(above[i]!))}`);
    const lower = run.samples.map((s, i) => `${fixed(x(s.atMs))},${fixed(y(below[i]!))}`);
    const points = [...upper, ...lower.toReversed()].join(' ');
    const last = run.samples.at(-1);
    const title = `level ${level}: ${formatBytes(last === undefined ? 0 : bytesOf(last, level))} at the end`;
    areas.push(
      `<polygon class="level-${colorOf(level, scale)}" points="${points}"><title>${title}</title></polygon>`,
    );
    below = above;
  }
  return `<svg class="level-map" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Bytes per level over time, ${escapeText(run.variant)}">${areas.join('')}${marks(run, x)}${axes(scale, x, y)}${legend(levels, scale)}</svg>`;
}

function marks(run: RunResult, x: (ms: number) => number): string {
  const top = HEIGHT - BOTTOM + 2;
  return run.events
    .filter(({ kind }) => kind !== 'slowdown')
    .map(({ kind, startMs, endMs, detail }) => {
      const width = Math.max(0.7, x(endMs) - x(startMs));
      return `<rect class="mark-${kind}" x="${fixed(x(startMs))}" y="${top}" width="${fixed(width)}" height="${MARKS}"><title>${escapeText(`${kind}, ${formatSeconds((endMs - startMs) / 1000)}: ${detail}`)}</title></rect>`;
    })
    .join('');
}

function axes(
  { secondsMax, bytesMax }: LevelMapScale,
  x: (ms: number) => number,
  y: (bytes: number) => number,
): string {
  const parts: string[] = [];
  for (const share of [0, 0.5, 1]) {
    const height = fixed(y(bytesMax * share) + 4);
    const text = formatBytes(bytesMax * share);
    parts.push(`<text x="${LEFT - 6}" y="${height}" text-anchor="end">${text}</text>`);
    const seconds = share === 0 ? '0 s' : formatSeconds(secondsMax * share);
    const place = fixed(x(secondsMax * share * 1000));
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    parts.push(`<text x="${place}" y="${HEIGHT - 8}" text-anchor="${anchor}">${seconds}</text>`);
  }
  return parts.join('');
}

function legend(levels: readonly number[], scale: LevelMapScale): string {
  return levels
    .toSorted((a, b) => a - b)
    .map((level, i) => {
      const left = LEFT + 10 + i * 44;
      return `<rect class="level-${colorOf(level, scale)}" x="${left}" y="${TOP}" width="10" height="10"/><text x="${left + 14}" y="${TOP + 9}">L${level}</text>`;
    })
    .join('');
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
