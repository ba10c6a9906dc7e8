/**
 * Reads a trace back. Every byte is checked: what was damaged is LSM_CORRUPTION with its offset. A file that merely ends
 * early, because its process did, counts as far as it goes. The layout: trace-format.ts.
 */
import { ByteReader, corruption, isJson, isLsmError, LsmError } from '@lsm/core';
import {
  TRACE_KIND_MAX,
  type Trace,
  type TraceHeader,
  TraceKind,
  type TraceOperations,
  type TraceTotals,
} from './trace.ts';
import {
  CHECK_BYTES,
  CHUNK_HEAD_BYTES,
  ChunkKind,
  OPERATIONS_HEAD_BYTES,
  PREAMBLE_BYTES,
  SKETCH_BYTES_MAX,
  TRACE_MAGIC,
  TRACE_VERSION,
  type TraceId,
  traceCheck,
} from './trace-format.ts';

interface Chunk {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** Offset of the payload in the file. */
  readonly offset: number;
}

/**
 * Decodes a trace.
 *
 * @param bytes - a whole file; borrowed for the call
 * @param file - named in errors
 * @throws LSM_CORRUPTION for bytes that no recording wrote; LSM_UNSUPPORTED_FORMAT for a later version
 */
export function decodeTrace(bytes: Uint8Array, file?: string): Trace {
  const id = readPreamble(bytes, file);
  let header: TraceHeader | null = null;
  let totals: TraceTotals | null = null;
  const chunks: Chunk[] = [];
  let count = 0;
  for (const chunk of readChunks(bytes, id, file)) {
    const { kind, payload, offset } = chunk;
    const isInPlace = header === null ? kind === ChunkKind.header : kind !== ChunkKind.header;
    if (!isInPlace || totals !== null) {
      throw corruption('A chunk of the trace stands in the wrong place', file, offset);
    }
    if (kind === ChunkKind.header) header = readHeader(payload, file, offset);
    else if (kind === ChunkKind.end) totals = readTotals(payload, file, offset);
    else {
      chunks.push(chunk);
      count += new ByteReader(payload, file, offset).u32();
    }
  }
  if (header === null) throw corruption('The trace ends before its header', file, bytes.length);
  return { header, operations: readOperations(chunks, count, header, file), totals };
}

function readPreamble(bytes: Uint8Array, file: string | undefined): TraceId {
  const reader = new ByteReader(bytes, file);
  if (bytes.length < PREAMBLE_BYTES || reader.u32() !== TRACE_MAGIC) {
    throw corruption('This is no trace of @lsm', file, 0);
  }
  const version = reader.u32();
  const id: TraceId = [reader.u32(), reader.u32()];
  const check = traceCheck(bytes.subarray(0, PREAMBLE_BYTES - CHECK_BYTES), id, 0);
  if (reader.u32() !== check.low || reader.u32() !== check.high) {
    throw corruption('The preamble of the trace does not match its checksum', file, 0);
  }
  if (version !== TRACE_VERSION) {
    throw new LsmError('LSM_UNSUPPORTED_FORMAT', `Traces of version ${version} need newer code`, {
      file,
      offset: 4,
    });
  }
  return id;
}

/** Chunks in order, up to the end of the file or to where it was cut. */
function* readChunks(bytes: Uint8Array, id: TraceId, file: string | undefined): Generator<Chunk> {
  let at = PREAMBLE_BYTES;
  for (let number = 1; bytes.length - at >= CHUNK_HEAD_BYTES; number++) {
    const head = new ByteReader(bytes.subarray(at, at + CHUNK_HEAD_BYTES), file, at);
    const kind = head.u32();
    const length = head.u32();
    const found = head.u32();
    const check = traceCheck(bytes.subarray(at, at + CHUNK_HEAD_BYTES - 4), id, number).low;
    if (head.u32() !== check || found !== number || kind < 1 || kind > ChunkKind.end) {
      throw corruption('The head of a chunk does not match its checksum', file, at);
    }
    const offset = at + CHUNK_HEAD_BYTES;
    const end = offset + length;
    if (end + CHECK_BYTES > bytes.length) return;
    const payload = bytes.subarray(offset, end);
    const { low, high } = traceCheck(payload, id, number);
    const stored = new ByteReader(bytes.subarray(end, end + CHECK_BYTES), file, end);
    if (stored.u32() !== low || stored.u32() !== high) {
      throw corruption('A chunk of the trace does not match its checksum', file, at);
    }
    yield { kind, payload, offset };
    at = end + CHECK_BYTES;
    if (kind === ChunkKind.end && at !== bytes.length) {
      throw corruption('Bytes follow the end of the trace', file, at);
    }
  }
}

