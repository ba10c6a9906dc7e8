/** The bytes on disk, written down once: a change of the format fails here. `UPDATE=1` writes the file anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readFileBytes } from '@lsm/fs';
import { createKernels } from '@lsm/kernels';
import { describe, expect, test } from 'vitest';
import {
  encodeSegmentHeader,
  FrameEncoder,
  readRecords,
  readSegment,
  SegmentKind,
  SegmentWriter,
  sealFrame,
} from '../src/index.ts';
import { freshDirectory, putFile, text } from './fixtures.ts';

const GOLDEN = new URL('./testdata/segment.hex', import.meta.url);
const PATH = '/db/000007.log';
const identity = { number: 7, idLow: 0x55667788, idHigh: 0x11223344 };

/** Header, a frame of a put, a delete and a range delete, a void frame, an opaque frame. */
function writeSegment(): Uint8Array {
  const fs = freshDirectory();
  const words = [identity.idLow, identity.idHigh];
  const writer = SegmentWriter.create(fs, PATH, {
    number: 7,
    random: { next: () => words.shift()! >>> 0 },
    previous: { number: 6, idLow: 1, idHigh: 2, end: 0x1000 },
    manifest: { number: 3, idLow: 4, idHigh: 5, durableLength: 0x200 },
    bootId: 'golden-boot',
  });
  const kernels = createKernels(65_536);
  const encoder = new FrameEncoder();
  const watermark = { segment: 6, offset: 0x1000 };
  encoder.begin(kernels, 0);
  encoder.add(0, text('key'), 3, text('value'), 5);
  encoder.add(1, text('gone'), 4, text(''), 0);
  encoder.add(2, text('from'), 4, new Uint8Array([1, 0x74, 0x6f]), 3);
  const first = encoder.end(0x1_0000_0002, identity, writer.position, watermark);
  writer.writeSync(kernels.bytes, 0, first);
  encoder.begin(kernels, 0);
  encoder.add(0, text('void'), 4, text(''), 0);
  encoder.end(0x1_0000_0005, identity, writer.position, watermark);
  const { end } = sealFrame(kernels, 0, identity, writer.position, true);
  writer.writeSync(kernels.bytes, 0, end);
  writer.append(text('opaque'), 9);
  return readFileBytes(fs, PATH);
}

function toHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += 8) {
    const row = Array.from(bytes.subarray(offset, offset + 8), (byte) =>
      byte.toString(16).padStart(2, '0'),
    );
    lines.push(`${offset.toString(16).padStart(4, '0')}  ${row.join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}

function fromHex(dump: string): Uint8Array {
  const bytes = dump
    .split('\n')
    .flatMap((line) => line.slice(6).split(' '))
    .filter((byte) => byte !== '');
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16));
}

describe('the format of a segment', () => {
  test('is the one that was written down', () => {
    const written = toHex(writeSegment());
    if (process.env['UPDATE'] === '1') writeFileSync(GOLDEN, written);
    expect(written).toBe(readFileSync(GOLDEN, 'utf8'));
  });

  test('is read from the written-down bytes', () => {
    const fs = freshDirectory();
    putFile(fs, PATH, fromHex(readFileSync(GOLDEN, 'utf8')));
    const contents = readSegment(fs, PATH, { number: 7 });
    expect(contents.tail.state).toBe('clean');
    expect(contents.header).toMatchObject({
      ...identity,
      kind: SegmentKind.log,
      previous: { number: 6, idLow: 1, idHigh: 2, end: 0x1000 },
      manifest: { number: 3, idLow: 4, idHigh: 5, durableLength: 0x200 },
    });
    expect(contents.frames.map(({ kind, isVoid, count }) => [kind, isVoid, count])).toEqual([
      [0, false, 3],
      [0, true, 1],
      [1, false, 1],
    ]);
    expect([...readRecords(contents)].map(({ sequence, kind }) => [sequence, kind])).toEqual([
      [0x1_0000_0002, 0],
      [0x1_0000_0003, 1],
      [0x1_0000_0004, 2],
    ]);
  });

  test('of a newer version is refused by name', () => {
    const fs = freshDirectory();
    const header = {
      ...identity,
      kind: SegmentKind.log,
      isRecycled: false,
      previous: null,
      manifest: null,
      bootLow: 0,
      bootHigh: 0,
    };
    putFile(fs, PATH, encodeSegmentHeader({ ...header, transformId: 3 }));
    expect(() => readSegment(fs, PATH)).toThrow(
      expect.objectContaining({ code: 'LSM_UNSUPPORTED_FORMAT', file: PATH }),
    );
  });
});
