/** Every safety rule, taken away or weakened: what the fuzz has to notice. Shared with the long run. */
import type { FuzzOptions } from './concurrent-fuzz.ts';

/** One rule less. */
export interface Mutant {
  readonly name: string;
  readonly options: FuzzOptions;
  /** First seed to try; rare ones start near a seed that is known to kill them. */
  readonly first: number;
}

const admission = (
  name: string,
  rules: NonNullable<NonNullable<FuzzOptions['rules']>['admission']>,
  more: Omit<FuzzOptions, 'rules'> = {},
  first = 1,
): Mutant => ({ name, options: { ...more, rules: { admission: rules } }, first });

const drop = (
  name: string,
  rules: NonNullable<NonNullable<FuzzOptions['rules']>['drop']>,
): Mutant => ({ name, options: { rules: { drop: rules } }, first: 1 });

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
  admission('A1 inputs exist, once', { inputsExist: false }),
  admission('A1 inputs are idle (A4 off, which implies it)', {
    inputsIdle: false,
    inFlight: 'off',
  }),
  admission('A2 no-jump', { noJump: 'off' }),
  admission('A2 only for what goes to older runs', { noJump: 'older' }),
  admission('A2 only for what goes to newer runs', { noJump: 'newer' }),
  admission('A3 fit', { fit: 'off' }),
  admission('A3 by the inputs, not their hull', { fit: 'inputs' }),
  admission('A3 tags', { tags: false }),
  admission('A4 disjoint in flight', { inFlight: 'off' }),
  admission('A4 by hulls alone', { inFlight: 'hulls' }),
  admission('A4 by staircases alone', { inFlight: 'staircases' }),
  admission('A5 disjoint moves', { disjointMoves: false }),
  admission('A6 loss has to be allowed', { lossAllowed: false }, { lossy: false }),
  admission('A6 drop suffix', { dropSuffix: false }, { lossy: true }),
  admission('A7 disk', { disk: 'off' }, { smallDisk: true }),
  admission('A7 without running tasks', { disk: 'alone' }, { smallDisk: true }),
  drop('D1 snapshots', { snapshots: false }),
  drop('D2 older runs', { olderRuns: false }),
  drop('D3 older runs', { olderRunsOfRanges: false }),
  drop('D3 snapshots', { snapshotsOfRanges: false }),
  { name: 'D2, D3 by tags', options: { rules: { asksOnlyHigherTags: true } }, first: 1 },
  { name: 'D4 sequence numbers', options: { rules: { forgetsSequences: true } }, first: 1 },
  { name: 'D7 readers', options: { rules: { cover: { readers: false } } }, first: 1 },
  { name: 'D7 gaps', options: { rules: { cover: { gaps: false } } }, first: 1 },
  { name: 'D6 flush order', options: { rules: { flushesNewestFirst: true } }, first: 1 },
];
