/**
 * Damage: every byte of every file of a small database, changed by three masks, and every file cut at every length.
 * A reader gets what was written or a typed error: never another value, never a key less, never a hang or a crash.
 *
 * After a crash the log's unsynced end may be missing: then the state has to be that after some earlier commit, and
 * none before the last one that was known durable.
 */
import { isLsmError } from '@lsm/core';
import { type Db, type OpenOptions, open } from '@lsm/engine';
import { memoryFileSystem, nodeFileSystem } from '@lsm/fs';
import { describe, expect, it } from 'vitest';
import {
  flipped,
  type Image,
  restoreImage,
  takeImage,
  truncated,
  without,
  writeImage,
} from './support/image.ts';
import { TINY, temporaryDirectory, text } from './support/open.ts';

const MASKS = [0x01, 0x80, 0xff];
const KEYS = 24;
const OPTIONS: OpenOptions = { ...TINY, compression: ['none', 'lz4'], durability: 'os' };

interface Subject {
  readonly image: Image;
  /** Contents after each commit, as {@link contents} writes them; later ones first wins. */
  readonly states: ReadonlyMap<string, number>;
  readonly last: number;
  /** Commits that are known durable. */
  readonly durable: number;
  /** Commits that are in tables. */
  readonly flushed: number;
}

const key = (i: number): string => `key-${String(i).padStart(2, '0')}`;

/** Builds a database with two runs, a range delete, a log with a synced and an unsynced part. */
async function build(clean: boolean): Promise<Subject> {
  const fs = memoryFileSystem();
  const db = await open('/db', { ...OPTIONS, fs });
  const states = new Map<string, number>();
  const model = new Map<string, string>();
  let commits = 0;
  const commit = (apply: () => void): void => {
    apply();
    commits++;
    states.set(stateText(model), commits);
  };
  const put = (i: number, value: string): void => {
    commit(() => {
      db.putSync(key(i), value);
      model.set(key(i), value);
    });
  };
  states.set(stateText(model), 0);
  for (let i = 0; i < KEYS; i++) put(i, `first value of ${i}`);
  await db.compact();
  for (let i = 0; i < KEYS; i += 3) put(i, `second ${i}`);
  commit(() => {
    db.delRangeSync({ gte: key(8), lt: key(11) });
    for (let i = 8; i < 11; i++) model.delete(key(i));
  });
  await db.flush();
  const flushed = commits;
  commit(() => {
    db.delSync(key(4));
    model.delete(key(4));
  });
  commit(() => {
    db.batchSync([
      { type: 'put', key: key(5), value: 'batch' },
      { type: 'put', key: key(6), value: 'batch' },
    ]);
    model.set(key(5), 'batch').set(key(6), 'batch');
  });
  await db.sync();
  const durable = commits;
  put(7, 'behind the sync');
  put(12, 'last');
  let image = takeImage(fs, '/db');
  await db.close();
  if (clean) image = takeImage(fs, '/db');
  return { image, states, last: commits, durable: clean ? commits : durable, flushed };
}

function stateText(model: ReadonlyMap<string, string>): string {
  const entries = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([k, v]) => `${k}=${v}`).join('\n');
}

/** Everything that can be read, by point reads and scans in both directions, which have to agree. */
function contents(db: Db): { state: string | undefined; error: unknown } {
  let error: unknown = null;
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (caught) {
      if (!isLsmError(caught)) throw caught;
      error = caught;
      return undefined;
    }
  };
  const lines = attempt(() => [...db.entries()].map(([k, v]) => `${text(k)}=${text(v)}`));
  const reverse = attempt(() =>
    [...db.entries({ reverse: true })].map(([k, v]) => `${text(k)}=${text(v)}`),
  );
  const points: string[] = [];
  let failed = false;
  for (let i = 0; i < KEYS; i++) {
    try {
      const value = db.getSync(key(i));
      if (value !== undefined) points.push(`${key(i)}=${text(value)}`);
    } catch (caught) {
      if (!isLsmError(caught)) throw caught;
      failed = true;
      error = caught;
    }
  }
  const seen = [
    lines?.join('\n'),
    reverse?.toReversed().join('\n'),
    failed ? undefined : points.join('\n'),
  ];
  const whole = seen.filter((state) => state !== undefined);
  for (const state of whole) expect(state).toBe(whole[0]);
  return { state: whole[0], error };
}

interface Counts {
  cases: number;
  refusedAtOpen: number;
  refusedAtRead: number;
  cut: number;
  unharmed: number;
  readonly unharmedIn: Record<string, number>;
}

/** Opens a damaged image and judges what it shows. */
async function judge(
  subject: Subject,
  image: Image,
  label: string,
  counts: Counts,
  readOnly: boolean,
): Promise<void> {
  counts.cases++;
  let db: Db;
  try {
    db = await open('/db', { ...OPTIONS, fs: restoreImage(image, '/db'), readOnly });
  } catch (error) {
    checkError(error, label);
    counts.refusedAtOpen++;
    return;
  }
  try {
    const { state, error } = contents(db);
    if (error !== null) {
      checkError(error, label);
      counts.refusedAtRead++;
      if (state === undefined) return;
    }
    const commit = subject.states.get(state ?? '');
    if (commit === undefined || commit < subject.durable) {
      throw new Error(`${label}: shows state ${commit}, durable is ${subject.durable}:\n${state}`);
    }
    if (error !== null) return;
    if (commit === subject.last) {
      counts.unharmed++;
      const name = label.split(' ')[0]!;
      counts.unharmedIn[name] = (counts.unharmedIn[name] ?? 0) + 1;
    } else {
      counts.cut++;
    }
  } finally {
    try {
      await db.close();
    } catch (error) {
      checkError(error, label);
    }
  }
}

