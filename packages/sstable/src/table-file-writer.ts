/**
 * Writes the bytes of one table front to back: whole megabytes, never patched, synced on the way.
 *
 * 1. Blocks are made in place at {@link at} in the write buffer, which is the start of a window.
 * 2. A closed block is compressed if that saves an eighth, gets its trailer, and its checksum is computed in place.
 * 3. When a megabyte is full it is written and the overhang moves to the front; every 16 MiB the file is synced, so
 *    that the last sync never has much to do.
 * 4. What is larger than a block is streamed through the same buffer with a running checksum.
 */
import type { FileHandle } from '@lsm/core';
import type { Kernels } from '@lsm/kernels';
import {
  BLOCK_BYTES_MAX,
  type BlockHandle,
  type FileId,
  paddingOf,
  seedHigh,
  seedLow,
  TRAILER_BYTES,
  TRANSFORM_LZ4,
  TRANSFORM_NONE,
  writeWord,
} from './format.ts';
import { acquireWindow, ENCODE_OFFSET, releaseWindow, WRITE_BYTES } from './windows.ts';

/** Bytes between two syncs. */
const SYNC_BYTES = 16 << 20;

/** An append-only writer with checksummed blocks. */
export class TableFileWriter {
  /** Memory of the write buffer. */
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Int32Array;
  /** Where the next byte of the file goes, an offset in the memory; below 1 MiB between blocks. */
  at = 0;
  readonly #kernels: Kernels;
  readonly #handle: FileHandle;
  readonly #id: FileId;
  /** File offset of byte 0 of the buffer. */
  #written = 0;
  #synced = 0;
  #closed = false;

  /** @param handle - a fresh file; closed by {@link finish} and {@link close} */
  constructor(handle: FileHandle, id: FileId) {
    this.#kernels = acquireWindow();
    this.bytes = this.#kernels.bytes;
    this.words = this.#kernels.words;
    this.#handle = handle;
    this.#id = id;
  }

  /** Bytes of the file so far, those in the buffer included. */
  get position(): number {
    return this.#written + this.at;
  }

  /** Appends bytes that need no trailer (header, footer). */
  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
    this.#writeFull();
  }

  /**
   * Closes the block whose payload stands at `start` up to `at + length`: compresses, pads, adds the trailer.
   *
   * @param start - offset in the memory; `at` was there when the block began
   * @param rawLength - bytes of the payload, a multiple of 4, ≤ 256 KiB with trailer
   * @returns bytes stored
   */
  closeBlock(kind: number, start: number, rawLength: number, compress: boolean): number {
    const position = this.#written + start;
    let length = rawLength;
    let transform: number = TRANSFORM_NONE;
    if (compress) {
      const capacity = rawLength - (rawLength >> 3);
      const encoded = this.#kernels.lz4Encode(start, rawLength, ENCODE_OFFSET, capacity);
      if (encoded > 0) {
        this.#kernels.copy(start, ENCODE_OFFSET, encoded);
        length = encoded;
        transform = TRANSFORM_LZ4;
      }
    }
    const padding = paddingOf(length);
    for (let i = 0; i < padding; i++) this.bytes[start + length + i] = 0;
    const trailer = (start + length + padding) >> 2;
    this.words[trailer] = rawLength;
    this.words[trailer + 1] = transform | (kind << 8) | (padding << 16);
    const id = this.#id;
    const covered = length + padding + 8;
    this.#kernels.checksum(start, covered, seedLow(id, position), seedHigh(id, position));
    this.words[trailer + 2] = this.#kernels.checksumLow;
    this.words[trailer + 3] = this.#kernels.checksumHigh;
    this.at = start + covered + 8;
    this.#writeFull();
    return covered + 8;
  }

  /** Appends a block of any size from parts of any memory, uncompressed; at most 2 GiB. */
  writeParts(kind: number, parts: readonly Uint8Array[]): BlockHandle {
    const offset = this.position;
    this.#kernels.checksumBegin(seedLow(this.#id, offset), seedHigh(this.#id, offset));
    let rawLength = 0;
    for (const part of parts) {
      this.#stream(part);
      rawLength += part.length;
    }
    const padding = paddingOf(rawLength);
    const end = new Uint8Array(padding + TRAILER_BYTES);
    writeWord(end, padding, rawLength);
    writeWord(end, padding + 4, TRANSFORM_NONE | (kind << 8) | (padding << 16));
    this.#stream(end.subarray(0, padding + 8));
    this.#kernels.checksumEnd();
    writeWord(end, padding + 8, this.#kernels.checksumLow);
    writeWord(end, padding + 12, this.#kernels.checksumHigh);
    this.append(end.subarray(padding + 8));
    return { offset, length: this.position - offset };
  }

  /** Writes what is left, syncs the file and closes it. */
  finish(): void {
    if (this.at > 0) this.#handle.writeSync(this.bytes, 0, this.at, this.#written);
    this.#handle.syncSync();
    this.close();
  }

  /** Closes the file as it is; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    releaseWindow(this.#kernels);
    this.#handle.close();
  }

  #stream(part: Uint8Array): void {
    let from = 0;
    while (from < part.length) {
      const length = Math.min(part.length - from, WRITE_BYTES + BLOCK_BYTES_MAX - this.at);
      this.bytes.set(part.subarray(from, from + length), this.at);
      this.#kernels.checksumUpdate(this.at, length);
      this.at += length;
      from += length;
      this.#writeFull();
    }
  }

  #writeFull(): void {
    while (this.at >= WRITE_BYTES) {
      this.#handle.writeSync(this.bytes, 0, WRITE_BYTES, this.#written);
      this.#written += WRITE_BYTES;
      this.at -= WRITE_BYTES;
      this.#kernels.copy(0, WRITE_BYTES, this.at);
      if (this.#written - this.#synced >= SYNC_BYTES) {
        this.#handle.syncSync();
        this.#synced = this.#written;
      }
    }
  }
}
