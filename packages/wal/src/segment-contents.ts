/** What reading a segment gives: plain data over one buffer. */
import type { SegmentHeader } from './segment-header.ts';

/** A valid frame. */
export interface Frame {
  /** Offset in the segment, a multiple of 8. */
  readonly offset: number;
  /** Offset behind it, a multiple of 8. */
  readonly end: number;
  /** A `FrameKind`. */
  readonly kind: number;
  /** Its write failed: the records count as sequence numbers and have no effect. */
  readonly isVoid: boolean;
  readonly firstSequence: number;
  /** Records; 1 for an opaque frame. */
  readonly count: number;
  /** Offset of the payload in the buffer, a multiple of 8. */
  readonly payloadOffset: number;
  /** Bytes of the payload. */
  readonly payloadLength: number;
}

/**
 * How the log of a segment ends.
 *
 * - `clean`: nothing is missing. Zeros, or stale bytes of a recycled file, may follow.
 * - `torn`: bytes of a write that did not become durable follow; nothing that was known durable is lost. Cut them.
 * - `corrupt`: bytes that were durable, or that no crash explains, are not what was written.
 */
export interface SegmentTail {
  readonly state: 'clean' | 'torn' | 'corrupt';
  /** First byte that is not part of the accepted log; for `corrupt` the place of the damage. */
  readonly offset: number;
  /** Bytes that are lost; 0 if clean. */
  readonly bytes: number;
  /** One sentence on what was found. */
  readonly reason: string;
}

/** A segment as it was read. */
export interface SegmentContents {
  readonly path: string;
  /** The whole file, owned by the receiver. Frames stand at their segment offsets. */
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  /** `null`: the segment was never begun (no header, or that of an earlier life). */
  readonly header: SegmentHeader | null;
  /** Accepted frames in order. */
  readonly frames: readonly Frame[];
  /** Offset behind the last accepted frame. */
  readonly end: number;
  /** What valid frames say is durable: highest offset by segment number; frames behind damage included. */
  readonly claims: ReadonlyMap<number, number>;
  readonly tail: SegmentTail;
}
