/**
 * Encodes a trace, chunk by chunk, as operations come: columns in typed arrays, nothing allocated for an operation.
 *
 * Keys of a chunk are kept until it is full; then it is known what they share, and of each only the bytes behind that
 * are written. The layout: trace-format.ts.
 */
import { ByteWriter, invalidArgument } from '@lsm/core';
import { type TraceHeader, TraceKind, type TraceTotals } from './trace.ts';
import {
  ChunkKind,
  SHARED_BYTES_MAX,
  SKETCH_BYTES_MAX,
  TRACE_MAGIC,
  TRACE_VERSION,
  type TraceId,
  traceCheck,
} from './trace-format.ts';

/** Operations of a full chunk. */
const CHUNK_OPERATIONS = 4096;
/** Bytes of keys that a chunk may hold until it is written. */
const CHUNK_KEY_BYTES = 2 ** 18;

/** Where a trace goes and what it is about. */
export interface TraceWriterOptions {
  readonly header: TraceHeader;
  /** A random number for the file. */
  readonly id: TraceId;
  /** Takes the next bytes of the file; they are its own. */
  readonly write: (bytes: Uint8Array) => void;
  /** ms since the recording began. */
  readonly now: () => number;
}

/** Writes one trace. */
export class TraceWriter {
  /** Bytes handed over so far. */
  bytes = 0;
  readonly #options: TraceWriterOptions;
  readonly #sketchBytes: number;
  readonly #kinds = new Uint8Array(CHUNK_OPERATIONS);
  readonly #identities = new Uint32Array(CHUNK_OPERATIONS);
  readonly #sizes = new Float64Array(CHUNK_OPERATIONS);
  readonly #keyStarts = new Uint32Array(CHUNK_OPERATIONS + 1);
  readonly #keys = new Uint8Array(CHUNK_KEY_BYTES);
  #count = 0;
  #chunks = 0;
  #startMs = 0;
  /** Where a key with the shared bytes stands; −1 if no key counts. */
  #sharedStart = -1;

  /**
   * Hands over the head of the file.
   *
   * @throws LSM_INVALID_ARGUMENT for a header out of range; what `write` throws
   */
  constructor(options: TraceWriterOptions) {
    const { sample, sketchBytes } = options.header;
    if (!(sample > 0 && sample <= 1)) {
      throw invalidArgument('sample has to be a number above 0, at most 1.');
    }
    if (!Number.isInteger(sketchBytes) || sketchBytes < 0 || sketchBytes > SKETCH_BYTES_MAX) {
      throw invalidArgument(`sketchBytes has to be an integer from 0 to ${SKETCH_BYTES_MAX}.`);
    }
    this.#options = options;
    this.#sketchBytes = sketchBytes;
    const { id } = options;
    const head = new ByteWriter().u32(TRACE_MAGIC).u32(TRACE_VERSION).u32(id[0]).u32(id[1]);
    const { low, high } = traceCheck(head.finish(), id, 0);
    this.#write(head.u32(low).u32(high).finish());
    this.#chunk(ChunkKind.header, jsonBytes(options.header));
  }

