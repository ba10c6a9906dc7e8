/**
 * Binds a finished frame to another place, or makes it void: its records stay as they are, header and checksum are
 * written anew. Used when a frame has to go to another segment than it was made for, and when its write failed.
 */
import type { Kernels } from '@lsm/kernels';
import { sealInMemory } from './frame-checksum.ts';
import {
  FLAG_VOID,
  FRAME_HEADER_BYTES,
  frameMark,
  type SegmentIdentity,
  TWO_32,
} from './log-format.ts';

/** What {@link sealFrame} found in the header. */
export interface SealedFrame {
  /** Sequence number of the first record. */
  readonly firstSequence: number;
  /** Records. */
  readonly count: number;
  /** Offset of the first record in the memory. */
  readonly recordsOffset: number;
  /** Offset behind the frame in the memory, a multiple of 8. */
  readonly end: number;
}

/**
 * Seals a frame in memory for a segment and a position; its watermark stays, a void one stays void.
 *
 * @param kernels - the memory that holds the frame
 * @param offset - of the frame in the memory, a multiple of 8
 * @param identity - segment that it will be written to
 * @param position - byte offset in that segment, a multiple of 8
 * @param makeVoid - whether its records lose their effect; default false
 */
export function sealFrame(
  kernels: Kernels,
  offset: number,
  identity: SegmentIdentity,
  position: number,
  makeVoid = false,
): SealedFrame {
  const words = kernels.words;
  const index = offset >>> 2;
  const payloadLength = words[index + 1]!;
  words[index] = frameMark(identity.idLow, identity.idHigh);
  if (makeVoid) words[index + 7]! |= FLAG_VOID << 8;
  return {
    firstSequence: (words[index + 5]! >>> 0) * TWO_32 + (words[index + 4]! >>> 0),
    count: words[index + 6]!,
    recordsOffset: offset + FRAME_HEADER_BYTES,
    end: sealInMemory(kernels, offset, payloadLength, identity, position),
  };
}
