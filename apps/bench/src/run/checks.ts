/**
 * Figures count only if they are about what they claim. A run that never left the memtable, never asked a filter or
 * never read a block is refused, and so is one whose answers or final content differ from the model.
 */
import type { Model } from '../model.ts';
import { WrongAnswer } from '../model.ts';
import type { CheckResult, PhaseResult } from '../results.ts';
import type { Store, StoreStats } from '../stores/store.ts';
import type { Phase } from '../workloads/workload.ts';

/** Thrown when a figure does not show what it claims. */
export class VoidFigure extends Error {
  /** @param message - which claim failed, by which counts, and what helps */
  constructor(message: string) {
    super(message);
    this.name = 'VoidFigure';
  }
}

const SMALLER_MEMORY =
  'Load more data (--entries) or give less memory (--memtable-bytes, --cache-bytes).';

/** Proves that a phase read what it says it reads. */
export function checkPhase(phase: Phase, result: PhaseResult, filtered: boolean): CheckResult[] {
  const counted = result.counters;
  if (counted === null || phase.touches === undefined) return [];
  const checks: CheckResult[] = [];
  const claim = (sentence: string, holds: boolean, evidence: string): void => {
    const what = `${result.name}: ${sentence}`;
    if (!holds)
      throw new VoidFigure(`Not true of this run: ${what} (${evidence}). ${SMALLER_MEMORY}`);
    checks.push({ claim: what, evidence });
  };
  const blocks = counted.blockReads + counted.cacheHits + counted.cacheMisses;
  if (counted.gets > 0) {
    const mixed = phase.touches === 'mixed';
    claim(
      mixed ? 'lookups went to tables' : 'most lookups went to tables',
      counted.runsProbed > 0 && (mixed || counted.memtableHits * 2 < counted.gets),
      `${counted.gets} lookups, ${counted.memtableHits} answered by memtables, ${counted.runsProbed} runs asked`,
    );
  }
  if (phase.touches !== 'filters') {
    const evidence = `${counted.blockReads} blocks from files, ${counted.cacheHits} from the cache`;
    claim('blocks of tables were read', blocks > 0, evidence);
  } else if (filtered) {
    const said = `${counted.filterNegatives} times no, ${counted.filterFalsePositives} wrong yes`;
    claim('filters were asked', counted.filterNegatives > 0, said);
  }
  return checks;
}

/** Proves that a whole run reached the disk and was compacted. */
export function checkTree(stats: StoreStats): CheckResult[] {
  const { flushes, compactions, moves } = stats.counters;
  const evidence = `${flushes} flushes, ${compactions} compactions, ${moves} moves, ${stats.tables} tables in ${stats.runs} runs`;
  if (flushes < 2 || stats.tables === 0) {
    throw new VoidFigure(`The run hardly left the memtable (${evidence}). ${SMALLER_MEMORY}`);
  }
  if (compactions + moves === 0) {
    throw new VoidFigure(`Nothing was compacted (${evidence}). ${SMALLER_MEMORY}`);
  }
  return [{ claim: 'data reached tables and was compacted', evidence }];
}

/** Compares the whole content of the store with the model, entry by entry, in order. Not timed. */
export async function checkContent(store: Store, model: Model): Promise<CheckResult> {
  const { data } = model;
  const order = data.sorted();
  let place = 0;
  let entries = 0;
  /** The next entry that has to be there; on the way, an expired one if it is the one that was found. */
  const nextLive = (found: Uint8Array | null): number => {
    for (; place < order.length; place++) {
      const index = order[place]!;
      if (model.version(index) > 0) return order[place++]!;
      const isFound = found !== null && Buffer.compare(found, data.key(index)) === 0;
      if (isFound && model.expiredVersion(index) > 0) return order[place++]!;
    }
    return -1;
  };
  await store.scan({}, (key, value) => {
    entries++;
    const index = nextLive(key);
    if (index < 0) throw new WrongAnswer(`Entry ${entries} of the final scan should not exist.`);
    if (Buffer.compare(key, data.key(index)) !== 0) {
      throw new WrongAnswer(
        `Entry ${entries} of the final scan is ${Buffer.from(key).toString()}, expected ${Buffer.from(data.key(index)).toString()}.`,
      );
    }
    const version = model.version(index) || model.expiredVersion(index);
    if (Buffer.compare(value, data.value(index, version)) !== 0) {
      throw new WrongAnswer(`The final scan has another value for entry ${entries}.`);
    }
  });
  if (nextLive(null) >= 0)
    throw new WrongAnswer(`The final scan ends early, after ${entries} entries.`);
  return {
    claim: 'the final content is the model, byte by byte and in order',
    evidence: `${entries} entries scanned, ${model.checkedReads} lookups checked before`,
  };
}
