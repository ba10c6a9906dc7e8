/** Copying and comparing regions of the memory. */

/** Copies `length` bytes; the regions may overlap. */
export function copy(target: usize, source: usize, length: usize): void {
  memory.copy(target, source, length);
}

/** Orders two regions as unsigned bytes, a prefix before what it is a prefix of: negative, 0 or positive. */
export function compare(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  let length = aLength < bLength ? aLength : bLength;
  while (length >= 8) {
    const x = load<u64>(a);
    const y = load<u64>(b);
    if (x != y) return bswap(x) < bswap(y) ? -1 : 1;
    a += 8;
    b += 8;
    length -= 8;
  }
  if (length >= 4) {
    const x = load<u32>(a);
    const y = load<u32>(b);
    if (x != y) return bswap(x) < bswap(y) ? -1 : 1;
    a += 4;
    b += 4;
    length -= 4;
  }
  while (length != 0) {
    const difference = <i32>load<u8>(a++) - <i32>load<u8>(b++);
    if (difference != 0) return difference;
    length--;
  }
  return i32(aLength > bLength) - i32(aLength < bLength);
}
