/** The state that a manifest describes: the tree and everything beside it. Immutable; each edit makes the next one. */
import type { Json } from '@lsm/core';
import type { SegmentEnd, SegmentIdentity } from '@lsm/wal';
import { editBetween, Version } from './version.ts';
import {
  FORMAT_VERSION,
  type OwnerRecord,
  type StrategyRecord,
  type VersionEdit,
} from './version-edit.ts';

/** Everything that a reopened database knows. */
export interface ManifestState {
  readonly version: Version;
  readonly requiredFeatures: number;
  readonly optionalFeatures: number;
  /** Seed of the key hash. */
  readonly hashSeed: readonly [low: number, high: number];
  readonly owner: OwnerRecord;
  /** Largest sequence number in use. */
  readonly lastSequence: number;
  /** Smallest number that no file has had. */
  readonly nextNumber: number;
  /** Smallest number that no run has had. */
  readonly nextRunId: number;
  /** First log segment to replay; id 0: none existed, any later one may be the first. */
  readonly replayFrom: SegmentIdentity;
  /** Where the log was cleanly closed; `null`: it was not, or went on since. */
  readonly logEnd: SegmentEnd | null;
  readonly strategy: StrategyRecord | null;
  /** Effective settings of the database. */
  readonly settings: Json;
}

/** The state before the first edit. */
export const EMPTY_STATE: ManifestState = {
  version: Version.empty,
  requiredFeatures: 0,
  optionalFeatures: 0,
  hashSeed: [0, 0],
  owner: { epoch: 0, nonceLow: 0, nonceHigh: 0 },
  lastSequence: 0,
  nextNumber: 1,
  nextRunId: 1,
  replayFrom: { number: 0, idLow: 0, idHigh: 0 },
  logEnd: null,
  strategy: null,
  settings: null,
};

/**
 * The state after an edit.
 *
 * @throws as {@link Version.apply}
 */
export function applyEdit(state: ManifestState, edit: VersionEdit): ManifestState {
  const { lastSequence = 0, nextNumber = 0, nextRunId = 0 } = edit;
  return {
    version: state.version.apply(edit),
    requiredFeatures: edit.requiredFeatures ?? state.requiredFeatures,
    optionalFeatures: edit.optionalFeatures ?? state.optionalFeatures,
    hashSeed: edit.hashSeed ?? state.hashSeed,
    owner: edit.owner ?? state.owner,
    lastSequence: Math.max(lastSequence, state.lastSequence),
    nextNumber: Math.max(nextNumber, state.nextNumber),
    nextRunId: Math.max(nextRunId, state.nextRunId),
    replayFrom: edit.replayFrom ?? state.replayFrom,
    logEnd: edit.logEnd === undefined ? state.logEnd : edit.logEnd,
    strategy: edit.strategy ?? state.strategy,
    settings: edit.settings === undefined ? state.settings : edit.settings,
  };
}

/** The whole state as one edit, which makes it from {@link EMPTY_STATE}. */
export function stateToEdit(state: ManifestState): VersionEdit {
  const { version, strategy, ...plain } = state;
  return {
    formatVersion: FORMAT_VERSION,
    ...plain,
    ...(strategy === null ? {} : { strategy }),
    ...editBetween(Version.empty, version.runs),
  };
}
