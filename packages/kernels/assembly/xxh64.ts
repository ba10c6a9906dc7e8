/**
 * XXH64 (Collet, 2014), one-shot and streaming.
 *
 * 1. Four lanes take 8 bytes each of every 32-byte stripe.
 * 2. The lanes are merged; inputs under 32 bytes start from the seed instead.
 * 3. The length is added, the last 31 bytes or fewer are taken in words, then bytes.
 * 4. An avalanche mixes the result.
 *
 * The result's lower half is returned, the upper one is fetched by `checksumHigh`: no BigInt crosses the border.
 * Streaming keeps up to 31 bytes of an unfinished stripe in `tail0 … tail3`, a 256-bit register that bytes are
 * shifted into from above: slow for a byte, but only the ragged ends of an update pass through it.
 */
const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_3: u64 = 0x165667b19e3779f9;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;
const PRIME_5: u64 = 0x27d4eb2f165667c5;

let resultHigh: u32 = 0;

let lane0: u64 = 0;
let lane1: u64 = 0;
let lane2: u64 = 0;
let lane3: u64 = 0;
let tail0: u64 = 0;
let tail1: u64 = 0;
let tail2: u64 = 0;
let tail3: u64 = 0;
let streamSeed: u64 = 0;
let streamBytes: u64 = 0;

// @ts-ignore: decorator
@inline
function round(lane: u64, word: u64): u64 {
  return rotl<u64>(lane + word * PRIME_2, 31) * PRIME_1;
}

// @ts-ignore: decorator
@inline
function merge(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * PRIME_1 + PRIME_4;
}

// @ts-ignore: decorator
@inline
function mergeLanes(a: u64, b: u64, c: u64, d: u64): u64 {
  const hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
  return merge(merge(merge(merge(hash, a), b), c), d);
}

// @ts-ignore: decorator
@inline
function takeWord(hash: u64, word: u64): u64 {
  return rotl<u64>(hash ^ round(0, word), 27) * PRIME_1 + PRIME_4;
}

// @ts-ignore: decorator
@inline
function takeHalfWord(hash: u64, word: u32): u64 {
  return rotl<u64>(hash ^ (<u64>word * PRIME_1), 23) * PRIME_2 + PRIME_3;
}

// @ts-ignore: decorator
@inline
function takeByte(hash: u64, byte: u64): u64 {
  return rotl<u64>(hash ^ (byte * PRIME_5), 11) * PRIME_1;
}

/** Mixes, keeps the upper half and returns the lower one. */
function finish(hash: u64): u32 {
  hash = (hash ^ (hash >> 33)) * PRIME_2;
  hash = (hash ^ (hash >> 29)) * PRIME_3;
  hash ^= hash >> 32;
  resultHigh = <u32>(hash >> 32);
  return <u32>hash;
}

/** Upper half of the last result. */
export function checksumHigh(): u32 {
  return resultHigh;
}

/** Hashes `length` bytes; returns the lower half. */
export function checksum(offset: usize, length: u32, seedLow: u32, seedHigh: u32): u32 {
  const seed = (<u64>seedHigh << 32) | <u64>seedLow;
  const end = offset + length;
  let hash: u64;
  if (length >= 32) {
    let a = seed + PRIME_1 + PRIME_2;
    let b = seed + PRIME_2;
    let c = seed;
    let d = seed - PRIME_1;
    const stripes = end - (length & 31);
    do {
      a = round(a, load<u64>(offset));
      b = round(b, load<u64>(offset, 8));
      c = round(c, load<u64>(offset, 16));
      d = round(d, load<u64>(offset, 24));
      offset += 32;
    } while (offset < stripes);
    hash = mergeLanes(a, b, c, d);
  } else {
    hash = seed + PRIME_5;
  }
  hash += <u64>length;
  while (offset + 8 <= end) {
    hash = takeWord(hash, load<u64>(offset));
    offset += 8;
  }
  if (offset + 4 <= end) {
    hash = takeHalfWord(hash, load<u32>(offset));
    offset += 4;
  }
  while (offset < end) hash = takeByte(hash, <u64>load<u8>(offset++));
  return finish(hash);
}

/** Starts a stream. */
export function checksumBegin(seedLow: u32, seedHigh: u32): void {
  const seed = (<u64>seedHigh << 32) | <u64>seedLow;
  streamSeed = seed;
  streamBytes = 0;
  lane0 = seed + PRIME_1 + PRIME_2;
  lane1 = seed + PRIME_2;
  lane2 = seed;
  lane3 = seed - PRIME_1;
}

function shiftIn(byte: u64): void {
  tail0 = (tail0 >> 8) | (tail1 << 56);
  tail1 = (tail1 >> 8) | (tail2 << 56);
  tail2 = (tail2 >> 8) | (tail3 << 56);
  tail3 = (tail3 >> 8) | (byte << 56);
}

/** Takes `length` more bytes of the stream. */
export function checksumUpdate(offset: usize, length: u32): void {
  const end = offset + length;
  let filled = <u32>streamBytes & 31;
  streamBytes += <u64>length;
  if (filled != 0) {
    while (filled < 32 && offset < end) {
      shiftIn(<u64>load<u8>(offset++));
      filled++;
    }
    if (filled < 32) return;
    lane0 = round(lane0, tail0);
    lane1 = round(lane1, tail1);
    lane2 = round(lane2, tail2);
    lane3 = round(lane3, tail3);
  }
  let a = lane0;
  let b = lane1;
  let c = lane2;
  let d = lane3;
  while (offset + 32 <= end) {
    a = round(a, load<u64>(offset));
    b = round(b, load<u64>(offset, 8));
    c = round(c, load<u64>(offset, 16));
    d = round(d, load<u64>(offset, 24));
    offset += 32;
  }
  lane0 = a;
  lane1 = b;
  lane2 = c;
  lane3 = d;
  while (offset < end) shiftIn(<u64>load<u8>(offset++));
}

/** Ends the stream; returns the lower half. The stream has to be begun anew before the next update. */
export function checksumEnd(): u32 {
  let rest = <u32>streamBytes & 31;
  let hash: u64 = streamBytes >= 32 ? mergeLanes(lane0, lane1, lane2, lane3) : streamSeed + PRIME_5;
  hash += streamBytes;
  for (let i = rest; i < 32; i++) shiftIn(0);
  while (rest >= 8) {
    hash = takeWord(hash, tail0);
    tail0 = tail1;
    tail1 = tail2;
    tail2 = tail3;
    rest -= 8;
  }
  if (rest >= 4) {
    hash = takeHalfWord(hash, <u32>tail0);
    tail0 >>= 32;
    rest -= 4;
  }
  while (rest != 0) {
    hash = takeByte(hash, tail0 & 255);
    tail0 >>= 8;
    rest--;
  }
  return finish(hash);
}
