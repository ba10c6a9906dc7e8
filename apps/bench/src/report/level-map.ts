/**
 * The level map: bytes of each level over time as stacked areas, the newest level on top, with a lane each for flushes,
 * compactions and stalls below. Made when the report is made; the shapes are SVG that stretches with the page, the text
 * is HTML that doesn't, and the sides are as wide as those of the charts, so that one moment is one place in all.
 */
import type { EventResult, RunResult } from '../results.ts';
import { formatBytes, formatSeconds } from './format.ts';

const WIDTH = 1000;
const HEIGHT = 100;

/** What is marked below the areas, with the name of its lane. */
const LANES: readonly (readonly [EventResult['kind'], string])[] = [
  ['flush', 'flushes'],
  ['compaction', 'compactions'],
  ['stall', 'stalls'],
];

/** What a map shows. Places are in any unit, from 0. */
export interface LevelMapSource {
  readonly title: string;
  readonly samples: readonly {
    readonly at: number;
    readonly levels: readonly { readonly level: number; readonly bytes: number }[];
  }[];
  /** Marked in lanes of their own below; left out: there are no lanes. */
  readonly events?: readonly {
    readonly kind: EventResult['kind'];
    readonly from: number;
    readonly to: number;
    readonly detail: string;
  }[];
}

type Sample = LevelMapSource['samples'][number];

/** Scales shared by all maps that are compared. */
export interface LevelMapScale {
  readonly end: number;
  readonly bytesMax: number;
  /** All levels that occur, newest first; a level's place decides its colour. */
  readonly levels: readonly number[];
  /** A place as text. */
  readonly format: (at: number) => string;
}

/** A run over its seconds. */
export function sourceOf(run: RunResult): LevelMapSource {
  return {
    title: run.variant,
    samples: run.samples.map(({ atMs, levels }) => ({ at: atMs / 1000, levels })),
    events: run.events.map(({ kind, startMs, endMs, detail }) => ({
      kind,
      from: startMs / 1000,
      to: endMs / 1000,
      detail: `${formatSeconds((endMs - startMs) / 1000)}: ${detail}`,
    })),
  };
}

/** The scale that fits all of some maps, up to a common end. */
export function levelMapScale(
  sources: readonly LevelMapSource[],
  end: number,
  format: (at: number) => string,
): LevelMapScale {
  const bytes = sources.flatMap(({ samples }) => samples.map(treeBytes));
  return {
    end: Math.max(0.001, end),
    bytesMax: Math.max(1, ...bytes),
    levels: [...new Set(sources.flatMap(levelsOf))].sort((a, b) => a - b),
    format,
  };
}

/** Draws one map. */
export function levelMap(source: LevelMapSource, scale: LevelMapScale): string {
  const { format, end } = scale;
  const label = `Bytes per level over time, ${escapeText(source.title)}`;
  const lanes = source.events === undefined ? [] : LANES;
  return [
    `<div class="level-map" role="img" aria-label="${label}">`,
    bytesAxis(scale),
    `<svg class="areas" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${areas(source, scale)}</svg>`,
    ...lanes.map(([kind, name]) => lane(source, kind, name, scale)),
    `<div class="seconds"><span>${format(0)}</span><span>${format(end / 2)}</span><span>${format(end)}</span></div>`,
    legend(source, scale),
    '</div>',
  ].join('');
}

const placeOf = (at: number, { end }: LevelMapScale): number => (at / end) * WIDTH;

function areas(source: LevelMapSource, scale: LevelMapScale): string {
  const { samples } = source;
  const y = (bytes: number): number => HEIGHT - (bytes / scale.bytesMax) * HEIGHT;
  const line = (bytes: readonly number[]): string[] =>
    samples.map(({ at }, i) => `${fixed(placeOf(at, scale))},${fixed(y(bytes[i]!))}`);
  const last = samples.at(-1);
  let below = samples.map(() => 0);
  return levelsOf(source)
    .sort((a, b) => b - a)
    .map((level) => {
      const above = samples.map((sample, i) => below[i]! + bytesOf(sample, level));
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
  { events = [] }: LevelMapSource,
  kind: EventResult['kind'],
  name: string,
  scale: LevelMapScale,
): string {
  const marks = events
    .filter((event) => event.kind === kind)
    .map(({ from, to, detail }) => {
      const left = placeOf(from, scale);
      const width = Math.max(1, placeOf(to, scale) - left);
      const title = `${kind}, ${detail}`;
      return `<rect class="mark-${kind}" x="${fixed(left)}" y="0" width="${fixed(width)}" height="1"><title>${escapeText(title)}</title></rect>`;
    });
  return `<span class="lane">${name}</span><svg class="lane" viewBox="0 0 ${WIDTH} 1" preserveAspectRatio="none">${marks.join('')}</svg>`;
}

function bytesAxis({ bytesMax }: LevelMapScale): string {
  const texts = [1, 0.5, 0].map((share) => `<span>${formatBytes(bytesMax * share)}</span>`);
  return `<div class="bytes">${texts.join('')}</div>`;
}

function legend(source: LevelMapSource, scale: LevelMapScale): string {
  const keys = levelsOf(source)
    .sort((a, b) => a - b)
    .map((level) => {
      const box = `<rect class="level-${colorOf(level, scale)}" width="10" height="10"/>`;
      return `<span><svg viewBox="0 0 10 10" width="10" height="10">${box}</svg> L${level}</span>`;
    });
  return `<div class="levels"><b>${escapeText(source.title)}</b> ${keys.join(' ')}</div>`;
}

/** Levels that ever held anything. */
function levelsOf({ samples }: LevelMapSource): number[] {
  return [...new Set(samples.flatMap(({ levels }) => levels.map(({ level }) => level)))];
}

const COLORS = 7;

function colorOf(level: number, { levels }: LevelMapScale): number {
  return levels.indexOf(level) % COLORS;
}

function treeBytes(sample: Sample): number {
  return sample.levels.reduce((sum, level) => sum + level.bytes, 0);
}

function bytesOf(sample: Sample, level: number): number {
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
