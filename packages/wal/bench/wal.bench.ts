/**
 * Encoding, appending and reading frames of one 128-byte record (16 B key, 104 B value).
 *
 *     node --conditions=@lsm/source bench/wal.bench.ts [--quick]
 *
 * Appends go to files below the directory for temporary files, made before and removed after each call; a raw
 * `writeSync` of the same bytes to the same place takes turns with them as the floor.
 */
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@lsm/core';
import { nodeFileSystem } from '@lsm/fs';
import { createKernels } from '@lsm/kernels';
import { FrameEncoder, readSegment, SegmentWriter } from '@lsm/wal';
import { type BenchTask, finish, measure, prove, quick } from '../../../tooling/bench.ts';

const KEY = new Uint8Array(16).fill(107);
const VALUE = new Uint8Array(104).fill(118);
const ARENA_BYTES = quick ? 1 << 18 : 1 << 22;
const FRAME_BYTES = FrameEncoder.frameBytes(128);
/** About 64 KiB: as much as is handed over at once when nobody waits. */
const FRAMES_AT_ONCE = 380;
const WRITES = quick ? 500 : 10_000;
const CREATIONS = quick ? 5 : 100;

const directory = mkdtempSync(join(tmpdir(), 'wal-bench-'));
const fs = nodeFileSystem();
const kernels = createKernels(ARENA_BYTES);
const encoder = new FrameEncoder();
const watermark = { segment: 1, offset: 4096 };
let files = 0;

function newSegment(): SegmentWriter {
  const options = { number: ++files, random: seededRandom(files), previous: null, manifest: null };
  return SegmentWriter.create(fs, join(directory, `${files}.log`), { ...options, bootId: '' });
}

/** Fills the arena with frames; returns how many fit. */
function encodeArena(writer: SegmentWriter): number {
  const { identity } = writer;
  let offset = 0;
  let position = writer.position;
  let count = 0;
  while (offset + FRAME_BYTES <= ARENA_BYTES) {
    encoder.begin(kernels, offset);
    encoder.add(0, KEY, KEY.length, VALUE, VALUE.length);
    const end = encoder.end(++count, identity, position, watermark);
    position += end - offset;
    offset = end;
  }
  return count;
}

/** Appends of the arena's first frames, so many in a write, to a segment that is made before each call. */
function appending(name: string, count: number, framesAtOnce: number, beside?: string): BenchTask {
  let writer: SegmentWriter;
  let start = 0;
  return {
    name,
    operations: count,
    bytes: count * FRAME_BYTES,
    expected: count * FRAME_BYTES,
    before() {
      writer = newSegment();
      start = writer.position;
    },
    run() {
      const total = count * FRAME_BYTES;
      const step = framesAtOnce * FRAME_BYTES;
      for (let at = 0; at < total; at += step) {
        writer.writeSync(kernels.bytes, at, Math.min(step, total - at));
      }
      return statSync(writer.path).size - start;
    },
    after() {
      writer.close();
      rmSync(writer.path);
    },
    ...(beside === undefined ? {} : { beside }),
  };
}

/** The same bytes without anything around them. */
function floor(name: string): BenchTask {
  let descriptor = -1;
  const path = join(directory, 'floor.raw');
  return {
    name,
    operations: WRITES,
    bytes: WRITES * FRAME_BYTES,
    expected: WRITES * FRAME_BYTES,
    before() {
      descriptor = openSync(path, 'wx');
    },
    run() {
      for (let i = 0; i < WRITES; i++) {
        writeSync(descriptor, kernels.bytes, i * FRAME_BYTES, FRAME_BYTES, i * FRAME_BYTES);
      }
      return fstatSync(descriptor).size;
    },
    after() {
      closeSync(descriptor);
      rmSync(path);
    },
  };
}

function creating(): BenchTask {
  const paths: string[] = [];
  return {
    name: 'SegmentWriter.create and close',
    operations: CREATIONS,
    expected: CREATIONS,
    run() {
      for (let i = 0; i < CREATIONS; i++) {
        const writer = newSegment();
        paths.push(writer.path);
        writer.close();
      }
      return paths.length;
    },
    after() {
      for (const path of paths.splice(0)) rmSync(path);
    },
  };
}

try {
  const target = newSegment();
  const frames = encodeArena(target);
  target.writeSync(kernels.bytes, 0, frames * FRAME_BYTES);
  const contents = readSegment(fs, target.path);
  prove(
    `${frames} frames of ${FRAME_BYTES} bytes, a record in each, are in the file and whole`,
    contents.tail.state === 'clean' &&
      contents.frames.every(
        ({ count, offset, end }) => count === 1 && end - offset === FRAME_BYTES,
      ),
  );
  await measure('In memory', [
    {
      name: 'FrameEncoder, one frame of 128 B',
      operations: frames,
      bytes: frames * FRAME_BYTES,
      expected: frames,
      run: () => encodeArena(target),
    },
    {
      name: 'readSegment, per frame',
      operations: frames,
      bytes: frames * FRAME_BYTES,
      expected: frames,
      run: () => readSegment(fs, target.path).frames.length,
    },
  ]);
  const raw = 'floor: node:fs writeSync';
  await measure('Appending, per frame', [
    appending('SegmentWriter.writeSync, one frame', WRITES, 1, raw),
    appending('SegmentWriter.writeSync, 64 KiB', frames, FRAMES_AT_ONCE, raw),
    floor(raw),
  ]);
  await measure('Segments', [creating()]);
  target.close();
  finish();
} finally {
  rmSync(directory, { recursive: true });
}
