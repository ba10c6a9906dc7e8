/** Crashes and failures at every operation of a manifest's life. */
import { isLsmError, seededRandom } from '@lsm/core';
import {
  type CrashSweepOptions,
  crashSweep,
  faultSweep,
  SimulatedFileSystem,
  SURVIVAL_VARIANTS,
  sweepWithoutEachSync,
} from '@lsm/testkit';
import { describe, expect, test } from 'vitest';
import {
  inspectDirectory,
  ManifestStore,
  type ManifestStoreOptions,
  readManifest,
} from '../src/index.ts';
import { table } from './fixtures.ts';

const EDITS = 5;

/** What a script says about the edit with a number. */
interface Note {
  readonly edit: number;
  readonly outcome: 'tried' | 'acked' | 'rejected';
}

const options = (): ManifestStoreOptions => ({ random: seededRandom(1), bootId: '' });

/** Adds table `edit`; the tables present tell which edits a state has. */
function commitEdit(store: ManifestStore, edit: number, sync = true): void {
  const added = { run: 1, table: table(edit, `k${edit}a`, `k${edit}z`) };
  store.commit({ runs: [{ id: 1, level: 1 }], addedTables: [added] }, { sync });
}

function editsIn(fs: SimulatedFileSystem): number[] {
  const { state } = readManifest(fs, 'db');
  return [...state.version.tables()].map(({ id }) => id);
}

function life(fs: SimulatedFileSystem, note: (fact: Note) => void): void {
  fs.makeDirectorySync('db');
  fs.syncDirectorySync('');
  const store = ManifestStore.create(fs, 'db', {}, options());
  note({ edit: 0, outcome: 'acked' });
  for (let edit = 1; edit <= EDITS; edit++) {
    note({ edit, outcome: 'tried' });
    commitEdit(store, edit);
    note({ edit, outcome: 'acked' });
    if (edit === 2) store.roll();
  }
  store.vouch();
  store.close();
}

const edits = (notes: readonly Note[], outcome: Note['outcome']): number[] =>
  notes.filter((note) => note.outcome === outcome).map(({ edit }) => edit);

function requireLegal(fs: SimulatedFileSystem, notes: readonly Note[]): string {
  const acked = edits(notes, 'acked');
  if (acked.length === 0 && fs.statSync('db') === null) return 'nothing';
  if (acked.length === 0 && inspectDirectory(fs, 'db') !== 'database') return 'unfinished';
  const present = [0, ...editsIn(fs)];
  for (const edit of acked) {
    if (!present.includes(edit)) throw new Error(`edit ${edit} was acknowledged and is lost`);
  }
  for (const edit of edits(notes, 'rejected')) {
    if (present.includes(edit)) throw new Error(`edit ${edit} was rejected and came back`);
  }
  return present.length > acked.length ? 'unacknowledged survives' : 'exact';
}

const sweep: CrashSweepOptions<Note> = {
  script: life,
  check(image, { notes }) {
    const reached = requireLegal(image, notes);
    if (reached === 'nothing') return reached;
    // Whatever was left can be continued, and what recovery found stays.
    const isNew = inspectDirectory(image, 'db') !== 'database';
    const before = isNew ? [] : editsIn(image);
    const store = isNew
      ? ManifestStore.create(image, 'db', {}, options())
      : ManifestStore.open(image, 'db', options());
    store.sync();
    commitEdit(store, 99);
    store.close();
    expect(editsIn(image)).toEqual([...before, 99]);
    return reached;
  },
};

describe('a crash of a manifest', () => {
  test('at any operation leaves a state between the acknowledged and the tried', async () => {
    const report = await crashSweep(sweep);
    expect(report.points).toBeGreaterThan(40);
    for (const state of ['nothing', 'unfinished', 'exact', 'unacknowledged survives']) {
      expect(report.states.get(state), state).toBeGreaterThan(0);
    }
  });

  test('is noticed by the sweep for every sync that is left out', async () => {
    const controls = await sweepWithoutEachSync({ ...sweep, seeds: 1 });
    const unnoticed = controls.filter(({ failure }) => failure === null);
    expect(unnoticed.map(({ path }) => path)).toEqual([]);
  });
});

