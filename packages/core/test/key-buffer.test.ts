import { isLsmError, KEY_BYTES_MAX, KeyBuffer } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('KeyBuffer', () => {
  it('holds the bytes of any key', () => {
    const buffer = new KeyBuffer(8);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        buffer.set(bytes);
        expect(buffer.toBytes()).toEqual(bytes);
      }),
    );
  });

  it('holds the UTF-8 form of any well-formed string', () => {
    const buffer = new KeyBuffer(8);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        fc.pre(text.isWellFormed());
        buffer.set(text);
        expect(buffer.toBytes()).toEqual(new TextEncoder().encode(text));
      }),
    );
  });

  it('refuses lone surrogates, other types and longer keys, and keeps working', () => {
    const buffer = new KeyBuffer();
    for (const bad of ['\ud800', `${'x'.repeat(300)}\udfff`, 7, null, undefined, {}]) {
      expect(() => buffer.set(bad as never)).toThrowError(/lone surrogate|of type/);
    }
    for (const long of [
      new Uint8Array(KEY_BYTES_MAX + 1),
      'x'.repeat(KEY_BYTES_MAX + 1),
      '€'.repeat(30_000),
    ]) {
      let error: unknown;
      try {
        buffer.set(long);
      } catch (caught) {
        error = caught;
      }
      expect(isLsmError(error, 'LSM_INVALID_ARGUMENT')).toBe(true);
    }
    buffer.set(new Uint8Array(KEY_BYTES_MAX).fill(3));
    expect(buffer.length).toBe(KEY_BYTES_MAX);
    buffer.set('x'.repeat(KEY_BYTES_MAX));
    expect(buffer.length).toBe(KEY_BYTES_MAX);
    buffer.set('€'.repeat(21_845));
    expect(buffer.length).toBe(65_535);
  });

  it('takes keys of every length from aligned places', () => {
    const bytes = Uint8Array.from({ length: 512 }, (_, i) => i * 7);
    const words = new Int32Array(bytes.buffer);
    const key = new KeyBuffer(4);
    for (let length = 0; length <= 400; length++) {
      key.setAligned(words, 4 * (length % 20), length);
      const from = 4 * (length % 20);
      expect(key.toBytes()).toEqual(bytes.slice(from, from + length));
    }
    expect(() => key.setAligned(words, 0, 65_536)).toThrow(
      expect.objectContaining({ code: 'LSM_INVALID_ARGUMENT' }),
    );
  });
});
