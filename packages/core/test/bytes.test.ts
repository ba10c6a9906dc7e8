import {
  compareAligned,
  compareBytes,
  concatBytes,
  copyBytes,
  equalAligned,
  equalBytes,
  formatKey,
  KEY_BYTES_MAX,
  keySuccessor,
  prefixSuccessor,
  sharedPrefixLength,
  toBytes,
} from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const key = fc.uint8Array({ maxLength: 20 });

/** A key at an aligned offset of a memory full of rubbish. */
function place(bytes: Uint8Array, offset: number): { words: Int32Array; offset: number } {
  const memory = new Uint8Array(offset + ((bytes.length + 7) & ~3)).fill(0xa5);
  memory.set(bytes, offset);
  return { words: new Int32Array(memory.buffer), offset };
}

describe('compareBytes', () => {
  it('orders as Buffer.compare does', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });
});

describe('compareAligned', () => {
  it('agrees with compareBytes at any aligned offsets, whatever follows the keys', () => {
    const offset = fc.integer({ min: 0, max: 5 }).map((n) => n * 4);
    fc.assert(
      fc.property(key, key, offset, offset, (a, b, i, j) => {
        const left = place(a, i);
        const right = place(b, j);
        const order = compareAligned(
          left.words,
          left.offset,
          a.length,
          right.words,
          right.offset,
          b.length,
        );
        expect(Math.sign(order)).toBe(Math.sign(compareBytes(a, b)));
        const equal = equalAligned(
          left.words,
          left.offset,
          a.length,
          right.words,
          right.offset,
          b.length,
        );
        expect(equal).toBe(equalBytes(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('finds a difference in every byte position and bit', () => {
    const base = Uint8Array.from({ length: 11 }, (_, i) => i * 17);
    for (let at = 0; at < base.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const other = base.slice();
        other[at]! ^= 1 << bit;
        const a = place(base, 4);
        const b = place(other, 8);
        const order = compareAligned(a.words, 4, 11, b.words, 8, 11);
        expect(Math.sign(order)).toBe(Math.sign(compareBytes(base, other)));
      }
    }
  });
});

describe('successors', () => {
  it('of a key is the next key in order', () => {
    expect(keySuccessor(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2, 0));
  });

  it('of a key of the greatest length stays within it', () => {
    const longest = new Uint8Array(KEY_BYTES_MAX).fill(0xff);
    longest[0] = 7;
    const next = keySuccessor(longest)!;
    expect(next).toEqual(Uint8Array.of(8));
    expect(keySuccessor(new Uint8Array(KEY_BYTES_MAX).fill(0xff))).toBeNull();
  });

  it('of a prefix bounds exactly the keys that start with it', () => {
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const upper = prefixSuccessor(prefix);
        const starts = sharedPrefixLength(prefix, other) === prefix.length;
        const inside =
          compareBytes(prefix, other) <= 0 && (upper === null || compareBytes(other, upper) < 0);
        expect(inside).toBe(starts);
      }),
    );
    expect(prefixSuccessor(Uint8Array.of(0xff, 0xff))).toBeNull();
    expect(prefixSuccessor(Uint8Array.of(1, 0xff))).toEqual(Uint8Array.of(2));
  });
});

describe('toBytes', () => {
  it('encodes well-formed strings as UTF-8 and refuses ill-formed ones', () => {
    expect(toBytes('é𐐷', 'key')).toEqual(new TextEncoder().encode('é𐐷'));
    for (const bad of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
      expect(() => toBytes(bad, 'key')).toThrowError(/lone surrogate/);
    }
  });

  it('names the type it got', () => {
    expect(() => toBytes(null as never, 'value')).toThrowError(/value is of type null/);
    expect(() => toBytes(3 as never, 'value')).toThrowError(/of type number/);
  });
});

describe('copies', () => {
  it('own their memory', () => {
    const source = Uint8Array.of(1, 2, 3);
    const copy = copyBytes(source, 1, 2);
    source.fill(0);
    expect(copy).toEqual(Uint8Array.of(2, 3));
    expect(concatBytes([copy, Uint8Array.of(9)])).toEqual(Uint8Array.of(2, 3, 9));
  });

  it('print as text or hexadecimal', () => {
    expect(formatKey(toBytes('user:1', 'key'))).toBe('"user:1"');
    expect(formatKey(Uint8Array.of(0, 255))).toBe('0x00ff');
    expect(formatKey(new Uint8Array(40).fill(65))).toMatch(/40 bytes/);
  });
});
