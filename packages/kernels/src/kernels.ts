/**
 * Kernels over one memory: `Kernels` binds the compiled functions, or their TypeScript twins, to a memory of fixed
 * size and is the one shape that the rest of the system sees.
 *
 * ```
 * memory   0 … byteLength        the owner's
 *          byteLength … +64 KiB  scratch of the compiled kernels (LZ4's hash table); absent with twins
 * ```
 * I1. A memory never grows (`initial = maximum`): views stay valid as long as anybody holds them.
 * I2. Views have explicit lengths; a length-tracking view costs up to 20 times more per access in V8.
 * I3. Two threads may use one shared memory with a Kernels each. Only `lz4Encode` has scratch in common: run at the
 *     same time on both sides its output stays valid, but may differ from what it would be alone.
 */
import { invalidArgument } from '@lsm/core';
import type { KernelFunctions } from './kernel-functions.ts';
import { twinFunctions } from './twin/twin-functions.ts';
import { SHARING, wasmAvailable, wasmFunctions } from './wasm-module.ts';

const PAGE_BYTES = 65_536;
const SCRATCH_BYTES = PAGE_BYTES;

/** Largest memory that kernels can have, bytes: 4 GiB less 128 KiB. */
export const KERNELS_BYTES_MAX: number = 65_534 * PAGE_BYTES;

/** How {@link createKernels} makes a memory. */
export interface KernelsOptions {
  /** Whether other threads can be given the memory; default true where the platform can, false with `fallback`. */
  readonly shared?: boolean;
  /** Use the TypeScript twins on a plain buffer; default false, and true where WebAssembly is missing. */
  readonly fallback?: boolean;
}

/** Kernels bound to one memory. All offsets and lengths are bytes. Made by {@link createKernels}. */
export class Kernels {
  /** The memory as bytes; length = {@link byteLength}. */
  readonly bytes: Uint8Array;
  /** The memory as 32-bit words. */
  readonly words: Int32Array;
  /** Bytes of the memory that are the owner's. */
  readonly byteLength: number;
  /** Whether {@link handle} reaches other threads as the same memory rather than as a copy. */
  readonly shared: boolean;
  /** Whether the kernels are compiled; false: TypeScript twins. */
  readonly compiled: boolean;
  /** What to post to another thread for {@link attachKernels}; only to be used if {@link shared}. */
  readonly handle: unknown;
  /** Lower 32 bits of the last checksum, signed. */
  checksumLow = 0;
  /** Upper 32 bits of the last checksum, signed. */
  checksumHigh = 0;
  // Bound once: calls through these stay monomorphic over wasm and twins, memory by memory.
  readonly #copy: KernelFunctions['copy'];
  readonly #compare: KernelFunctions['compare'];
  readonly #checksum: KernelFunctions['checksum'];
  readonly #checksumHigh: KernelFunctions['checksumHigh'];
  readonly #checksumBegin: KernelFunctions['checksumBegin'];
  readonly #checksumUpdate: KernelFunctions['checksumUpdate'];
  readonly #checksumEnd: KernelFunctions['checksumEnd'];
  readonly #lz4Encode: KernelFunctions['lz4Encode'];
  readonly #lz4Decode: KernelFunctions['lz4Decode'];

  /**
   * For this package only; others call {@link createKernels} or {@link attachKernels}.
   *
   * @param handle - a `WebAssembly.Memory`, or a buffer for the twins
   * @param byteLength - bytes of it that are the owner's
   */
  constructor(handle: unknown, byteLength: number) {
    const memory = isMemory(handle) ? handle : null;
    const buffer = memory === null ? (handle as ArrayBufferLike) : memory.buffer;
    this.bytes = new Uint8Array(buffer, 0, byteLength);
    this.words = new Int32Array(buffer, 0, byteLength >>> 2);
    this.byteLength = byteLength;
    this.shared = isShared(buffer);
    this.compiled = memory !== null;
    this.handle = handle;
    const functions =
      memory === null ? twinFunctions(this.bytes) : wasmFunctions(memory, this.shared);
    this.#copy = functions.copy;
    this.#compare = functions.compare;
    this.#checksum = functions.checksum;
    this.#checksumHigh = functions.checksumHigh;
    this.#checksumBegin = functions.checksumBegin;
    this.#checksumUpdate = functions.checksumUpdate;
    this.#checksumEnd = functions.checksumEnd;
    this.#lz4Encode = functions.lz4Encode;
    this.#lz4Decode = functions.lz4Decode;
  }

  /** Copies `length` bytes; the regions may overlap and have to lie inside the memory. */
  copy(target: number, source: number, length: number): void {
    this.#copy(target, source, length);
  }

  /**
   * Orders two regions as unsigned bytes, a prefix before what it is a prefix of.
   *
   * @returns a negative number, 0 or a positive number
   */
  compare(a: number, aLength: number, b: number, bLength: number): number {
    return this.#compare(a, aLength, b, bLength);
  }

