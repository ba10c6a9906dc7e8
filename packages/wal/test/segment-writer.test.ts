import { LsmError, seededRandom } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import {
  createSpareSegment,
  readRecords,
  readSegment,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  SegmentWriter,
} from '../src/index.ts';
import { faultyFileSystem } from './faulty-file-system.ts';
import { appendPuts, freshDirectory, segmentOptions, text } from './fixtures.ts';

const PATH = '/db/7.log';
const put = (key: string) => [{ key: text(key), value: text('value') }];
const keys = (fs: Parameters<typeof readSegment>[0]): string[] =>
  [...readRecords(readSegment(fs, PATH))].map(({ key }) => new TextDecoder().decode(key));

describe('SegmentWriter', () => {
  test('keeps what the header says', () => {
    const fs = freshDirectory();
    const previous = { number: 6, idLow: -1, idHigh: 2, end: 4096 };
    const manifest = { number: 3, idLow: 8, idHigh: -9, durableLength: 2 ** 33 + 1 };
    const writer = SegmentWriter.create(fs, PATH, segmentOptions({ previous, manifest }));
    expect(readSegmentHeader(fs, PATH)).toMatchObject({
      ...writer.identity,
      previous,
      manifest,
      isRecycled: false,
      transformId: 0,
    });
    expect(() => SegmentWriter.create(fs, PATH, segmentOptions())).toThrow(
      expect.objectContaining({ code: 'LSM_EXISTS' }),
    );
    createSpareSegment(fs, '/db/spare', 20_000);
    expect(() => SegmentWriter.create(fs, PATH, segmentOptions({ recycle: '/db/spare' }))).toThrow(
      expect.objectContaining({ code: 'LSM_EXISTS' }),
    );
  });

  test('stays where it was after a write that failed at any byte, and writes there again', () => {
    for (let kept = 0; kept < 72; kept += 5) {
      const { fs, faults } = faultyFileSystem(freshDirectory());
      const writer = SegmentWriter.create(fs, PATH, segmentOptions());
      const position = appendPuts(writer, 1, put('first'));
      faults.writeFailsAfter = kept;
      expect(() => appendPuts(writer, 2, put('rejected'))).toThrow(
        expect.objectContaining({ code: 'LSM_DISK_FULL' }),
      );
      expect(writer.position).toBe(position);
      expect(fs.statSync(PATH)!.size).toBe(position);
      appendPuts(writer, 2, put('second'));
      expect(keys(fs)).toEqual(['first', 'second']);
    }
  });

  test('never lets rejected frames follow a later write, even if they cannot be cut', () => {
    const { fs, faults } = faultyFileSystem(freshDirectory());
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    // Two frames in one write, which reach the file as a whole and are reported as failed.
    const other = SegmentWriter.create(fs, '/db/8.log', segmentOptions());
    const start = other.position;
    appendPuts(other, 1, put('reject-a'));
    const end = appendPuts(other, 2, put('reject-b'));
    const both = readFileBytes(fs, '/db/8.log').subarray(start, end);
    faults.writeFailsAfter = both.length;
    faults.failTruncate = true;
    expect(() => writer.writeSync(both, 0, both.length)).toThrow(LsmError);
    expect(writer.hasRejectedTail).toBe(true);
    expect(keys(fs)).toEqual(['reject-a', 'reject-b']);
    expect(() => appendPuts(writer, 1, put('too-short'))).toThrow(
      expect.objectContaining({ code: 'LSM_IO', file: PATH }),
    );
    faults.failTruncate = false;
    appendPuts(writer, 1, put('accepted'));
    expect(writer.hasRejectedTail).toBe(false);
    expect(keys(fs)).toEqual(['accepted']);
  });

  test('covers rejected frames with a write that is as long', () => {
    const { fs, faults } = faultyFileSystem(freshDirectory());
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    faults.writeFailsAfter = 1000;
    faults.failTruncate = true;
    expect(() => appendPuts(writer, 1, put('rejected'))).toThrow(LsmError);
    appendPuts(writer, 1, put('accepted'));
    expect(keys(fs)).toEqual(['accepted']);
    expect(writer.hasRejectedTail).toBe(false);
  });

  test('knows what is durable', async () => {
    const fs = freshDirectory();
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    expect(writer.durable).toBe(0);
    const first = appendPuts(writer, 1, put('a'));
    writer.syncSync();
    expect(writer.durable).toBe(first);
    const syncing = writer.sync();
    const second = appendPuts(writer, 2, put('b'));
    const [next, shared] = [writer.sync(), writer.sync()];
    expect(shared).toBe(next);
    await syncing;
    expect(writer.durable).toBe(first);
    await next;
    expect(writer.durable).toBe(second);
    expect(writer.endAt()).toEqual({ ...writer.identity, end: second });
  });

  test('has one asynchronous sync in flight, however callers interleave', async () => {
    const inner = freshDirectory();
    let flying = 0;
    let flyingMax = 0;
    let syncs = 0;
    const { fs } = faultyFileSystem(inner, async () => {
      syncs++;
      flyingMax = Math.max(flyingMax, ++flying);
      for (let i = 0; i < 5; i++) await Promise.resolve();
      flying--;
    });
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    const caller = async (turns: number): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        const end = appendPuts(writer, i, put('a'));
        await writer.sync();
        expect(writer.durable).toBeGreaterThanOrEqual(end);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      }
    };
    await Promise.all([caller(0), caller(1), caller(2), caller(7)]);
    expect(flyingMax).toBe(1);
    expect(syncs).toBeLessThan(40);
  });

  test('opens the second descriptor only when something is synced', () => {
    const { fs, faults } = faultyFileSystem(freshDirectory());
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    appendPuts(writer, 1, put('a'));
    expect(faults.opened).toBe(1);
    writer.syncSync();
    expect(faults.opened).toBe(2);
  });

  test('is poisoned by a failed sync, on either descriptor', async () => {
    for (const which of ['failSync', 'failSyncSync'] as const) {
      const { fs, faults } = faultyFileSystem(freshDirectory());
      const writer = SegmentWriter.create(fs, PATH, segmentOptions());
      appendPuts(writer, 1, put('a'));
      writer.syncSync();
      const { durable } = writer;
      appendPuts(writer, 2, put('b'));
      faults[which] = true;
      if (which === 'failSync') await expect(writer.sync()).rejects.toThrow(LsmError);
      else expect(() => writer.syncSync()).toThrow(LsmError);
      faults[which] = false;
      expect(writer.failure).toMatchObject({ code: 'LSM_IO' });
      expect(() => writer.syncSync()).toThrow(/failed before/);
      await expect(writer.sync()).rejects.toThrow(/failed before/);
      expect(() => appendPuts(writer, 3, put('c'))).toThrow(/failed before/);
      expect(writer.durable).toBe(durable);
    }
  });

  test('does not trust a sync that was in flight while the other descriptor failed', async () => {
    const { fs, faults } = faultyFileSystem(freshDirectory());
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    appendPuts(writer, 1, put('a'));
    const syncing = writer.sync();
    faults.failSyncSync = true;
    expect(() => writer.syncSync()).toThrow(LsmError);
    await expect(syncing).rejects.toThrow(LsmError);
    expect(writer.durable).toBe(0);
  });

  test('is invisible to readers until a left-out header is published', () => {
    const fs = freshDirectory();
    const writer = SegmentWriter.create(fs, PATH, segmentOptions({ headerLast: true }));
    appendPuts(writer, 1, put('a'));
    expect(readSegment(fs, PATH).header).toBeNull();
    expect(readSegmentHeader(fs, PATH)).toBeNull();
    writer.publish();
    expect(keys(fs)).toEqual(['a']);
  });

  test('leaves nothing behind when its header cannot be written', () => {
    const { fs, faults } = faultyFileSystem(freshDirectory());
    faults.writeFailsAfter = 10;
    expect(() => SegmentWriter.create(fs, PATH, segmentOptions())).toThrow(LsmError);
    expect(fs.statSync(PATH)).toBeNull();
  });

  test('continues a segment that was read, behind its last frame', () => {
    const fs = freshDirectory();
    const writer = SegmentWriter.create(fs, PATH, segmentOptions());
    appendPuts(writer, 1, put('a'));
    const end = appendPuts(writer, 2, put('b'), { segment: 7, offset: writer.position });
    const torn = fs.openSync(PATH, 'write');
    torn.writeSync(text('rubbish'), 0, 7, end);
    const again = SegmentWriter.reopen(fs, readSegment(fs, PATH));
    expect(again.position).toBe(end);
    expect(again.durable).toBeGreaterThan(SEGMENT_HEADER_BYTES);
    expect(fs.statSync(PATH)!.size).toBe(end);
    appendPuts(again, 3, put('c'));
    expect(keys(fs)).toEqual(['a', 'b', 'c']);
  });

  test('draws a new id for each segment', () => {
    const fs = freshDirectory();
    const random = seededRandom(1);
    const ids = new Set<string>();
    for (let number = 1; number < 20; number++) {
      const { identity } = SegmentWriter.create(
        fs,
        `/db/${number}.log`,
        segmentOptions({ number, random }),
      );
      ids.add(`${identity.idLow}:${identity.idHigh}`);
    }
    expect(ids.size).toBe(19);
  });
});
