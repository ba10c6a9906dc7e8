/**
 * Reads the manifest in force.
 *
 * 1. `CURRENT` names file and id. 2. The log in the file is judged as every segment is (wal: read-segment.ts): every
 * edit vouches for the ones before it, and log segments vouch for the length that was durable when they were made.
 * 3. The first edit is a full state and was durable before `CURRENT` named it. 4. Edits are applied in order.
 */
import { corruption, type FileSystem, isLsmError, LsmError } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  FrameKind,
  framePayload,
  type ManifestReference,
  readSegment,
  SEGMENT_HEADER_BYTES,
  type SegmentContents,
  type SegmentIdentity,
  SegmentKind,
} from '@lsm/wal';
import { CURRENT_NAME, manifestName, readCurrent } from './current-file.ts';
import { inspectDirectory } from './directory-contents.ts';
import { decodeEdit } from './edit-codec.ts';
import { applyEdit, EMPTY_STATE, type ManifestState } from './manifest-state.ts';

/** What a reader knows beside the files. */
export interface ReadManifestOptions {
  /** The present boot of the machine; '' or absent = unknown. */
  readonly bootId?: string;
  /** What the headers of log segments say of manifests; those of other manifests are ignored. */
  readonly vouched?: readonly ManifestReference[];
  /** Bytes of the manifest that are known durable; default 0. */
  readonly durableLength?: number;
}

/** A torn last edit that was left out. */
export interface TruncatedManifest {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A manifest as it was read. */
export interface ManifestContents {
  readonly state: ManifestState;
  /** Edits that were applied, the full state included. */
  readonly edits: number;
  readonly segment: SegmentContents;
  /** `null`: nothing was left out. */
  readonly truncated: TruncatedManifest | null;
}

/** Replacing a manifest while it is read can happen a few times in a row, not for ever. */
const ATTEMPTS = 5;

/**
 * Reads the manifest of a database; writes nothing.
 *
 * @throws LSM_MISSING if the directory holds no database; LSM_CORRUPTION with file and offset; LSM_UNSUPPORTED_FORMAT
 */
export function readManifest(
  fs: FileSystem,
  directory: string,
  options: ReadManifestOptions = {},
): ManifestContents {
  for (let attempt = 1; ; attempt++) {
    const pointer = readPointer(fs, directory);
    const path = joinPath(directory, manifestName(pointer.number));
    try {
      return readEdits(readFile(fs, path, pointer, options));
    } catch (error) {
      if (!isLsmError(error, 'LSM_MISSING')) throw error;
      // A writer may have replaced the manifest in between.
      if (attempt < ATTEMPTS && readPointer(fs, directory).number !== pointer.number) continue;
      throw corruption('The manifest that CURRENT names is missing', path, 0);
    }
  }
}

function readPointer(fs: FileSystem, directory: string): SegmentIdentity {
  try {
    return readCurrent(fs, directory);
  } catch (error) {
    if (!isLsmError(error, 'LSM_MISSING')) throw error;
    const contents = inspectDirectory(fs, directory);
    const what = {
      missing: 'The directory does not exist',
      empty: 'The directory is empty',
      foreign: 'The directory holds other files and no database',
      unfinished: 'The database was never finished',
      database: 'The pointer to the manifest went away',
    }[contents];
    throw new LsmError('LSM_MISSING', `${what}; check the path, or create the database.`, {
      file: joinPath(directory, CURRENT_NAME),
      cause: error,
    });
  }
}

function readFile(
  fs: FileSystem,
  path: string,
  { number, idLow, idHigh }: SegmentIdentity,
  { bootId = '', vouched = [], durableLength = 0 }: ReadManifestOptions,
): SegmentContents {
  let durable = Math.max(durableLength, SEGMENT_HEADER_BYTES + 1);
  for (const reference of vouched) {
    if (reference.idLow === idLow && reference.idHigh === idHigh) {
      durable = Math.max(durable, reference.durableLength);
    }
  }
  const id = { idLow, idHigh };
  const kind = SegmentKind.manifest;
  const contents = readSegment(fs, path, { kind, number, id, durable, bootId });
  const { tail } = contents;
  if (tail.state === 'corrupt') throw corruption(tail.reason, path, tail.offset);
  if (contents.end < durable) throw corruption('Durable edits are missing', path, contents.end);
  return contents;
}

function readEdits(segment: SegmentContents): ManifestContents {
  const { path, frames, tail } = segment;
  let state = EMPTY_STATE;
  for (const [i, frame] of frames.entries()) {
    if (frame.kind !== FrameKind.opaque) {
      throw corruption('A frame of the manifest is no edit', path, frame.offset);
    }
    const edit = decodeEdit(framePayload(segment, frame), path, frame.payloadOffset);
    if ((edit.formatVersion !== undefined) !== (i === 0)) {
      throw corruption('A full state has to be the first edit and no other', path, frame.offset);
    }
    try {
      state = applyEdit(state, edit);
    } catch (cause) {
      const sentence = `Edit ${i} does not apply to the state before it`;
      throw new LsmError('LSM_CORRUPTION', sentence, { cause, file: path, offset: frame.offset });
    }
  }
  const { offset, bytes } = tail;
  const truncated = tail.state === 'torn' ? { file: path, offset, bytes } : null;
  return { state, edits: frames.length, segment, truncated };
}