function checkError(error: unknown, label: string): void {
  if (!isLsmError(error)) throw new Error(`${label}: an untyped error`, { cause: error });
  const expected = ['LSM_CORRUPTION', 'LSM_UNSUPPORTED_FORMAT', 'LSM_MISSING'];
  expect(expected, `${label}: ${error.code} ${error.message} ${error.stack}`).toContain(error.code);
  expect(error.file, `${label}: ${error.message}`).toBeDefined();
}

const newCounts = (): Counts => ({
  cases: 0,
  refusedAtOpen: 0,
  refusedAtRead: 0,
  cut: 0,
  unharmed: 0,
  unharmedIn: {},
});

describe.each([true, false])('a small database, closed cleanly: %s', (clean) => {
  it('every byte × three masks: the right answer or a typed error', async () => {
    const subject = await build(clean);
    const sizes = [...subject.image].map(([name, bytes]) => `${name}: ${bytes.length}`);
    console.info(`files: ${sizes.join(', ')}`);
    const counts = newCounts();
    for (const [name, bytes] of subject.image) {
      for (let offset = 0; offset < bytes.length; offset++) {
        for (const mask of MASKS) {
          const image = flipped(subject.image, name, offset, mask);
          const label = `${name} @ ${offset} ^ ${mask}`;
          // Every eleventh is opened for writing, where recovery itself writes and flushes.
          await judge(subject, image, label, counts, (offset * 3 + mask) % 11 !== 0);
        }
      }
    }
    console.info(`flips, clean ${clean}: ${JSON.stringify(counts)}`);
    expect(counts.cases).toBe(
      [...subject.image.values()].reduce((sum, bytes) => sum + bytes.length, 0) * MASKS.length,
    );
    // Had nothing been detected, the flips would not have reached the files.
    expect(counts.refusedAtOpen).toBeGreaterThan(500);
    if (clean) expect(counts.cut).toBe(0);
  }, 240_000);

  it('every file cut at every length, or missing: the right answer or a typed error', async () => {
    const subject = await build(clean);
    const counts = newCounts();
    for (const [name, bytes] of subject.image) {
      // A log that lost its end also lost the frames that say how much of it was durable; only a clean close says it
      // elsewhere. (What was synced does not vanish from a device by itself; that it was flipped is noticed above.)
      const isLog = name.endsWith('.log');
      const expected = isLog && !clean ? { ...subject, durable: subject.flushed } : subject;
      await judge(subject, without(subject.image, name), `${name} missing`, counts, true);
      await judge(subject, without(subject.image, name), `${name} missing`, counts, false);
      for (let length = 0; length < bytes.length; length++) {
        const image = truncated(subject.image, name, length);
        await judge(expected, image, `${name} cut to ${length}`, counts, length % 7 !== 0);
      }
    }
    console.info(`cuts, clean ${clean}: ${JSON.stringify(counts)}`);
    expect(counts.refusedAtOpen).toBeGreaterThan(200);
    if (clean) expect(counts.cut).toBe(0);
  }, 240_000);
});

it('the same on real files, for a sample', async () => {
  const subject = await build(true);
  const fs = nodeFileSystem();
  const directory = temporaryDirectory();
  let detected = 0;
  let cases = 0;
  for (const [name, bytes] of subject.image) {
    for (let offset = 0; offset < bytes.length; offset += 97) {
      const path = `${directory}/${cases++}`;
      writeImage(fs, flipped(subject.image, name, offset, 0xff), path);
      let db: Db | undefined;
      try {
        db = await open(path, { ...OPTIONS });
        const { state, error } = contents(db);
        if (error === null) {
          expect(subject.states.get(state ?? '')).toBe(subject.last);
        } else {
          checkError(error, path);
          detected++;
        }
        await db.close();
      } catch (error) {
        checkError(error, `${name} @ ${offset}`);
        detected++;
        await db?.close();
      }
    }
  }
  expect(detected).toBeGreaterThan(5);
});

it('a damaged table: other keys stay readable, compaction refuses it, nothing is dropped', async () => {
  const subject = await build(true);
  const table = [...subject.image.keys()].find((name) => name.endsWith('.sst'))!;
  // The first data block.
  const fs = restoreImage(flipped(subject.image, table, 40, 0xff), '/db');
  const db = await open('/db', { ...OPTIONS, fs });
  const outcomes: string[] = [];
  for (let i = 0; i < KEYS; i++) {
    try {
      outcomes.push(text(db.getSync(key(i))) ?? 'absent');
    } catch (error) {
      checkError(error, key(i));
      outcomes.push('refused');
    }
  }
  expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(0);
  expect(outcomes.filter((outcome) => outcome !== 'refused').length).toBeGreaterThan(0);
  await expect(db.verify()).rejects.toMatchObject({ code: 'LSM_CORRUPTION', file: `/db/${table}` });
  await expect(db.compact()).rejects.toMatchObject({
    code: 'LSM_CORRUPTION',
    file: `/db/${table}`,
  });
  expect(fs.listSync('/db')).toContain(table);
  for (let i = 0; i < KEYS; i++) {
    if (outcomes[i] === 'refused') expect(() => db.getSync(key(i))).toThrow();
    else expect(text(db.getSync(key(i))) ?? 'absent').toBe(outcomes[i]);
  }
  await db.close();
});
