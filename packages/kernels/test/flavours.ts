/** What the tests of the kernels share: the flavours to run each test on, and bytes to run it over. */
import { createKernels, type Kernels, type KernelsOptions } from '@lsm/kernels';
import fc from 'fast-check';

/** Every way in which kernels can be made. */
export const FLAVOURS: readonly { readonly name: string; readonly options: KernelsOptions }[] = [
  { name: 'compiled, shared', options: {} },
  { name: 'compiled, unshared', options: { shared: false } },
  { name: 'twin', options: { fallback: true } },
  { name: 'twin, shared', options: { fallback: true, shared: true } },
];

/** The compiled kernels and their twins, over memories of their own with the same contents. */
export function pair(byteLength: number): readonly [compiled: Kernels, twin: Kernels] {
  return [createKernels(byteLength), createKernels(byteLength, { fallback: true })];
}

/** Bytes that compress: pieces of noise, runs, and repetitions of what came before. */
export const compressible: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.record({ kind: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({
        kind: fc.constant('run' as const),
        byte: fc.nat(255),
        length: fc.integer({ min: 1, max: 700 }),
      }),
      fc.record({
        kind: fc.constant('again' as const),
        distance: fc.integer({ min: 1, max: 3000 }),
        length: fc.integer({ min: 1, max: 400 }),
      }),
    ),
    { maxLength: 24, size: 'max' },
  )
  .map((pieces) => {
    const bytes: number[] = [];
    for (const piece of pieces) {
      if (piece.kind === 'noise') bytes.push(...piece.bytes);
      else if (piece.kind === 'run') {
        bytes.push(...new Uint8Array(piece.length).fill(piece.byte));
      } else {
        for (let i = 0; i < piece.length; i++) {
          bytes.push(bytes[Math.max(0, bytes.length - piece.distance)] ?? 7);
        }
      }
    }
    return new Uint8Array(bytes);
  });

/** Noise that can be repeated: a xorshift sequence of bytes. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2_654_435_761) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}
