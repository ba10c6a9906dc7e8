/** Shared by the tests of this package: a segment's worth of frames, and a file system to put bytes into. */
import { type FileSystem, seededRandom } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import { createKernels, type Kernels } from '@lsm/kernels';
import { FrameEncoder, type SegmentOptions, SegmentWriter, type Watermark } from '../src/index.ts';

export function freshDirectory(): FileSystem {
  const fs = memoryFileSystem();
  fs.makeDirectorySync('/db');
  return fs;
}

export function segmentOptions(overrides: Partial<SegmentOptions> = {}): SegmentOptions {
  return {
    number: 7,
    random: seededRandom(1),
    previous: null,
    manifest: null,
    bootId: 'boot-a',
    ...overrides,
  };
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const arena: Kernels = createKernels(8 << 20);

export interface Put {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Encodes one frame of puts at the writer's position and appends it; returns its end. */
export function appendPuts(
  writer: SegmentWriter,
  firstSequence: number,
  puts: readonly Put[],
  watermark: Watermark = { segment: 0, offset: 0 },
): number {
  const encoder = new FrameEncoder();
  encoder.begin(arena, 0);
  for (const { key, value } of puts) encoder.add(0, key, key.length, value, value.length);
  const end = encoder.end(firstSequence, writer.identity, writer.position, watermark);
  writer.writeSync(arena.bytes, 0, end);
  return writer.position;
}

/** Replaces a file's content. */
export function putFile(fs: FileSystem, path: string, bytes: Uint8Array): void {
  if (fs.statSync(path) !== null) fs.unlinkSync(path);
  const handle = fs.openSync(path, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  handle.close();
}
