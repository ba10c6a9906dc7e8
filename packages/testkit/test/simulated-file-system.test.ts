import { seededRandom } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import {
  type CrashPoint,
  captureEach,
  hashImage,
  SimulatedFileSystem,
  SURVIVAL_VARIANTS,
  type SurvivalVariant,
} from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const seed = Number(process.env['LSM_SEED'] ?? 20_261_121);

function variant(name: string): SurvivalVariant {
  return SURVIVAL_VARIANTS.find((one) => one.name === name)!;
}

function writeNew(fs: SimulatedFileSystem, path: string, bytes: Uint8Array, sync: boolean): void {
  const handle = fs.openSync(path, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  if (sync) handle.syncSync();
  handle.close();
}

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A script of file operations that never fails, beside what must survive every crash from then on. */
type Step =
  | { readonly do: 'create'; readonly name: number }
  | {
      readonly do: 'write';
      readonly name: number;
      readonly position: number;
      readonly length: number;
    }
  | { readonly do: 'sync'; readonly name: number }
  | { readonly do: 'syncDirectory' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('create'), name: fc.nat(3) }),
  fc.record({
    do: fc.constant('write'),
    name: fc.nat(3),
    position: fc.nat(9000),
    length: fc.integer({ min: 1, max: 5000 }),
  }),
  fc.record({ do: fc.constant('sync'), name: fc.nat(3) }),
  fc.record({ do: fc.constant('syncDirectory') }),
);

/** Runs the steps; returns for each name the bytes that are synced under a synced name. */
function runSteps(fs: SimulatedFileSystem, steps: readonly Step[]): Map<string, Uint8Array> {
  const named = new Set<string>();
  const synced = new Map<string, Uint8Array>();
  let fill = 0;
  for (const one of steps) {
    if (one.do === 'syncDirectory') {
      fs.syncDirectorySync('');
      for (const name of fs.listSync('')) named.add(name);
      continue;
    }
    const path = `f${one.name}`;
    if (one.do === 'create') {
      if (fs.statSync(path) === null) fs.openSync(path, 'create').close();
      continue;
    }
    if (fs.statSync(path) === null) continue;
    const handle = fs.openSync(path, 'write');
    if (one.do === 'sync') {
      handle.syncSync();
      synced.set(path, fs.bytesOf(path));
    } else {
      const bytes = new Uint8Array(one.length).fill(++fill);
      handle.writeSync(bytes, 0, one.length, one.position);
      // What is written over again is no longer certain to be the old.
      const sure = synced.get(path);
      if (sure !== undefined) synced.set(path, sure.slice(0, Math.min(sure.length, one.position)));
    }
    handle.close();
  }
  return new Map([...synced].filter(([path]) => named.has(path)));
}

