import { ByteReader, ByteWriter, isLsmError } from '@lsm/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('ByteWriter and ByteReader', () => {
  it('return every value that was written', () => {
    const number = fc.oneof(
      fc.maxSafeNat(),
      fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    );
    fc.assert(
      fc.property(
        number,
        fc.nat(0xffff_ffff),
        fc.uint8Array(),
        fc.string(),
        (n, word, bytes, text) => {
          const writer = new ByteWriter()
            .varint(n)
            .u64(n)
            .u32(word)
            .u8(7)
            .bytes(bytes)
            .string(text);
          const reader = new ByteReader(writer.finish());
          expect(reader.varint()).toBe(n);
          expect(reader.u64()).toBe(n);
          expect(reader.u32()).toBe(word >>> 0);
          expect(reader.u8()).toBe(7);
          expect(reader.bytes()).toEqual(bytes);
          expect(reader.string()).toBe(Buffer.from(text).toString());
          reader.end();
        },
      ),
    );
  });

  it('report any truncation as corruption with file and offset, and never read beyond', () => {
    const full = new ByteWriter()
      .varint(300)
      .bytes(Uint8Array.of(1, 2, 3))
      .u64(5)
      .finish();
    for (let length = 0; length < full.length; length++) {
      const reader = new ByteReader(full.subarray(0, length), 'some-file', 100);
      let error: unknown;
      try {
        reader.varint();
        reader.bytes();
        reader.u64();
      } catch (caught) {
        error = caught;
      }
      if (!isLsmError(error, 'LSM_CORRUPTION')) throw new Error(`no corruption at ${length}`);
      expect(error.file).toBe('some-file');
      expect(error.offset).toBeGreaterThanOrEqual(100);
    }
  });

  it('refuse numbers beyond 2^53 − 1, overlong varints, bad UTF-8 and left-over bytes', () => {
    const refuse = (bytes: number[], read: (reader: ByteReader) => unknown): void => {
      expect(() => read(new ByteReader(Uint8Array.from(bytes)))).toThrowError(/./);
    };
    refuse([255, 255, 255, 255, 255, 255, 255, 255], (r) => r.u64());
    refuse([255, 255, 255, 255, 255, 255, 255, 255, 1], (r) => r.varint());
    refuse([2, 0xc3, 0x28], (r) => r.string());
    refuse([1], (r) => r.end());
  });
});
