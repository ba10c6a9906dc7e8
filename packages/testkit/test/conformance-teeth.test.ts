/** The suites find what they are for: each is run against implementations with one fault. */
import type { Cursor, FilterAllocator } from '@lsm/core';
import { compareBytes, Entry, type KeyBuffer } from '@lsm/core';
import { memoryFileSystem } from '@lsm/fs';
import {
  cursorConformance,
  fileSystemConformance,
  filterAllocatorConformance,
  type TestEntry,
} from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { failuresOf } from './failures-of.ts';

/** A cursor over a sorted array; `fault` spoils it. */
function listCursor(entries: readonly TestEntry[], fault?: 'seek' | 'prev' | 'align'): Cursor {
  const size = entries.reduce((sum, { key, value }) => sum + key.length + value.length + 8, 16);
  const buffer = new ArrayBuffer((size + 3) & ~3);
  const entry = new Entry();
  const bytes = new Uint8Array(buffer);
  let position = -1;
  const show = (to: number): void => {
    position = to >= 0 && to < entries.length ? to : -1;
    const here = entries[position];
    if (here === undefined) return;
    bytes.set(here.key, fault === 'align' ? 1 : 0);
    const valueOffset = (here.key.length + 4) & ~3;
    bytes.set(here.value, valueOffset);
    entry.bytes = bytes;
    entry.words = new Int32Array(buffer);
    entry.keyOffset = fault === 'align' ? 1 : 0;
    entry.keyLength = here.key.length;
    entry.valueOffset = valueOffset;
    entry.valueLength = here.value.length;
    entry.kind = here.kind;
    entry.sequence = here.sequence;
  };
  return {
    entry,
    get valid() {
      return position >= 0;
    },
    seekToFirst: () => show(0),
    seekToLast: () => show(entries.length - 1),
    seek(key: KeyBuffer) {
      const target = key.toBytes();
      const found = entries.findIndex((one) => {
        const order = compareBytes(one.key, target);
        return fault === 'seek' ? order > 0 : order >= 0;
      });
      show(found);
    },
    next: () => show(position + 1),
    prev: () => show(fault === 'prev' && position === 1 ? -1 : position - 1),
    close() {},
  };
}

describe('the conformance suites', () => {
  it('pass what is right', async () => {
    const make = (entries: readonly TestEntry[]): Cursor => listCursor(entries);
    expect(await failuresOf((t) => cursorConformance({ name: 'list', make }, t))).toEqual([]);
  });

  it.each(['seek', 'prev', 'align'] as const)('find a cursor with the fault: %s', async (fault) => {
    const make = (entries: readonly TestEntry[]): Cursor => listCursor(entries, fault);
    const failed = await failuresOf((t) => cursorConformance({ name: 'list', make }, t));
    expect(failed.length).toBeGreaterThan(3);
  });

  it('find a file system whose unlink is not felt, and one that locks nobody out', async () => {
    const lazy = memoryFileSystem();
    lazy.unlinkSync = () => {};
    const open = memoryFileSystem();
    open.lock = async () => ({ kind: 'none', release: () => {} });
    for (const fs of [lazy, open]) {
      const subject = { name: 'faulty', fs, directory: '' };
      const failed = await failuresOf((t) => fileSystemConformance(subject, t));
      expect(failed.length).toBeGreaterThan(0);
    }
  });

  it('find an allocator that keeps state, and one that overspends', async () => {
    let calls = 0;
    const moody: FilterAllocator = {
      name: 'moody',
      choose: () => ({ kind: 'bloom', bitsPerKey: calls++ % 20 }),
    };
    const lavish: FilterAllocator = {
      name: 'lavish',
      choose: () => ({ kind: 'bloom', bitsPerKey: 20 }),
    };
    expect(await failuresOf((t) => filterAllocatorConformance(moody, t))).toHaveLength(1);
    expect(await failuresOf((t) => filterAllocatorConformance(lavish, t))).toHaveLength(0);
    const strict = { keepsBudget: true };
    expect(await failuresOf((t) => filterAllocatorConformance(lavish, t, strict))).toHaveLength(1);
  });
});
