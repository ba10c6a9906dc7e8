/**
 * Shadow mode: strategies that follow the flushes of a live database without I/O, side by side with the one in use.
 *
 * The one in use has a shadow as well. What is guessed of merges, and that shadows finish their work at each flush, is
 * the same error in all of them: compare the others with that shadow, and that shadow with the database.
 */
import type { CompactionStrategy, Json, TreeSnapshot } from '@lsm/core';
import { totalBytes } from '../key-range.ts';
import { type DenseRun, LiveDensity } from './live-density.ts';
import { FlushSums, type ShadowCosts, ShadowTree } from './shadow-tree.ts';

/** What is followed. */
export interface ShadowCandidate {
  /** By which it is reported. */
  readonly name: string;
  /** Borrowed. */
  readonly strategy: CompactionStrategy;
  /** Its state; default: its initial state. */
  readonly state?: Json;
}

/** One shadow in a report. */
export interface ShadowRow {
  readonly name: string;
  readonly costs: ShadowCosts;
  /** Bytes of its tables ÷ live bytes, by the mean over the flushes. */
  readonly spaceAmplification: number;
  /** Why it was dropped, or `null`; its costs are those until then. */
  readonly failure: string | null;
}

interface Shadow {
  readonly name: string;
  /** `null` if it could not even begin. */
  readonly tree: ShadowTree | null;
  failure: string | null;
}

/** No flush was followed. */
const NO_COSTS: ShadowCosts = {
  writtenBytes: 0,
  readBytes: 0,
  writeAmplification: 0,
  meanRuns: 0,
  maxRuns: 0,
  meanTableBytes: 0,
  tablesPerMiss: 0,
  largestTaskBytes: 0,
  tasks: 0,
  moves: 0,
  refused: 0,
};

/** Follows candidates; never throws for what they do. */
export class Shadows {
  readonly #density = new LiveDensity();
  readonly #shadows: readonly Shadow[];
  readonly #actual = new FlushSums();
  #liveBytes = 0;
  #flushes = 0;

  /**
   * @param base - the tree as it is
   * @param candidates - borrowed
   */
  constructor(base: TreeSnapshot, candidates: readonly ShadowCandidate[]) {
    this.#density.observe(base.runs, null);
    this.#shadows = candidates.map(({ name, strategy, state }) => {
      try {
        return { name, tree: new ShadowTree(base, strategy, state), failure: null };
      } catch (error) {
        return { name, tree: null, failure: messageOf(error) };
      }
    });
  }

  /** Flushes followed. */
  get flushes(): number {
    return this.#flushes;
  }

  /** What the real tree was like after each flush. */
  get actual(): FlushSums['means'] {
    return this.#actual.means;
  }

  /** Live bytes, as learned: mean over the flushes. */
  get liveBytes(): number {
    return this.#liveBytes / Math.max(1, this.#flushes);
  }

  /**
   * A flush was committed.
   *
   * @param runs - of the real tree now, newest first
   * @param newest - of those, the run of the flush; `null` if it left nothing
   * @param now - engine clock, ms
   */
  flushed(runs: readonly DenseRun[], newest: DenseRun | null, now: number): void {
    this.#density.observe(runs, newest);
    this.#flushes++;
    const sizes = runs.map(({ tables }) => sizesOf(tables));
    this.#actual.add(sizes);
    // While nothing vanishes, all there is may be alive.
    this.#liveBytes += Math.min(this.#density.bytes, totalBytes(sizes));
    for (const shadow of this.#shadows) {
      if (shadow.failure !== null) continue;
      try {
        shadow.tree!.flushed(newest?.tables ?? [], this.#density.live, now);
      } catch (error) {
        shadow.failure = messageOf(error);
      }
    }
  }

  /** What each has cost so far, in the order of the candidates. */
  report(): readonly ShadowRow[] {
    return this.#shadows.map(({ name, tree, failure }) => {
      const costs = tree?.costs ?? NO_COSTS;
      const spaceAmplification = costs.meanTableBytes / Math.max(1, this.liveBytes);
      return { name, costs, spaceAmplification, failure };
    });
  }
}

function sizesOf(tables: DenseRun['tables']): { bytes: number; entries: number } {
  let entries = 0;
  for (const table of tables) entries += table.entries;
  return { bytes: totalBytes(tables), entries };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
