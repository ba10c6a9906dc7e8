/**
 * XXH64 of bytes that stand in any buffer: they are streamed through a small memory of the kernels.
 *
 * The memory is one per thread, made on first use; a computation begins and ends within one call, so that any number
 * of `ByteChecksum`s can share it.
 */
import { createKernels, type Kernels } from './kernels.ts';

const WINDOW_BYTES = 65_536;

let sharedWindow: Kernels | undefined;

/** Computes checksums of byte arrays; the result stays in `low` and `high` until the next call. */
export class ByteChecksum {
  /** Lower 32 bits of the last checksum, signed. */
  low = 0;
  /** Upper 32 bits of the last checksum, signed. */
  high = 0;
  readonly #window: Kernels;

  /** Makes a calculator; cheap after the first one of a thread. */
  constructor() {
    sharedWindow ??= createKernels(WINDOW_BYTES);
    this.#window = sharedWindow;
  }

  /**
   * XXH64 of `length` bytes of `bytes` from `offset`, into {@link low} and {@link high}.
   *
   * @param seedLow - lower 32 bits of the seed
   * @param seedHigh - upper 32 bits of the seed
   */
  compute(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seedLow: number,
    seedHigh: number,
  ): void {
    const window = this.#window;
    if (length <= WINDOW_BYTES) {
      window.bytes.set(bytes.subarray(offset, offset + length));
      window.checksum(0, length, seedLow, seedHigh);
    } else {
      window.checksumBegin(seedLow, seedHigh);
      for (let done = 0; done < length; done += WINDOW_BYTES) {
        const step = Math.min(WINDOW_BYTES, length - done);
        window.bytes.set(bytes.subarray(offset + done, offset + done + step));
        window.checksumUpdate(0, step);
      }
      window.checksumEnd();
    }
    this.low = window.checksumLow;
    this.high = window.checksumHigh;
  }
}
