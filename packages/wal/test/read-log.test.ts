import { type FileSystem, seededRandom } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import {
  type LogContents,
  type LogOptions,
  readLog,
  readRecords,
  type SegmentEnd,
  type SegmentOptions,
  SegmentWriter,
  type Watermark,
} from '../src/index.ts';
import { appendPuts, freshDirectory, putFile, segmentOptions, text } from './fixtures.ts';

const pathOf = (number: number): string => `/db/${number}.log`;
const NONE = { number: 0, idLow: 0, idHigh: 0 };

/** A directory of segments under construction. */
class Log {
  readonly fs: FileSystem = freshDirectory();
  readonly random = seededRandom(11);

  segment(
    number: number,
    previous: SegmentEnd | null,
    keys: readonly string[],
    watermark?: Watermark,
    overrides: Partial<SegmentOptions> = {},
  ): SegmentWriter {
    const options = segmentOptions({ number, previous, random: this.random, ...overrides });
    const writer = SegmentWriter.create(this.fs, pathOf(number), options);
    for (const key of keys)
      appendPuts(writer, 1, [{ key: text(key), value: text('v') }], watermark);
    return writer;
  }

  read(overrides: Partial<LogOptions> = {}): LogContents {
    const candidates = this.fs
      .listSync('/db')
      .map((name) => ({ path: `/db/${name}`, number: Number.parseInt(name, 10) }));
    return readLog(this.fs, candidates, { from: NONE, end: null, bootId: 'boot-a', ...overrides });
  }

  keys(overrides?: Partial<LogOptions>): string[] {
    const { segments } = this.read(overrides);
    return segments
      .flatMap((contents) => [...readRecords(contents)])
      .map(({ key }) => new TextDecoder().decode(key));
  }

  flip(number: number, offset: number): void {
    const bytes = readFileBytes(this.fs, pathOf(number));
    bytes[offset]! ^= 0x40;
    putFile(this.fs, pathOf(number), bytes);
  }

  cut(number: number, length: number): void {
    putFile(this.fs, pathOf(number), readFileBytes(this.fs, pathOf(number)).slice(0, length));
  }
}

const corruptionAt = (file: string | undefined, offset?: number) =>
  expect.objectContaining({
    code: 'LSM_CORRUPTION',
    file,
    ...(offset === undefined ? {} : { offset }),
  });

const AFTER_POWER_LOSS = { bootId: 'boot-b' };