  /**
   * Adds an operation.
   *
   * @param kind - a {@link TraceKind}
   * @param identity - 32 bits of the key's hash, unsigned
   * @param bytes - memory that holds the key; borrowed for the call
   * @param offset - where the key begins
   * @param length - bytes of the key
   * @param size - by kind, an integer ≥ 0
   */
  add(
    kind: number,
    identity: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    size: number,
  ): void {
    const sketchBytes = this.#sketchBytes;
    const kept = sketchBytes === 0 ? 0 : Math.min(length, SHARED_BYTES_MAX + sketchBytes);
    if (this.#keyStarts[this.#count]! + kept > CHUNK_KEY_BYTES) this.flush();
    if (this.#count === 0) this.#startMs = this.#options.now();
    const at = this.#count++;
    const start = this.#keyStarts[at]!;
    this.#kinds[at] = kind;
    this.#identities[at] = identity;
    this.#sizes[at] = size;
    for (let i = 0; i < kept; i++) this.#keys[start + i] = bytes[offset + i]!;
    this.#keyStarts[at + 1] = start + kept;
    if (this.#count === CHUNK_OPERATIONS) this.flush();
  }

  /** Hands over what was added since the last chunk. */
  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#chunk(ChunkKind.operations, this.#encode(count));
  }

  /** Hands over the rest and the end of the file; the writer is of no further use. */
  end(totals: TraceTotals): void {
    this.flush();
    this.#chunk(ChunkKind.end, jsonBytes(totals));
  }

  #encode(count: number): Uint8Array {
    const shared = this.#sharedBytes(count);
    const sketchBytes = this.#sketchBytes;
    const starts = this.#keyStarts;
    const keys = this.#keys;
    const writer = new ByteWriter();
    const times = new DataView(new ArrayBuffer(16));
    times.setFloat64(0, this.#startMs, true);
    times.setFloat64(8, this.#options.now(), true);
    writer.u32(count).raw(new Uint8Array(times.buffer));
    writer.u8(shared).u8(sketchBytes).u8(0).u8(0);
    const from = Math.max(0, this.#sharedStart);
    writer.raw(keys.subarray(from, from + shared));
    writer.raw(this.#kinds.subarray(0, count));
    for (let i = 0; i < count; i++) writer.u32(this.#identities[i]!);
    const sketches = new Uint8Array(count * sketchBytes);
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      const to = Math.min(starts[i + 1]!, start + shared + sketchBytes);
      const side = this.#sideOf(i, shared);
      const sketch = sketches.subarray(i * sketchBytes, (i + 1) * sketchBytes);
      if (side > 0) sketch.fill(0xff);
      else if (side === 0 && to > start + shared) sketch.set(keys.subarray(start + shared, to));
    }
    writer.raw(sketches);
    for (let i = 0; i < count; i++) writer.varint(this.#sizes[i]!);
    return writer.finish();
  }

  /**
   * How many bytes the keys begin with in common. Where scans begin does not count: one over everything would leave all
   * other keys of its chunk with little but what they share.
   */
  #sharedBytes(count: number): number {
    const keys = this.#keys;
    const starts = this.#keyStarts;
    let first = -1;
    let shared = SHARED_BYTES_MAX;
    for (let i = 0; i < count && shared > 0; i++) {
      if (this.#kinds[i]! >= TraceKind.scan || this.#kinds[i] === TraceKind.rangeEnd) continue;
      const start = starts[i]!;
      if (first < 0) first = start;
      shared = Math.min(shared, starts[i + 1]! - start);
      let equal = 0;
      while (equal < shared && keys[first + equal] === keys[start + equal]) equal++;
      shared = equal;
    }
    this.#sharedStart = first;
    return first < 0 ? 0 : shared;
  }

  /** −1, 0 or 1: whether the beginning of a scan is below, among or above the keys with the shared bytes. */
  #sideOf(i: number, shared: number): number {
    if (this.#kinds[i]! < TraceKind.scan) return 0;
    const keys = this.#keys;
    const start = this.#keyStarts[i]!;
    const length = this.#keyStarts[i + 1]! - start;
    for (let at = 0; at < shared; at++) {
      if (at === length) return -1;
      const difference = keys[start + at]! - keys[this.#sharedStart + at]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #chunk(kind: number, payload: Uint8Array): void {
    const number = ++this.#chunks;
    const { id } = this.#options;
    const chunk = new ByteWriter().u8(kind).u8(0).u8(0).u8(0).u32(payload.length).u32(number);
    chunk.u32(traceCheck(chunk.finish(), id, number).low);
    const { low, high } = traceCheck(payload, id, number);
    this.#write(chunk.raw(payload).u32(low).u32(high).finish());
  }

  #write(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#options.write(bytes);
  }
}

function jsonBytes(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
