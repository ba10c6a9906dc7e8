/**
 * Encoding, appending and reading frames of one 128-byte record (16 B key, 104 B value).
 *
 *     node --conditions=@lsm/source bench/wal.bench.ts
 *
 * Each figure is the best of seven rounds. Appends go to a file below the directory for temporary files; a raw
 * `writeSync` of the same bytes to the same place stands beside them as the floor.
 */
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@lsm/core';
import { nodeFileSystem } from '@lsm/fs';
import { createKernels } from '@lsm/kernels';
import { FrameEncoder, readSegment, SegmentWriter } from '@lsm/wal';

const ROUNDS = 7;
const KEY = new Uint8Array(16).fill(107);
const VALUE = new Uint8Array(104).fill(118);
const ARENA_BYTES = 1 << 22;
const FRAME_BYTES = FrameEncoder.frameBytes(128);

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

function report(name: string, calls: number, round: () => void): void {
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    round();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  process.stdout.write(`${name.padEnd(52)} ${best.toFixed(0).padStart(8)} ns\n`);
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

const target = newSegment();
const frames = encodeArena(target);

report('FrameEncoder: one frame of 128 B', frames, () => encodeArena(target));

report('SegmentWriter.writeSync: one frame a write', 10_000, () => {
  const writer = newSegment();
  for (let i = 0; i < 10_000; i++) writer.writeSync(kernels.bytes, i * FRAME_BYTES, FRAME_BYTES);
  writer.close();
});

report('  floor: node:fs writeSync of the same bytes', 10_000, () => {
  const descriptor = openSync(join(directory, `${++files}.raw`), 'wx');
  for (let i = 0; i < 10_000; i++) {
    writeSync(descriptor, kernels.bytes, i * FRAME_BYTES, FRAME_BYTES, i * FRAME_BYTES);
  }
});

report('SegmentWriter.writeSync: 64 KiB a write, per frame', frames, () => {
  const writer = newSegment();
  const step = FRAME_BYTES * 380;
  const total = frames * FRAME_BYTES;
  for (let at = 0; at < total; at += step) {
    writer.writeSync(kernels.bytes, at, Math.min(step, total - at));
  }
  writer.close();
});

report('SegmentWriter.create', 200, () => {
  for (let i = 0; i < 200; i++) newSegment().close();
});

target.writeSync(kernels.bytes, 0, frames * FRAME_BYTES);
report('readSegment: per frame', frames, () => {
  if (readSegment(fs, target.path).frames.length !== frames) throw new Error('a frame is missing');
});

rmSync(directory, { recursive: true });
