/** Crashes at every operation of a log of several segments, one of them recycled, one replacing a failed one. */
import { EMPTY_BYTES, seededRandom } from '@lsm/core';
import {
  type CrashSweepOptions,
  crashSweep,
  SimulatedFileSystem,
  sweepWithoutEachSync,
} from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import {
  type LogCandidate,
  readLog,
  readRecords,
  readSegment,
  SEGMENT_HEADER_BYTES,
  type SegmentEnd,
  SegmentWriter,
  type Watermark,
} from '../src/index.ts';
import { appendPuts, segmentOptions, text } from './fixtures.ts';

const FROM = { number: 1, idLow: 0, idHigh: 0 };

/** Writes numbered records; notes each number once it is durable. */
class Scribe {
  readonly #fs: SimulatedFileSystem;
  readonly #note: (durable: number) => void;
  readonly #random = seededRandom(4);
  readonly #watermark: Watermark = { segment: 0, offset: 0 };
  #last = 0;
  writer!: SegmentWriter;

  constructor(fs: SimulatedFileSystem, note: (durable: number) => void) {
    this.#fs = fs;
    this.#note = note;
  }

  open(number: number, previous: SegmentEnd | null, recycle?: string): void {
    const options = segmentOptions({ number, previous, random: this.#random });
    this.writer = SegmentWriter.create(
      this.#fs,
      `db/${number}.log`,
      recycle === undefined ? options : { ...options, recycle },
    );
  }

  write(): void {
    const key = text(String(++this.#last));
    appendPuts(this.writer, this.#last, [{ key, value: EMPTY_BYTES }], this.#watermark);
  }

  sync(): void {
    this.#fs.syncDirectorySync('db');
    this.writer.syncSync();
    this.#watermark.segment = this.writer.identity.number;
    this.#watermark.offset = this.writer.durable;
    this.#note(this.#last);
  }
}

function writeLog(fs: SimulatedFileSystem, note: (durable: number) => void): void {
  fs.makeDirectorySync('db');
  fs.syncDirectorySync('');
  const scribe = new Scribe(fs, note);
  const spare = SegmentWriter.create(fs, 'db/0.log', segmentOptions({ number: 0 }));
  for (let i = 0; i < 12; i++) appendPuts(spare, i, [{ key: text('stale'), value: EMPTY_BYTES }]);
  spare.syncSync();
  spare.close();
  scribe.open(2, null);
  scribe.write();
  scribe.sync();
  scribe.write();
  scribe.write();
  scribe.sync();
  scribe.write();
  const first = scribe.writer;
  scribe.sync();
  scribe.open(5, first.endAt(), 'db/0.log');
  for (let i = 0; i < 4; i++) {
    scribe.write();
    scribe.write();
    scribe.sync();
  }
  scribe.write();
}

function candidates(fs: SimulatedFileSystem): LogCandidate[] {
  return fs
    .listSync('db')
    .map((name) => ({ path: `db/${name}`, number: Number.parseInt(name, 10) }));
}

const sweep: CrashSweepOptions<number> = {
  script: writeLog,
  check(image, { notes }) {
    if (notes.length === 0 && image.statSync('db') === null) return 'nothing';
    const { segments, cut } = readLog(image, candidates(image), {
      from: FROM,
      end: null,
      bootId: 'boot-b',
    });
    const found = segments.flatMap((contents) => [...readRecords(contents)]);
    found.forEach(({ sequence, key }, i) => {
      expect(sequence).toBe(i + 1);
      expect(new TextDecoder().decode(key)).toBe(String(i + 1));
    });
    if (found.length < (notes.at(-1) ?? 0)) throw new Error('a durable record is lost');
    return cut === null ? 'whole' : 'torn';
  },
};

describe('a crash of a log', () => {
  test('at any operation leaves a prefix that holds everything durable', async () => {
    const report = await crashSweep({ ...sweep, seeds: 4 });
    for (const state of ['nothing', 'whole', 'torn']) {
      expect(report.states.get(state), state).toBeGreaterThan(0);
    }
    expect(report.distinct).toBeGreaterThan(50);
  });

  test('is noticed by the sweep for every sync that is left out', async () => {
    const controls = await sweepWithoutEachSync(sweep);
    const unnoticed = controls.filter(({ failure }) => failure === null);
    // The spare's content is stale from the start; of the directory's syncs only the first two have names to save.
    const files = unnoticed.map(({ path }) => path).filter((path) => path.endsWith('.log'));
    expect(files).toEqual(['db/0.log']);
    expect(controls.length - unnoticed.length).toBeGreaterThan(6);
  });
});

describe('the frames of a segment whose sync failed', () => {
  test('move to a new segment as a whole or not at all', async () => {
    const script = (fs: SimulatedFileSystem, note: (fact: number) => void): void => {
      fs.makeDirectorySync('db');
      fs.syncDirectorySync('');
      const old = SegmentWriter.create(fs, 'db/2.log', segmentOptions({ number: 2 }));
      for (let i = 1; i <= 4; i++) appendPuts(old, i, [{ key: text(`${i}`), value: EMPTY_BYTES }]);
      fs.syncDirectorySync('db');
      // From here on as after a failed sync: nothing of the old segment is known durable.
      const options = segmentOptions({
        number: 3,
        random: seededRandom(8),
        previous: old.endAt(SEGMENT_HEADER_BYTES),
        headerLast: true,
      });
      const next = SegmentWriter.create(fs, 'db/3.log', options);
      for (let i = 1; i <= 4; i++) appendPuts(next, i, [{ key: text(`${i}`), value: EMPTY_BYTES }]);
      next.syncSync();
      next.publish();
      next.syncSync();
      fs.syncDirectorySync('db');
      // The old segment has to be there as well: it is what the new one continues.
      old.syncSync();
      note(4);
    };
    const report = await crashSweep<number>({
      script,
      check(image, { notes }) {
        if (image.statSync('db') === null) return 'nothing';
        const options = { from: FROM, end: null, bootId: '' };
        const { segments } = readLog(image, candidates(image), options);
        const found = segments.flatMap((contents) => [...readRecords(contents)]);
        expect(found.map(({ sequence }) => sequence)).toEqual(found.map((_, i) => i + 1));
        if (found.length < (notes.at(-1) ?? 0)) throw new Error('a durable record is lost');
        return segments.at(-1)?.header?.number === 3 ? 'moved' : 'old';
      },
    });
    expect(report.states.get('moved')).toBeGreaterThan(0);
    expect(report.states.get('old')).toBeGreaterThan(0);
  });
});

describe('a segment that the next process opens', () => {
  test('is durable after its first sync, although one of an earlier process failed', () => {
    const fs = new SimulatedFileSystem();
    fs.makeDirectorySync('db');
    const writer = SegmentWriter.create(fs, 'db/2.log', segmentOptions({ number: 2 }));
    fs.syncDirectorySync('');
    fs.syncDirectorySync('db');
    for (const key of ['1', '2']) {
      appendPuts(writer, Number(key), [{ key: text(key), value: EMPTY_BYTES }]);
      if (key === '1') writer.syncSync();
    }
    fs.inject({ at: ({ kind }) => kind === 'sync', errno: 'EIO' });
    expect(() => writer.syncSync()).toThrow();
    const next = fs.restartProcess();
    SegmentWriter.reopen(next, readSegment(next, 'db/2.log')).syncSync();
    const left = next.survivors({ name: 'synced-only', data: 'none', names: 'none' }, 1);
    expect([...readRecords(readSegment(left, 'db/2.log'))].map(({ sequence }) => sequence)).toEqual(
      [1, 2],
    );
  });
});
