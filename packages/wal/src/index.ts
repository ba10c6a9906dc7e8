/**
 * `@lsm/wal`: a write-ahead log of checksummed frames in segments. The public surface of the package; everything else
 * is private.
 */
export { FrameEncoder } from './frame-encoder.ts';
export {
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  PAYLOAD_BYTES_MAX,
  SEGMENT_BYTES_MAX,
  type SegmentIdentity,
  type Watermark,
} from './log-format.ts';
export { encodeOpaqueFrame, type OpaqueFramePlace } from './opaque-frame.ts';
export {
  type LogCandidate,
  type LogContents,
  type LogCut,
  type LogOptions,
  readLog,
} from './read-log.ts';
export { framePayload, type LogRecord, readRecords } from './read-records.ts';
export { readSegment, readSegmentHeader, type SegmentExpectation } from './read-segment.ts';
export { type SealedFrame, sealFrame } from './seal-frame.ts';
export type { Frame, SegmentContents, SegmentTail } from './segment-contents.ts';
export {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type ManifestReference,
  SEGMENT_HEADER_BYTES,
  type SegmentEnd,
  type SegmentHeader,
  SegmentKind,
} from './segment-header.ts';
export { createSpareSegment, type SegmentOptions, SegmentWriter } from './segment-writer.ts';