describe('a failing operation of a manifest', () => {
  /** As {@link life}, but goes on after errors as an engine would: an edit in doubt is void once a later one is in. */
  function stubbornLife(fs: SimulatedFileSystem, note: (fact: Note) => void): void {
    fs.makeDirectorySync('db');
    fs.syncDirectorySync('');
    const store = ManifestStore.create(fs, 'db', {}, options());
    note({ edit: 0, outcome: 'acked' });
    const inDoubt: number[] = [];
    for (let edit = 1; edit <= EDITS; edit++) {
      try {
        if (edit === 3) store.roll();
      } catch {
        // Nothing was to be changed by it.
      }
      try {
        commitEdit(store, edit);
        note({ edit, outcome: 'acked' });
        expect(store.version.runOf(edit)).toBe(1);
        for (const doubted of inDoubt.splice(0)) note({ edit: doubted, outcome: 'rejected' });
      } catch (error) {
        if (!isLsmError(error)) throw error;
        const isUnknown = error.code === 'LSM_COMMIT_UNKNOWN';
        note({ edit, outcome: isUnknown ? 'tried' : 'rejected' });
        if (isUnknown) inDoubt.push(edit);
        expect(store.version.runOf(edit)).toBeUndefined();
      }
    }
    store.close();
  }

  test('never loses an acknowledged edit, and never brings back a rejected one', async () => {
    const outcomes = new Map<string, number>();
    const report = await faultSweep<Note>({
      script: stubbornLife,
      check(fs, { notes }) {
        for (const { outcome } of notes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (fs.statSync('db') !== null) requireLegal(fs, notes);
        for (const variant of SURVIVAL_VARIANTS) {
          const image = fs.survivors(variant, 1);
          if (image.statSync('db') !== null || notes.length > 0) requireLegal(image, notes);
        }
      },
    });
    expect(report.runs).toBeGreaterThan(500);
    for (const outcome of ['acked', 'rejected', 'tried']) {
      expect(outcomes.get(outcome), outcome).toBeGreaterThan(0);
    }
  });

  test('in any way leaves a store that takes edits again when the disk does', async () => {
    let store: ManifestStore;
    let doubts = 0;
    await faultSweep<Note>({
      script(fs) {
        fs.makeDirectorySync('db');
        fs.syncDirectorySync('');
        store = ManifestStore.create(fs, 'db', {}, options());
        for (let edit = 1; edit <= EDITS; edit++) {
          try {
            if (edit === 3) store.roll();
            commitEdit(store, edit);
          } catch (error) {
            if (isLsmError(error, 'LSM_COMMIT_UNKNOWN')) doubts++;
          }
        }
      },
      check(fs, { error }) {
        if (error !== undefined) return;
        const before = [...store.version.tables()].map(({ id }) => id);
        commitEdit(store, 99);
        expect(store.failure).toBeNull();
        for (const variant of SURVIVAL_VARIANTS) {
          expect(new Set(editsIn(fs.survivors(variant, 1)))).toEqual(new Set([...before, 99]));
        }
        store.vouch();
        store.close();
      },
    });
    expect(doubts).toBeGreaterThan(50);
  });

  test('right after a rename leaves a pointer that a new process makes durable before it relies on it', () => {
    const fs = new SimulatedFileSystem({ keepLog: true });
    fs.makeDirectorySync('db');
    fs.syncDirectorySync('');
    ManifestStore.create(fs, 'db', {}, options()).close();
    // The roll syncs the directory for the new file first, for the pointer second.
    const probe = fs.fork({ keepLog: true });
    const probed = probe.operations;
    ManifestStore.open(probe, 'db', options()).roll();
    const publication = probe.log.findLastIndex(({ kind }) => kind === 'syncDirectory');
    const at = fs.operations + probe.log[publication]!.index - probed;
    const first = ManifestStore.open(fs, 'db', options());
    fs.inject({ errno: 'EIO', at, persistent: false });
    expect(() => first.roll()).toThrow('not known which manifest');
    fs.clearFaults();
    // The process ends here; the disk goes on.
    const second = ManifestStore.open(fs, 'db', options());
    expect(second.fileName).toBe('MANIFEST-000002');
    commitEdit(second, 99);
    for (const variant of SURVIVAL_VARIANTS) {
      for (let seed = 1; seed <= 8; seed++) {
        expect(editsIn(fs.survivors(variant, seed)), variant.name).toEqual([99]);
      }
    }
  });

  test('that is passing does not stop later edits', async () => {
    await faultSweep<Note>({
      script: stubbornLife,
      kinds: [{ errno: 'ENOSPC' }, { errno: 'ENOSPC', shortBytes: 5 }],
      only: (operation) => operation.kind === 'write',
      check(fs, { notes, persistent }) {
        if (persistent || notes.length === 0) return;
        expect(edits(notes, 'acked').length).toBeGreaterThanOrEqual(EDITS);
        requireLegal(fs, notes);
      },
    });
  });
});
