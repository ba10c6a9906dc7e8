/** Encodes frames of opaque bytes into buffers of their own: for manifests and for users without an arena. */
import { invalidArgument } from '@lsm/core';
import { BufferRegions, sealWith } from './frame-checksum.ts';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  frameMark,
  PAYLOAD_BYTES_MAX,
  type SegmentIdentity,
  TWO_32,
  type Watermark,
} from './log-format.ts';

/** What {@link encodeOpaqueFrame} needs beside the payload. */
export interface OpaqueFramePlace {
  /** Segment that the frame will be written to. */
  readonly identity: SegmentIdentity;
  /** Byte offset in that segment, a multiple of 8. */
  readonly position: number;
  /** What is known durable now. */
  readonly watermark: Watermark;
  /** A number that the reader gets back, 0 … 2^53 − 1; default 0. */
  readonly sequence?: number;
}

/**
 * Encodes a frame of opaque bytes.
 *
 * @param payload - copied; at most {@link PAYLOAD_BYTES_MAX} bytes
 * @returns the frame, a multiple of 8 bytes
 * @throws LSM_INVALID_ARGUMENT if the payload is too long
 */
export function encodeOpaqueFrame(payload: Uint8Array, place: OpaqueFramePlace): Uint8Array {
  if (payload.length > PAYLOAD_BYTES_MAX) {
    throw invalidArgument(
      `A frame of ${payload.length} bytes was asked for; at most ${PAYLOAD_BYTES_MAX} are allowed.`,
    );
  }
  const { identity, position, watermark, sequence = 0 } = place;
  const bytes = new Uint8Array(frameBytes(payload.length));
  const words = new Int32Array(bytes.buffer);
  words[0] = frameMark(identity.idLow, identity.idHigh);
  words[1] = payload.length;
  words[4] = sequence;
  words[5] = sequence / TWO_32;
  words[6] = 1;
  words[7] = FrameKind.opaque;
  words[8] = watermark.segment;
  words[9] = watermark.offset;
  bytes.set(payload, FRAME_HEADER_BYTES);
  sealWith(new BufferRegions(bytes), words, 0, payload.length, identity, position);
  return bytes;
}