function readJson(payload: Uint8Array, file: string | undefined, offset: number): object {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && isJson(value)) return value;
  } catch (error) {
    if (isLsmError(error)) throw error;
  }
  throw corruption('A chunk of the trace is not a JSON object', file, offset);
}

/** Whether a value is a finite number of at least 0. */
export const isCount = (value: unknown): boolean =>
  Number.isFinite(value) && (value as number) >= 0;

function readHeader(payload: Uint8Array, file: string | undefined, offset: number): TraceHeader {
  const header = readJson(payload, file, offset) as TraceHeader;
  const { sample, sketchBytes, startedAt, flushBytes, tableBytes, maxTaskBytes } = header;
  const isValid =
    isCount(sample) &&
    sample > 0 &&
    sample <= 1 &&
    Number.isInteger(sketchBytes) &&
    sketchBytes >= 0 &&
    sketchBytes <= SKETCH_BYTES_MAX &&
    [startedAt, flushBytes, tableBytes, maxTaskBytes, header.maxTasks].every(isCount) &&
    typeof header.strategy?.name === 'string' &&
    Array.isArray(header.runs) &&
    header.runs.every((run) => isCount(run?.level) && isCount(run.entries) && isCount(run.bytes)) &&
    (header.largestKey === null || /^([0-9a-f]{2})*$/.test(header.largestKey));
  if (!isValid) throw corruption('The header of the trace says impossible things', file, offset);
  return header;
}

function readTotals(payload: Uint8Array, file: string | undefined, offset: number): TraceTotals {
  const totals = readJson(payload, file, offset) as TraceTotals;
  const { durationMs, puts, deletes, rangeDeletes, gets, scans, flushes } = totals;
  if (![durationMs, puts, deletes, rangeDeletes, gets, scans, flushes].every(isCount)) {
    throw corruption('The end of the trace says impossible things', file, offset);
  }
  return totals;
}

function readOperations(
  chunks: readonly Chunk[],
  count: number,
  { sketchBytes }: TraceHeader,
  file: string | undefined,
): TraceOperations {
  // A count that the bytes can't bear must not make memory for it.
  let bytes = 0;
  for (const { payload } of chunks) bytes += payload.length;
  if (count * 6 > bytes) {
    throw corruption('A chunk of the trace counts more than it has', file, chunks[0]!.offset);
  }
  const kinds = new Uint8Array(count);
  const identities = new Uint32Array(count);
  const sizes = new Float64Array(count);
  const times = new Float64Array(count);
  const sketches: string[] = [];
  const interned = new Map<number, string>();
  let base = 0;
  for (const { payload, offset } of chunks) {
    const reader = new ByteReader(payload, file, offset);
    const length = reader.u32();
    const startMs = readFloat(reader);
    const stepMs = (readFloat(reader) - startMs) / length;
    const shared = reader.u8();
    const kept = reader.u8();
    if (reader.u8() !== 0 || reader.u8() !== 0 || kept !== sketchBytes || length === 0) {
      throw corruption('A chunk of the trace says impossible things', file, offset);
    }
    if (payload.length < OPERATIONS_HEAD_BYTES + shared + length * (6 + kept)) {
      throw corruption('A chunk of the trace counts more than it has', file, offset);
    }
    const prefix = textOf(reader.raw(shared));
    kinds.set(reader.raw(length), base);
    for (let i = 0; i < length; i++) identities[base + i] = reader.u32();
    for (let i = 0; i < length; i++) {
      const sketch = prefix + textOf(reader.raw(kept));
      const identity = identities[base + i]!;
      const known = interned.get(identity);
      if (known !== sketch) interned.set(identity, sketch);
      sketches.push(known === sketch ? known : sketch);
    }
    for (let i = 0; i < length; i++) {
      sizes[base + i] = reader.varint();
      times[base + i] = startMs + i * stepMs;
    }
    reader.end();
    base += length;
  }
  checkKinds(kinds, file, chunks[0]?.offset);
  return { kinds, identities, sizes, times, sketches };
}

function readFloat(reader: ByteReader): number {
  const bytes = reader.raw(8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Kinds are known, and the ends of range deletes stand behind their beginnings. */
function checkKinds(kinds: Uint8Array, file: string | undefined, offset: number | undefined): void {
  let before = 0;
  for (const kind of kinds) {
    const isEnd = kind === TraceKind.rangeUpper || kind === TraceKind.rangeEnd;
    if (kind < 1 || kind > TRACE_KIND_MAX || isEnd !== (before === TraceKind.rangeDelete)) {
      throw corruption('An operation of the trace is of an unknown kind', file, offset);
    }
    before = kind;
  }
}
