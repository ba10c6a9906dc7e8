/**
 * Decoder of the LZ4 block format (Collet; lz4_Block_format.md), for input that may be hostile.
 *
 * A block is a list of sequences:
 * ```
 * token   1   literal count (upper 4 bits) | match length − 4 (lower 4 bits)
 * more    *   if the literal count is 15: bytes to add, the last one below 255
 * bytes   n   the literals
 * offset  2   distance of the match back from here, 1 … 65,535; absent in the last sequence
 * more    *   if the match length's 4 bits are 15: bytes to add, the last one below 255
 * ```
 * I1. Every read of input stands inside [source, source + length), every write inside [target, target + rawLength),
 *     every match reads inside [target, output so far). Wide copies run past their length only when all of what
 *     they touch keeps to this.
 * I2. True is returned only if all input was used and exactly `rawLength` bytes were made.
 */

/** Copies 16 bytes at a time; touches up to 15 bytes beyond `length`. The regions are 16 bytes or more apart. */
// @ts-ignore: decorator
@inline
function copyWide(target: usize, source: usize, length: u32): void {
  const end = target + length;
  do {
    v128.store(target, v128.load(source));
    target += 16;
    source += 16;
  } while (target < end);
}

/** Repeats the last `distance` bytes; touches up to 15 bytes beyond `length`. */
// @ts-ignore: decorator
@inline
function repeatWide(target: usize, distance: u32, length: u32): void {
  if (distance >= 16) {
    copyWide(target, target - distance, length);
    return;
  }
  const end = target + length;
  let source = target - distance;
  if (distance < 8) {
    // Eight bytes singly; from then on the pattern repeats at the least multiple of the distance that is ≥ 8.
    for (let i: u32 = 0; i < 8; i++) store<u8>(target + i, load<u8>(source + i));
    target += 8;
    source = target - distance * ((7 + distance) / distance);
  }
  while (target < end) {
    store<u64>(target, load<u64>(source));
    target += 8;
    source += 8;
  }
}

/** Decodes `length` bytes at `source` into exactly `rawLength` bytes at `target`; 1 if the input was well-formed. */
export function lz4Decode(source: usize, length: u32, target: usize, rawLength: u32): u32 {
  const sourceEnd = source + length;
  const targetEnd = target + rawLength;
  const targetStart = target;
  while (source < sourceEnd) {
    const token = <u32>load<u8>(source++);
    let count = token >> 4;
    if (count == 15) {
      let more: u32;
      do {
        if (source >= sourceEnd) return 0;
        more = <u32>load<u8>(source++);
        count += more;
        if (count > rawLength) return 0;
      } while (more == 255);
    }
    const sourceLeft = <u32>(sourceEnd - source);
    let targetLeft = <u32>(targetEnd - target);
    if (count > sourceLeft || count > targetLeft) return 0;
    if (count + 16 <= sourceLeft && count + 16 <= targetLeft) copyWide(target, source, count);
    else memory.copy(target, source, count);
    source += count;
    target += count;
    targetLeft -= count;
    if (source == sourceEnd) return u32(targetLeft == 0);

    if (sourceEnd - source < 2) return 0;
    const distance = <u32>load<u16>(source);
    source += 2;
    if (distance == 0 || distance > <u32>(target - targetStart)) return 0;
    count = (token & 15) + 4;
    if (count == 19) {
      let more: u32;
      do {
        if (source >= sourceEnd) return 0;
        more = <u32>load<u8>(source++);
        count += more;
        if (count > rawLength) return 0;
      } while (more == 255);
    }
    if (count > targetLeft) return 0;
    if (count + 16 <= targetLeft) repeatWide(target, distance, count);
    else for (let i: u32 = 0; i < count; i++) store<u8>(target + i, load<u8>(target + i - distance));
    target += count;
  }
  return 0;
}