  /**
   * XXH64 of a region, into {@link checksumLow} and {@link checksumHigh}.
   *
   * @param seedLow - lower 32 bits of the seed
   * @param seedHigh - upper 32 bits of the seed
   * @throws LSM_INVALID_ARGUMENT if the region leaves the memory
   */
  checksum(offset: number, length: number, seedLow: number, seedHigh: number): void {
    if (!this.#holds(offset, length)) throw outside(offset, length, this.byteLength);
    this.checksumLow = this.#checksum(offset, length, seedLow, seedHigh);
    this.checksumHigh = this.#checksumHigh();
  }

  /** Starts an XXH64 over several regions; one stream at a time, {@link checksum} may come between. */
  checksumBegin(seedLow: number, seedHigh: number): void {
    this.#checksumBegin(seedLow, seedHigh);
  }

  /**
   * Adds a region to the stream.
   *
   * @throws LSM_INVALID_ARGUMENT if the region leaves the memory
   */
  checksumUpdate(offset: number, length: number): void {
    if (!this.#holds(offset, length)) throw outside(offset, length, this.byteLength);
    this.#checksumUpdate(offset, length);
  }

  /** Ends the stream; the result is in {@link checksumLow} and {@link checksumHigh}. */
  checksumEnd(): void {
    this.checksumLow = this.#checksumEnd();
    this.checksumHigh = this.#checksumHigh();
  }

  /**
   * Encodes a region as an LZ4 block. The regions must not overlap. The same input gives the same bytes.
   *
   * @param targetCapacity - bytes that may be written at `target`; length + length / 255 + 16 always suffice
   * @returns bytes written, or −1 if they don't fit (then the target region holds rubbish)
   * @throws LSM_INVALID_ARGUMENT if a region leaves the memory
   */
  lz4Encode(source: number, length: number, target: number, targetCapacity: number): number {
    if (!this.#holds(source, length)) throw outside(source, length, this.byteLength);
    if (!this.#holds(target, targetCapacity)) {
      throw outside(target, targetCapacity, this.byteLength);
    }
    return this.#lz4Encode(source, length, target, targetCapacity, this.byteLength);
  }

  /**
   * Decodes an LZ4 block, which may be hostile, into exactly `rawLength` bytes. The regions must not overlap.
   *
   * @returns false if the input is impossible (then the target region holds rubbish), or a region leaves the memory;
   *   nothing outside the two regions is read or written
   */
  lz4Decode(source: number, length: number, target: number, rawLength: number): boolean {
    if (!this.#holds(source, length) || !this.#holds(target, rawLength)) return false;
    return this.#lz4Decode(source, length, target, rawLength) === 1;
  }

  #holds(offset: number, length: number): boolean {
    return offset >= 0 && length >= 0 && offset + length <= this.byteLength;
  }
}

/**
 * Makes a memory, zeroed, with kernels bound to it.
 *
 * @param byteLength - bytes, 0 to {@link KERNELS_BYTES_MAX}; rounded up to 64 KiB
 * @throws LSM_INVALID_ARGUMENT for another size, or if the platform refuses the memory
 */
export function createKernels(byteLength: number, options: KernelsOptions = {}): Kernels {
  if (!(byteLength >= 0 && byteLength <= KERNELS_BYTES_MAX)) {
    throw invalidArgument(
      `A memory of ${byteLength} bytes was asked for; give 0 to ${KERNELS_BYTES_MAX}.`,
    );
  }
  const bytes = Math.max(1, Math.ceil(byteLength / PAGE_BYTES)) * PAGE_BYTES;
  let shared = options.shared ?? (SHARING && options.fallback !== true);
  const compiled = options.fallback !== true && wasmAvailable(shared);
  // Without WebAssembly, a shared buffer is for those who ask for it: plain ones are faster to make and collect.
  if (!compiled) shared = options.shared ?? false;
  try {
    if (compiled) {
      const pages = (bytes + SCRATCH_BYTES) / PAGE_BYTES;
      return new Kernels(new WebAssembly.Memory({ initial: pages, maximum: pages, shared }), bytes);
    }
    return new Kernels(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes), bytes);
  } catch (cause) {
    throw invalidArgument(
      `The platform refuses a ${shared ? 'shared ' : ''}memory of ${bytes} bytes; ask for less.`,
      cause,
    );
  }
}

/**
 * Binds kernels to the memory of other kernels, on this thread.
 *
 * @param handle - {@link Kernels.handle}, as it came through `postMessage`
 * @throws LSM_INVALID_ARGUMENT for anything else
 */
export function attachKernels(handle: unknown): Kernels {
  if (isMemory(handle)) return new Kernels(handle, handle.buffer.byteLength - SCRATCH_BYTES);
  if (handle instanceof ArrayBuffer || isShared(handle)) {
    return new Kernels(handle, handle.byteLength);
  }
  throw invalidArgument('This is not the handle of a memory; give the `handle` of Kernels.');
}

function isMemory(handle: unknown): handle is WebAssembly.Memory {
  return typeof WebAssembly === 'object' && handle instanceof WebAssembly.Memory;
}

function isShared(handle: unknown): handle is SharedArrayBuffer {
  return typeof SharedArrayBuffer === 'function' && handle instanceof SharedArrayBuffer;
}

function outside(offset: number, length: number, byteLength: number): Error {
  return invalidArgument(
    `The region [${offset}, ${offset + length}) leaves the memory of ${byteLength} bytes.`,
  );
}
