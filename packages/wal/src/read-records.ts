/** Walks the records of frames as copies: for tools, tests and users of the log alone. The engine walks in place. */
import {
  copyBytes,
  corruption,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKeyLength,
  recordKeyspace,
  recordKind,
  recordValueLength,
} from '@lsm/core';
import { FrameKind } from './log-format.ts';
import type { Frame, SegmentContents } from './segment-contents.ts';

/** A record, copied out of its frame. */
export interface LogRecord {
  readonly sequence: number;
  /** An EntryKind. */
  readonly kind: number;
  /** 0 = the default one. */
  readonly keyspace: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The payload of a frame, as a view of the contents' buffer. */
export function framePayload(contents: SegmentContents, frame: Frame): Uint8Array {
  return contents.bytes.subarray(frame.payloadOffset, frame.payloadOffset + frame.payloadLength);
}

/**
 * The records of all accepted frames in order; void frames and opaque ones are left out.
 *
 * @throws LSM_CORRUPTION if a frame's records do not fill it; its checksum held, so its writer was wrong
 */
export function* readRecords(contents: SegmentContents): Generator<LogRecord, void, undefined> {
  const { bytes, words, path } = contents;
  for (const frame of contents.frames) {
    if (frame.kind !== FrameKind.records || frame.isVoid) continue;
    const end = frame.payloadOffset + frame.payloadLength;
    let offset = frame.payloadOffset;
    for (let i = 0; i < frame.count; i++) {
      const keyLength = offset + RECORD_HEADER_BYTES <= end ? recordKeyLength(words, offset) : -1;
      const valueLength = keyLength < 0 ? -1 : recordValueLength(words, offset);
      if (valueLength < 0 || valueLength > end - offset) {
        throw corruption('A record leaves its frame', path, offset);
      }
      const next = offset + recordBytes(keyLength, valueLength);
      if (next > end) throw corruption('A record leaves its frame', path, offset);
      const keyOffset = offset + RECORD_HEADER_BYTES;
      yield {
        sequence: frame.firstSequence + i,
        kind: recordKind(words, offset),
        keyspace: recordKeyspace(words, offset),
        key: copyBytes(bytes, keyOffset, keyLength),
        value: copyBytes(bytes, keyOffset + keyLength, valueLength),
      };
      offset = next;
    }
    if (offset !== end) throw corruption('Bytes follow the records of a frame', path, offset);
  }
}
