import { KeyBuffer, recordBytes, seededRandom } from '@lsm/core';
import { createKernels } from '@lsm/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeOpaqueFrame,
  FrameEncoder,
  framePayload,
  readRecords,
  readSegment,
  SegmentWriter,
  sealFrame,
} from '../src/index.ts';
import { appendPuts, freshDirectory, segmentOptions, text } from './fixtures.ts';

const PATH = '/db/7.log';
/** Checksummed in pages. */
const LARGE = new Uint8Array((1 << 20) + 5).fill(7);
const put = fc.record({
  key: fc.uint8Array({ maxLength: 70 }),
  value: fc.uint8Array({ maxLength: 300 }),
});

describe('FrameEncoder', () => {
  test('writes frames that are read back record by record', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(put, { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
        fc.maxSafeNat(),
        (frames, seed) => {
          const fs = freshDirectory();
          const random = seededRandom(seed);
          const writer = SegmentWriter.create(fs, PATH, segmentOptions({ random }));
          let sequence = 2 ** 40;
          for (const puts of frames) {
            appendPuts(writer, sequence, puts);
            sequence += puts.length;
          }
          const contents = readSegment(fs, PATH);
          expect(contents.tail).toMatchObject({ state: 'clean', offset: writer.position });
          expect(contents.end).toBe(writer.position);
          expect(contents.frames.map((frame) => frame.count)).toEqual(frames.map((f) => f.length));
          const records = [...readRecords(contents)];
          expect(records.map(({ key, value }) => ({ key, value }))).toEqual(frames.flat());
          expect(records.map((record) => record.sequence)).toEqual(
            frames.flat().map((_, i) => 2 ** 40 + i),
          );
        },
      ),
    );
  });

  test('zeroes padding over rubbish of an earlier use of the memory', () => {
    const clean = createKernels(65_536);
    const dirty = createKernels(65_536);
    dirty.bytes.fill(0xaa);
    const identity = { number: 1, idLow: 5, idHigh: 6 };
    const frames = [clean, dirty].map((kernels) => {
      const encoder = new FrameEncoder();
      encoder.begin(kernels, 8);
      for (const length of [0, 1, 2, 3, 4, 25, 31]) {
        encoder.add(0, text('k'.repeat(length)), length, text('v'), length === 0 ? 0 : 1);
      }
      const end = encoder.end(1, identity, 72, { segment: 0, offset: 0 });
      return kernels.bytes.slice(8, end);
    });
    expect(frames[0]).toEqual(frames[1]);
    expect(frames[0]!.length % 8).toBe(0);
  });

  test('encodes a frame of one record at once as it does step by step', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.oneof({ weight: 30, arbitrary: fc.uint8Array({ maxLength: 70 }) }, fc.constant(LARGE)),
        fc.maxSafeNat(),
        fc.constantFrom(0, 1, 2),
        (key, value, sequence, kind) => {
          const identity = { number: 3, idLow: sequence | 0, idHigh: -7 };
          const watermark = { segment: 2 ** 32 - 1, offset: 2 ** 31 };
          const bytes = FrameEncoder.frameBytes(recordBytes(key.length, value.length));
          const one = createKernels(16 + bytes);
          const steps = createKernels(16 + bytes);
          one.bytes.fill(0x55);
          steps.bytes.fill(0xaa);
          const buffer = new KeyBuffer();
          buffer.set(new Uint8Array(80).fill(0xff));
          buffer.set(key);
          const encoder = new FrameEncoder();
          encoder.begin(steps, 8);
          encoder.add(kind, key, key.length, value, value.length);
          const end = encoder.end(sequence, identity, 72, watermark);
          expect(
            encoder.encodeOne(one, 8, kind, buffer, value, sequence, identity, 72, watermark),
          ).toBe(end);
          expect(end).toBe(8 + bytes);
          expect(Buffer.compare(one.bytes.subarray(8, end), steps.bytes.subarray(8, end))).toBe(0);
          expect(one.bytes[7]).toBe(0x55);
          expect(one.bytes[end]).toBe(0x55);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('starts every record, and so every key, at a multiple of 4', () => {
    const kernels = createKernels(65_536);
    const encoder = new FrameEncoder();
    encoder.begin(kernels, 16);
    for (let length = 0; length < 20; length++) {
      expect(encoder.add(0, new Uint8Array(length), length, text('abc'), length % 4) % 4).toBe(0);
    }
  });

  test('takes one word more for a page checksum of each MiB above 1 MiB', () => {
    expect(FrameEncoder.frameBytes(1 << 20)).toBe((1 << 20) + 40);
    expect(FrameEncoder.frameBytes((1 << 20) + 4)).toBe((1 << 20) + 48 + 16);
  });

  test('forgets a frame that was not ended', () => {
    const fs = freshDirectory();
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    const kernels = createKernels(65_536);
    const encoder = new FrameEncoder();
    encoder.begin(kernels, 0);
    encoder.add(0, text('forgotten'), 9, text(''), 0);
    encoder.begin(kernels, 0);
    encoder.add(1, text('kept'), 4, text(''), 0);
    const end = encoder.end(9, writer.identity, writer.position, { segment: 0, offset: 0 });
    writer.writeSync(kernels.bytes, 0, end);
    const records = [...readRecords(readSegment(fs, PATH))];
    expect(records).toEqual([
      { sequence: 9, kind: 1, keyspace: 0, key: text('kept'), value: new Uint8Array(0) },
    ]);
  });
});

describe('sealFrame', () => {
  test('binds a frame to another segment and makes it void', () => {
    const fs = freshDirectory();
    const first = SegmentWriter.create(fs, PATH, segmentOptions());
    const kernels = createKernels(65_536);
    const encoder = new FrameEncoder();
    encoder.begin(kernels, 64);
    encoder.add(0, text('a'), 1, text('1'), 1);
    encoder.add(0, text('b'), 1, text('2'), 1);
    const end = encoder.end(2 ** 33 + 5, first.identity, 72, { segment: 3, offset: 400 });
    const options = segmentOptions({ number: 8, random: seededRandom(9) });
    const second = SegmentWriter.create(fs, '/db/8.log', options);
    second.append(text('before'));
    const sealed = sealFrame(kernels, 64, second.identity, second.position, true);
    expect(sealed).toEqual({ firstSequence: 2 ** 33 + 5, count: 2, recordsOffset: 104, end });
    second.writeSync(kernels.bytes, 64, end - 64);
    const contents = readSegment(fs, '/db/8.log');
    expect(contents.frames[1]).toMatchObject({ isVoid: true, count: 2 });
    expect(contents.claims.get(3)).toBe(400);
    expect([...readRecords(contents)]).toEqual([]);
  });
});

describe('opaque frames', () => {
  test('come back as they were, of any length', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), (payloads) => {
        const fs = freshDirectory();
        const writer = SegmentWriter.create(fs, PATH, segmentOptions());
        payloads.forEach((payload, i) => writer.append(payload, i));
        const contents = readSegment(fs, PATH);
        expect(contents.frames.map((frame) => framePayload(contents, frame))).toEqual(payloads);
        expect(contents.frames.map((frame) => frame.firstSequence)).toEqual(
          payloads.map((_, i) => i),
        );
      }),
    );
  });

  test('above 1 MiB are checked by page, so that damage is located', () => {
    const fs = freshDirectory();
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    const payload = new Uint8Array((3 << 20) + 5).map((_, i) => i * 31);
    writer.append(payload);
    writer.append(text('next'));
    const contents = readSegment(fs, PATH);
    expect(contents.frames.length).toBe(2);
    expect(framePayload(contents, contents.frames[0]!)).toEqual(payload);
    const handle = fs.openSync(PATH, 'write');
    const damaged = 72 + 40 + (2 << 20) + 17;
    handle.writeSync(new Uint8Array([payload[(2 << 20) + 17]! ^ 1]), 0, 1, damaged);
    const tail = readSegment(fs, PATH, { bootId: 'boot-a' }).tail;
    expect(tail).toMatchObject({ state: 'corrupt', offset: 72 + 40 + (2 << 20) });
  });

  test('refuse a payload that no reader would take', () => {
    const place = {
      identity: { number: 1, idLow: 1, idHigh: 1 },
      position: 72,
      watermark: { segment: 0, offset: 0 },
    };
    const huge = new Uint8Array(0);
    Object.defineProperty(huge, 'length', { value: 2 ** 31 });
    expect(() => encodeOpaqueFrame(huge, place)).toThrow(/at most/);
  });
});