describe('SimulatedFileSystem', () => {
  it.each(SURVIVAL_VARIANTS)('keeps synced bytes under synced names: $name', (one) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(1000), (steps, chance) => {
        const fs = new SimulatedFileSystem();
        const sure = runSteps(fs, steps);
        const survivor = fs.survivors(one, chance);
        for (const [path, bytes] of sure) {
          expect(readFileBytes(survivor, path).subarray(0, bytes.length)).toEqual(bytes);
        }
      }),
      { seed, numRuns: 60 },
    );
  });

  it('gives the same image for the same seed, and a running system the image "everything"', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(1000), (steps, chance) => {
        const fs = new SimulatedFileSystem();
        runSteps(fs, steps);
        const point = fs.capture();
        expect(hashImage(point.survivors(variant('everything'), 0))).toBe(fs.hash());
        for (const one of SURVIVAL_VARIANTS) {
          const first = hashImage(point.survivors(one, chance));
          expect(hashImage(point.survivors(one, chance))).toBe(first);
          // The disk goes on; a captured moment does not change.
          fs.putBytes('later', Uint8Array.of(1));
          expect(hashImage(point.survivors(one, chance))).toBe(first);
        }
      }),
      { seed, numRuns: 60 },
    );
  });

  it('loses what was not synced: bytes, names, removals, each in its variant', () => {
    const fs = new SimulatedFileSystem();
    const old = new Uint8Array(2000).fill(1);
    writeNew(fs, 'kept', old, true);
    writeNew(fs, 'removed', old, true);
    fs.syncDirectorySync('');
    writeNew(fs, 'new', old, false);
    const kept = fs.openSync('kept', 'write');
    kept.writeSync(new Uint8Array(2000).fill(2), 0, 2000, 1000);
    fs.unlinkSync('removed');

    const only = fs.survivors(variant('synced-only'), 1);
    expect(new Set(only.listSync(''))).toEqual(new Set(['kept', 'removed']));
    expect(only.bytesOf('kept')).toEqual(old);
    expect(fs.survivors(variant('everything'), 1).hash()).toBe(fs.hash());
    const empty = fs.survivors(variant('names-without-data'), 1);
    expect(empty.bytesOf('new')).toHaveLength(0);
    const zeros = fs.survivors(variant('size-without-data'), 1);
    expect(zeros.bytesOf('kept')).toHaveLength(3000);
    expect(
      zeros
        .bytesOf('kept')
        .subarray(2000)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(fs.survivors(variant('new-names-lost'), 1).listSync('')).toEqual(['kept']);
    expect(fs.survivors(variant('removals-undone'), 1).listSync('').sort()).toEqual([
      'kept',
      'new',
      'removed',
    ]);
  });

  it.each([
    ['units-512', 512],
    ['units-4096', 4096],
  ] as const)('tears an overwrite at units: %s', (name, unit) => {
    const fs = new SimulatedFileSystem();
    const size = unit * 8;
    writeNew(fs, 'f', new Uint8Array(size).fill(1), true);
    fs.syncDirectorySync('');
    fs.openSync('f', 'write').writeSync(new Uint8Array(size).fill(2), 0, size, 0);
    const seen = new Set<string>();
    for (let chance = 0; chance < 40; chance++) {
      const bytes = fs.survivors(variant(name), chance).bytesOf('f');
      let pattern = '';
      for (let at = 0; at < size; at += unit) {
        expect(new Set(bytes.subarray(at, at + unit)).size).toBe(1);
        pattern += bytes[at];
      }
      seen.add(pattern);
    }
    expect(seen.size).toBeGreaterThan(20);
  });

  it('commits earlier name changes with each sync in mode "ordered"', () => {
    for (const names of ['strict', 'ordered'] as const) {
      const fs = new SimulatedFileSystem({ names });
      writeNew(fs, 'f', Uint8Array.of(1), true);
      const found = fs.survivors(variant('synced-only'), 1).listSync('');
      expect(found).toEqual(names === 'strict' ? [] : ['f']);
    }
  });

  it('vouches in an asynchronous sync only for what was written before it began', async () => {
    const fs = new SimulatedFileSystem();
    const handle = fs.openSync('f', 'create');
    fs.syncDirectorySync('');
    handle.writeSync(Uint8Array.of(1), 0, 1, 0);
    const sync = handle.sync();
    handle.writeSync(Uint8Array.of(2), 0, 1, 1);
    await sync;
    expect(Array.from(fs.survivors(variant('synced-only'), 1).bytesOf('f'))).toEqual([1]);
    await handle.sync();
    expect(Array.from(fs.survivors(variant('synced-only'), 1).bytesOf('f'))).toEqual([1, 2]);
  });

  it.each(['new', 'old'] as const)(
    'leaves pages clean after a failed sync, content %s',
    (content) => {
      const fs = new SimulatedFileSystem();
      writeNew(fs, 'f', Uint8Array.of(1, 1), true);
      fs.syncDirectorySync('');
      const handle = fs.openSync('f', 'write');
      handle.writeSync(Uint8Array.of(2), 0, 1, 0);
      fs.inject({ at: fs.operations, errno: 'EIO', failedSync: content });
      expect(codeOf(() => handle.syncSync())).toBe('LSM_IO');
      expect(codeOf(() => handle.syncSync())).toBe('LSM_IO');
      expect(fs.bytesOf('f')[0]).toBe(content === 'new' ? 2 : 1);
      // A later sync of the same file, through another handle, succeeds and does not write the lost page.
      const other = fs.openSync('f', 'write');
      other.writeSync(Uint8Array.of(3), 0, 1, 1);
      other.syncSync();
      expect(Array.from(fs.survivors(variant('synced-only'), 1).bytesOf('f'))).toEqual([1, 3]);
      expect(Array.from(fs.survivors(variant('everything'), 1).bytesOf('f'))).toEqual([2, 3]);
    },
  );

  it('keeps only the last write of a sync that fails torn', () => {
    const fs = new SimulatedFileSystem();
    writeNew(fs, 'f', Uint8Array.of(1, 1), true);
    fs.syncDirectorySync('');
    const handle = fs.openSync('f', 'write');
    handle.writeSync(Uint8Array.of(2), 0, 1, 0);
    handle.writeSync(Uint8Array.of(3), 0, 1, 1);
    fs.inject({ at: fs.operations, errno: 'EIO', failedSync: 'torn' });
    expect(codeOf(() => handle.syncSync())).toBe('LSM_IO');
    expect(Array.from(fs.bytesOf('f'))).toEqual([1, 3]);
    expect(Array.from(fs.survivors(variant('synced-only'), 1).bytesOf('f'))).toEqual([1, 3]);
    expect(Array.from(fs.survivors(variant('everything'), 1).bytesOf('f'))).toEqual([1, 3]);
  });

  it('loses what was synced in a directory whose own name was not', () => {
    const fs = new SimulatedFileSystem();
    fs.makeDirectorySync('a');
    writeNew(fs, 'a/f', Uint8Array.of(1), true);
    fs.syncDirectorySync('a');
    expect(fs.survivors(variant('synced-only'), 1).statSync('a/f')).toBeNull();
    fs.syncDirectorySync('');
    expect(fs.survivors(variant('synced-only'), 1).statSync('a/f')).not.toBeNull();
  });

  it('can keep the last change of names alone', () => {
    const fs = new SimulatedFileSystem();
    writeNew(fs, 'a', Uint8Array.of(1), true);
    fs.renameSync('a', 'b');
    writeNew(fs, 'c', Uint8Array.of(1), true);
    fs.renameSync('c', 'd');
    const left = fs.survivors(variant('last-name-only'), 1);
    expect(left.listSync('')).toEqual(['d']);
  });

  it('writes what fits, then fails, and goes on when there is room again', () => {
    const fs = new SimulatedFileSystem({ capacityBytes: 1000 });
    const handle = fs.openSync('f', 'create');
    handle.writeSync(new Uint8Array(900), 0, 900, 0);
    expect(codeOf(() => handle.writeSync(new Uint8Array(200).fill(1), 0, 200, 900))).toBe(
      'LSM_DISK_FULL',
    );
    expect(handle.sizeSync()).toBe(1000);
    handle.writeSync(new Uint8Array(1000), 0, 1000, 0);
    expect(codeOf(() => handle.truncateSync(1001))).toBe('LSM_DISK_FULL');
    handle.truncateSync(100);
    expect(fs.usedBytes).toBe(100);
    expect(fs.freeBytesSync()).toBe(900);
    writeNew(fs, 'g', new Uint8Array(900), false);
    const open = fs.openSync('g', 'read');
    fs.unlinkSync('g');
    expect(codeOf(() => handle.writeSync(new Uint8Array(1), 0, 1, 100))).toBe('LSM_DISK_FULL');
    open.close();
    handle.writeSync(new Uint8Array(1), 0, 1, 100);
    fs.capacityBytes = 50;
    expect(fs.freeBytesSync()).toBe(0);
    fs.capacityBytes = 101;
    expect(codeOf(() => handle.writeSync(new Uint8Array(1), 0, 1, 101))).toBe('LSM_DISK_FULL');
  });

  it('injects by number and by test, once and for good, with short writes and flips', () => {
    const fs = new SimulatedFileSystem();
    const handle = fs.openSync('f', 'create');
    fs.inject({ at: fs.operations, errno: 'ENOSPC', shortBytes: 3 });
    expect(codeOf(() => handle.writeSync(new Uint8Array(8).fill(1), 0, 8, 0))).toBe(
      'LSM_DISK_FULL',
    );
    expect(handle.sizeSync()).toBe(3);
    fs.inject({ at: ({ kind }) => kind === 'read', flip: { offset: 1, mask: 0x80 } });
    const target = new Uint8Array(3);
    handle.readSync(target, 0, 3, 0);
    expect(Array.from(target)).toEqual([1, 0x81, 1]);
    handle.readSync(target, 0, 3, 0);
    expect(Array.from(target)).toEqual([1, 1, 1]);
    fs.inject({ at: fs.operations + 1, errno: 'EACCES', persistent: true });
    expect(handle.sizeSync()).toBe(3);
    expect(codeOf(() => fs.openSync('g', 'create'))).toBe('LSM_READ_ONLY');
    expect(codeOf(() => fs.unlinkSync('f'))).toBe('LSM_READ_ONLY');
    fs.clearFaults();
    fs.unlinkSync('f');
  });

  it('fails everything after a crash, and lets the next process see what was written', () => {
    const fs = new SimulatedFileSystem();
    const handle = fs.openSync('f', 'create');
    fs.crashAfter(fs.operations);
    handle.writeSync(Uint8Array.of(1), 0, 1, 0);
    expect(codeOf(() => handle.syncSync())).toBe('LSM_IO');
    expect(codeOf(() => fs.statSync('f'))).toBe('LSM_IO');
    const next = fs.restartProcess();
    handle.close();
    expect(Array.from(readFileBytes(next, 'f'))).toEqual([1]);
    expect(next.survivors(variant('synced-only'), 1).statSync('f')).toBeNull();
  });

  it('counts handles that are open, those of failed opens and double closes left out', async () => {
    const fs = new SimulatedFileSystem();
    const first = fs.openSync('f', 'create');
    const second = fs.openSync('f', 'write');
    fs.inject({ at: ({ kind }) => kind === 'open', errno: 'EMFILE' });
    expect(codeOf(() => fs.openSync('f', 'read'))).toBe('LSM_IO');
    expect(fs.openHandles).toBe(2);
    first.close();
    first.close();
    const sync = second.sync();
    second.close();
    expect(fs.openHandles).toBe(1);
    await sync;
    expect(fs.openHandles).toBe(0);
  });

  it('keeps open files from removal where it is told to', () => {
    const fs = new SimulatedFileSystem({ keepsOpenFiles: true });
    writeNew(fs, 'f', Uint8Array.of(1), true);
    writeNew(fs, 'g', Uint8Array.of(1), true);
    const handle = fs.openSync('f', 'read');
    expect(codeOf(() => fs.unlinkSync('f'))).toBe('LSM_IO');
    expect(codeOf(() => fs.renameSync('g', 'f'))).toBe('LSM_IO');
    handle.close();
    fs.renameSync('g', 'f');
  });

  it('hashes content, not history: equal images are equal, each flipped bit is another', () => {
    const bytes = new Uint8Array(1300).map((_, i) => i * 7);
    const once = new SimulatedFileSystem();
    writeNew(once, 'f', bytes, true);
    const twice = new SimulatedFileSystem();
    writeNew(twice, 'tmp', bytes.toReversed(), false);
    const handle = twice.openSync('tmp', 'write');
    for (let i = 0; i < bytes.length; i++) handle.writeSync(bytes, i, 1, i);
    twice.renameSync('tmp', 'f');
    expect(twice.hash()).toBe(once.hash());
    const seen = new Set([once.hash()]);
    for (let offset = 0; offset < bytes.length; offset++) {
      once.flip('f', offset, 1 << (offset % 8));
      seen.add(once.hash());
      once.flip('f', offset, 1 << (offset % 8));
    }
    expect(seen.size).toBe(bytes.length + 1);
    once.putBytes('f', bytes.subarray(1));
    seen.add(once.hash());
    once.renameSync('f', 'g');
    seen.add(once.hash());
    expect(seen.size).toBe(bytes.length + 3);
  });

  it('makes thousands of images a second', () => {
    const fs = new SimulatedFileSystem();
    const points: CrashPoint[] = [];
    captureEach(fs, (point) => points.push(point));
    const log = fs.openSync('log', 'create');
    const random = seededRandom(1);
    for (let i = 0, at = 0; i < 300; i++) {
      const bytes = new Uint8Array(100 + (random.next() % 400)).map(() => random.next());
      log.writeSync(bytes, 0, bytes.length, at);
      at += bytes.length;
      if (i % 3 === 0) log.syncSync();
      if (i % 30 === 0) writeNew(fs, `table${i}`, new Uint8Array(20_000).fill(i), true);
    }
    const start = performance.now();
    const distinct = new Set<number>();
    let images = 0;
    for (const point of points) {
      for (const one of SURVIVAL_VARIANTS) {
        distinct.add(hashImage(point.survivors(one, 1)));
        images++;
      }
    }
    const perSecond = (images / (performance.now() - start)) * 1000;
    if (process.env['LSM_PRINT'] !== undefined) {
      process.stdout.write(`${images} images, ${distinct.size} distinct, ${perSecond | 0}/s\n`);
    }
    expect(images).toBeGreaterThan(4000);
    // A tenth of what an idle machine does, so that a busy one passes.
    expect(perSecond).toBeGreaterThan(1000);
  });
});

describe('a renamed directory', () => {
  it('takes along what it holds, and may be lost as a whole', () => {
    const fs = new SimulatedFileSystem();
    fs.makeDirectorySync('made');
    fs.syncDirectorySync('.');
    const handle = fs.openSync('made/f', 'create');
    handle.writeSync(Uint8Array.of(1), 0, 1, 0);
    handle.syncSync();
    handle.close();
    fs.syncDirectorySync('made');
    fs.renameSync('made', 'named');
    expect(fs.listSync('named')).toEqual(['f']);
    expect(fs.statSync('made')).toBeNull();
    const lost = fs.survivors({ name: 'none', data: 'none', names: 'none' }, 1);
    expect(lost.listSync('made')).toEqual(['f']);
    expect(lost.statSync('named')).toBeNull();
    const kept = fs.survivors({ name: 'all', data: 'none', names: 'all' }, 1);
    expect(kept.listSync('named')).toEqual(['f']);
    expect(kept.statSync('made')).toBeNull();
  });
});