describe('readLog', () => {
  test('follows the chain in order, from the segment that the manifest names', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const b = log.segment(5, a.endAt(), ['b', 'c']);
    log.segment(8, b.endAt(), ['d']);
    expect(log.keys()).toEqual(['a', 'b', 'c', 'd']);
    expect(log.keys({ from: b.identity })).toEqual(['b', 'c', 'd']);
    expect(log.keys({ from: { number: 5, idLow: 0, idHigh: 0 } })).toEqual(['b', 'c', 'd']);
    expect(log.read().cut).toBeNull();
    expect(log.read({ from: b.identity }).unused).toEqual([pathOf(3)]);
  });

  test('is empty when no segment was needed yet', () => {
    const log = new Log();
    expect(log.read()).toEqual({ segments: [], cut: null, unused: [] });
  });

  test('finds a missing or foreign first segment', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    log.fs.unlinkSync(pathOf(3));
    expect(() => log.read({ from: a.identity })).toThrow(corruptionAt(undefined));
    log.segment(3, null, ['x']);
    expect(() => log.read({ from: a.identity })).toThrow(corruptionAt(undefined));
  });

  test('finds a segment that is missing in the middle', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const b = log.segment(5, a.endAt(), ['b']);
    log.segment(8, b.endAt(), ['c']);
    log.fs.unlinkSync(pathOf(5));
    expect(() => log.read()).toThrow(corruptionAt(pathOf(8), 0));
    const { cut } = log.read(AFTER_POWER_LOSS);
    expect(cut).toMatchObject({ file: pathOf(8), discarded: [pathOf(8)] });
    expect(log.keys(AFTER_POWER_LOSS)).toEqual(['a']);
  });

  test('finds that a durable segment is missing, also after a loss of power', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const b = log.segment(5, a.endAt(), ['b']);
    log.segment(8, b.endAt(), ['c'], { segment: 5, offset: b.position });
    log.fs.unlinkSync(pathOf(5));
    expect(() => log.read(AFTER_POWER_LOSS)).toThrow(corruptionAt(pathOf(3)));
  });

  test('cuts the log where a segment is torn, and later segments with it', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a', 'b']);
    log.segment(5, a.endAt(), ['c']);
    log.cut(3, a.position - 8);
    const { segments, cut, unused } = log.read(AFTER_POWER_LOSS);
    expect(segments.map(({ path }) => path)).toEqual([pathOf(3)]);
    expect(cut).toMatchObject({ file: pathOf(3), discarded: [pathOf(5)] });
    expect(unused).toEqual([]);
    expect(log.keys(AFTER_POWER_LOSS)).toEqual(['a']);
    expect(() => log.read()).toThrow(corruptionAt(pathOf(3)));
  });

  test('takes a watermark in a later segment for the whole of an earlier one', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a', 'b']);
    log.segment(5, a.endAt(), ['c', 'd'], { segment: 5, offset: 72 });
    log.flip(3, a.position - 20);
    expect(() => log.read(AFTER_POWER_LOSS)).toThrow(corruptionAt(pathOf(3)));
  });

  test('reads a segment only up to where its successor took over', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const durable = a.position;
    appendPuts(a, 2, [{ key: text('unsynced'), value: text('x') }]);
    log.segment(4, a.endAt(), ['replaced']);
    log.segment(5, a.endAt(durable), ['again']);
    expect(log.keys()).toEqual(['a', 'again']);
    expect(log.read().unused).toEqual([pathOf(4)]);
    log.flip(3, durable + 60);
    expect(log.keys()).toEqual(['a', 'again']);
  });

  test('ignores spares, segments that never began and files of an earlier life', () => {
    const log = new Log();
    const old = log.segment(1, null, ['old']);
    const a = log.segment(3, null, ['a']);
    log.segment(4, a.endAt(), ['hidden'], undefined, { headerLast: true });
    putFile(log.fs, pathOf(6), new Uint8Array(500));
    log.fs.renameSync(old.path, pathOf(9));
    expect(log.keys({ from: a.identity })).toEqual(['a']);
    const { unused, cut } = log.read({ from: a.identity });
    expect(unused.toSorted()).toEqual([pathOf(4), pathOf(6), pathOf(9)]);
    expect(cut).toBeNull();
  });

  test('does not pass over a damaged header of a newer segment', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    log.segment(5, a.endAt(), ['b']);
    for (const offset of [0, 8, 20, 30, 70]) {
      log.flip(5, offset);
      expect(() => log.read(AFTER_POWER_LOSS)).toThrow(corruptionAt(pathOf(5), 0));
      log.flip(5, offset);
    }
    expect(log.keys()).toEqual(['a', 'b']);
  });

  test('holds a cleanly closed log to its end, byte by byte', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const b = log.segment(5, a.endAt(), ['b', 'c']);
    const closed = { end: b.endAt(), ...AFTER_POWER_LOSS };
    expect(log.keys(closed)).toEqual(['a', 'b', 'c']);
    for (const [number, length] of [
      [3, a.position],
      [5, b.position],
    ] as const) {
      for (let offset = 0; offset < length; offset++) {
        log.flip(number, offset);
        expect(() => log.read(closed)).toThrow(corruptionAt(pathOf(number)));
        log.flip(number, offset);
      }
    }
    for (let length = 0; length < b.position; length++) {
      const bytes = readFileBytes(log.fs, pathOf(5));
      log.cut(5, length);
      expect(() => log.read(closed)).toThrow(expect.objectContaining({ code: 'LSM_CORRUPTION' }));
      putFile(log.fs, pathOf(5), bytes);
    }
    log.fs.unlinkSync(pathOf(5));
    expect(() => log.read(closed)).toThrow(corruptionAt(pathOf(3)));
  });

  test('goes on behind a clean close once the log did', () => {
    const log = new Log();
    const a = log.segment(3, null, ['a']);
    const b = log.segment(5, a.endAt(), ['b']);
    expect(log.keys({ end: a.endAt() })).toEqual(['a', 'b']);
    log.cut(5, b.position - 8);
    expect(log.read({ end: a.endAt() }).cut).toMatchObject({ file: pathOf(5) });
  });
});
