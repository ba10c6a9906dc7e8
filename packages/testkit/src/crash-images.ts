/** Makes the images that a crash at one moment can leave, and checks each distinct one once. */
import type {
  CheckResult,
  CrashContext,
  CrashFailure,
  CrashSweepOptions,
} from './crash-options.ts';
import { type DiskImage, hashImage } from './crash-point.ts';
import type { KeptPoint, Recording } from './crash-recording.ts';
import { formatOperation } from './faults.ts';
import { SimulatedFileSystem } from './simulated-file-system.ts';
import { isDeterministic, SURVIVAL_VARIANTS, type SurvivalVariant } from './survival.ts';

/** Checks the images of one recording. */
export class ImageCheck<N> {
  /** Images made, images checked. */
  readonly counts: { images: number; distinct: number } = { images: 0, distinct: 0 };
  /** How often each state was reached. */
  readonly states: Map<string, number> = new Map();
  readonly failures: CrashFailure[] = [];
  readonly #options: CrashSweepOptions<N>;
  readonly #recording: Recording<N>;
  readonly #checked: Set<string>;

  /** @param checked - keys of images that need no check; added to */
  constructor(options: CrashSweepOptions<N>, recording: Recording<N>, checked: Set<string>) {
    this.#options = options;
    this.#recording = recording;
    this.#checked = checked;
  }

  /**
   * Checks what a crash at a moment can leave; true if there are as many failures as wanted.
   *
   * @throws the first failure if none is to be collected
   */
  async check(kept: KeptPoint): Promise<boolean> {
    for (const [variant, seed] of variantSeeds(this.#options)) {
      const image = kept.point.survivors(variant, seed);
      this.counts.images++;
      const key = imageKey(image, kept);
      if (this.#checked.has(key)) continue;
      this.#checked.add(key);
      this.counts.distinct++;
      if (await this.#fails(image, kept, variant, seed)) return true;
    }
    return false;
  }

  async #fails(
    image: DiskImage,
    { operation, ended, notes }: KeptPoint,
    variant: SurvivalVariant,
    seed: number,
  ): Promise<boolean> {
    const facts = this.#recording.notes.slice(0, notes);
    const context: CrashContext<N> = { notes: facts, ended, operation, variant, seed };
    const wanted = this.#options.failuresMax ?? 0;
    try {
      // What comes after the crash runs on an honest disk.
      const survivor = new SimulatedFileSystem({ ...this.#options.disk }, image);
      countStates(this.states, await this.#options.check(survivor, context));
    } catch (error) {
      const message = `${describeCrash(context)} ${reasonOf(error)}`;
      if (wanted === 0) throw new Error(message, { cause: error });
      this.failures.push({ message, error });
    }
    return this.failures.length > 0 && this.failures.length >= wanted;
  }
}

/** The keys of all images of a recording. */
export function imageKeys<N>(options: CrashSweepOptions<N>, recording: Recording<N>): Set<string> {
  const keys = new Set<string>();
  for (const kept of recording.points) {
    for (const [variant, seed] of variantSeeds(options)) {
      keys.add(imageKey(kept.point.survivors(variant, seed), kept));
    }
  }
  return keys;
}

/** What is legal depends on the bytes and on the notes. */
function imageKey(image: DiskImage, { notes, ended }: KeptPoint): string {
  return `${hashImage(image)} ${notes} ${ended}`;
}

function* variantSeeds<N>(
  options: CrashSweepOptions<N>,
): Generator<readonly [SurvivalVariant, number]> {
  const first = options.seed ?? 1;
  for (const variant of options.variants ?? SURVIVAL_VARIANTS) {
    const count = isDeterministic(variant) ? 1 : (options.seeds ?? 2);
    for (let seed = first; seed < first + count; seed++) yield [variant, seed];
  }
}

function countStates(states: Map<string, number>, result: CheckResult): void {
  if (result === undefined) return;
  const names = typeof result === 'string' ? [result] : result;
  for (const name of names) states.set(name, (states.get(name) ?? 0) + 1);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeCrash<N>(context: CrashContext<N>): string {
  const where =
    context.operation === null
      ? 'before the first operation'
      : `after operation ${formatOperation(context.operation)}`;
  return (
    `Check failed for a crash ${where}, variant "${context.variant.name}", seed ${context.seed}, ` +
    `${context.notes.length} notes${context.ended ? ', script ended' : ''}.`
  );
}
