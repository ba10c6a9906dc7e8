/**
 * What a power cut leaves: the ways in which unsynced bytes and names survive or do not.
 *
 * Synced bytes and names survive every variant. Each variant below is a promise that some file system or disk has been
 * seen to break when software relied on more than it had synced.
 */
import { type Random, seededRandom } from '@lsm/core';
import { type FrozenContent, SimulatedContent, UNIT_BYTES } from './simulated-content.ts';
import { applyEntry, type FileCapture, type JournalEntry } from './simulated-file.ts';
import type { SimulatedNode } from './simulated-names.ts';
import { applyChange, directoryOf, type NameChange, type NameMap } from './simulated-names.ts';

/**
 * How unsynced bytes of a file survive: not, all, the first so many, each 512-byte or 4-KiB unit for itself, as zeros
 * (the size grew, the data did not come), followed by rubbish, or one of these at random for each file.
 */
export type DataSurvival =
  | 'none'
  | 'all'
  | 'prefix'
  | 'units-512'
  | 'units-4096'
  | 'zeros'
  | 'garbage'
  | 'random';

/**
 * How unsynced name changes survive: not, all, the first so many, each for itself, only removals (new names are lost),
 * only additions (unlinks and renames are undone), or only the last one (what it relies on is lost).
 */
export type NameSurvival = 'none' | 'all' | 'prefix' | 'subset' | 'removals' | 'additions' | 'last';

/** A kind of crash. */
export interface SurvivalVariant {
  readonly name: string;
  readonly data: DataSurvival;
  readonly names: NameSurvival;
}

/** The standard variants. */
export const SURVIVAL_VARIANTS: readonly SurvivalVariant[] = [
  { name: 'synced-only', data: 'none', names: 'none' },
  { name: 'everything', data: 'all', names: 'all' },
  { name: 'units-512', data: 'units-512', names: 'all' },
  { name: 'units-4096', data: 'units-4096', names: 'subset' },
  { name: 'torn-tail', data: 'prefix', names: 'prefix' },
  { name: 'size-without-data', data: 'zeros', names: 'all' },
  { name: 'garbage-tail', data: 'garbage', names: 'all' },
  { name: 'names-without-data', data: 'none', names: 'all' },
  { name: 'new-names-lost', data: 'all', names: 'removals' },
  { name: 'removals-undone', data: 'all', names: 'additions' },
  { name: 'last-name-only', data: 'all', names: 'last' },
  { name: 'random', data: 'random', names: 'subset' },
];

/** Whether a variant gives the same image for every seed. */
export function isDeterministic(variant: SurvivalVariant): boolean {
  const certain = ['none', 'all', 'zeros'].includes(variant.data);
  return certain && ['none', 'all', 'removals', 'additions', 'last'].includes(variant.names);
}

/** The names after a crash; those in directories that did not survive are gone. */
export function surviveNames(
  durable: NameMap,
  pending: readonly NameChange[],
  survival: NameSurvival,
  random: Random,
): NameMap {
  if (pending.length === 0) return durable;
  if (survival === 'none') {
    // A directory whose own name is lost takes along what was synced in it.
    return pending.some(({ node }) => node === null) ? withoutOrphans(new Map(durable)) : durable;
  }
  const names = new Map(durable);
  const prefix = survival === 'prefix' ? random.next() % (pending.length + 1) : pending.length;
  for (let i = survival === 'last' ? prefix - 1 : 0; i < prefix; i++) {
    const change = pending[i]!;
    if (survives(change, survival, random)) applyChange(names, change);
  }
  return withoutOrphans(names);
}

function survives(change: NameChange, survival: NameSurvival, random: Random): boolean {
  switch (survival) {
    case 'none':
      return false;
    case 'all':
    case 'prefix':
    case 'last':
      return true;
    case 'subset':
      return (random.next() & 1) === 0;
    case 'removals':
      // Losing a directory would lose everything, which "synced-only" covers.
      return change.kind === 'unlink' || change.node === null;
    case 'additions':
      return change.kind === 'make' || change.kind === 'link';
  }
}

function withoutOrphans(names: Map<string, SimulatedNode>): NameMap {
  const sorted = [...names.keys()].sort();
  for (const path of sorted) {
    const directory = directoryOf(path);
    if (path !== '' && path !== '/' && names.get(directory) !== null) names.delete(path);
  }
  return names;
}

/** The bytes of a file after a crash. */
export function surviveData(
  file: FileCapture,
  survival: DataSurvival,
  random: Random,
): FrozenContent {
  if (survival === 'none' || (file.journalLength === 0 && file.limbo.length === 0)) {
    return file.durable;
  }
  const entries = [...file.limbo, ...file.journal.slice(0, file.journalLength)];
  switch (survival) {
    case 'all':
      return applyAll(file.durable, entries).freeze();
    case 'prefix':
      return applyPrefix(file.durable, entries, random);
    case 'units-512':
      return applyUnits(file.durable, entries, UNIT_BYTES, random);
    case 'units-4096':
      return applyUnits(file.durable, entries, 4096, random);
    case 'zeros':
      return extendOnly(file.durable, entries);
    case 'garbage':
      return applyGarbage(file.durable, entries, random);
    case 'random':
      return surviveData(file, RANDOM_CHOICE[random.next() % RANDOM_CHOICE.length]!, random);
  }
}

const RANDOM_CHOICE: readonly DataSurvival[] = [
  'none',
  'all',
  'prefix',
  'units-512',
  'units-4096',
  'zeros',
  'garbage',
];

function applyAll(durable: FrozenContent, entries: readonly JournalEntry[]): SimulatedContent {
  const content = new SimulatedContent(durable);
  for (const entry of entries) applyEntry(content, entry);
  return content;
}

/** The first entries, the last of them cut at any byte. */
function applyPrefix(
  durable: FrozenContent,
  entries: readonly JournalEntry[],
  random: Random,
): FrozenContent {
  let total = 0;
  for (const entry of entries) total += entryWeight(entry);
  let budget = random.next() % (total + 1);
  const content = new SimulatedContent(durable);
  for (const entry of entries) {
    const weight = entryWeight(entry);
    if (budget < weight) {
      if (entry.bytes !== null) content.write(entry.bytes, 0, budget, entry.position);
      break;
    }
    budget -= weight;
    applyEntry(content, entry);
  }
  return content.freeze();
}

function entryWeight(entry: JournalEntry): number {
  return entry.bytes === null ? 1 : entry.bytes.length;
}

/**
 * Each unit takes none, all or the first few of the writes to it. The size is the old one, the new one, or what the
 * surviving bytes need; bytes that a lost cut or a lost write leaves uncovered are the old ones or zeros.
 */
function applyUnits(
  durable: FrozenContent,
  entries: readonly JournalEntry[],
  unitBytes: number,
  random: Random,
): FrozenContent {
  const salt = random.next();
  const content = new SimulatedContent(durable);
  let newSize = durable.size;
  entries.forEach((entry, index) => {
    newSize = sizeAfter(newSize, entry);
    if (entry.bytes === null) return;
    const end = entry.position + entry.bytes.length;
    for (let start = entry.position; start < end; ) {
      const unit = Math.floor(start / unitBytes);
      const stop = Math.min(end, (unit + 1) * unitBytes);
      if (index < entriesKept(salt, unit, entries.length)) {
        content.write(entry.bytes, start - entry.position, stop - start, start);
      }
      start = stop;
    }
  });
  const choice = salt & 3;
  if (choice === 0) content.resize(durable.size);
  else if (choice !== 1) content.resize(newSize);
  return content.freeze();
}

/** How many of the writes to a unit survive: 2 of 5 times none, 2 of 5 all, else some. */
function entriesKept(salt: number, unit: number, count: number): number {
  const random = seededRandom(salt ^ Math.imul(unit, 0x9e3779b1));
  const draw = random.next() % 5;
  if (draw < 2) return 0;
  return draw < 4 ? count : random.next() % (count + 1);
}

function sizeAfter(size: number, entry: JournalEntry): number {
  if (entry.bytes === null) return entry.position;
  return Math.max(size, entry.position + entry.bytes.length);
}

/** The size that all writes give, without their bytes. */
function extendOnly(durable: FrozenContent, entries: readonly JournalEntry[]): FrozenContent {
  const content = new SimulatedContent(durable);
  content.resize(entries.reduce(sizeAfter, durable.size));
  return content.freeze();
}

/** All writes, but rubbish from some point beyond the synced size on. */
function applyGarbage(
  durable: FrozenContent,
  entries: readonly JournalEntry[],
  random: Random,
): FrozenContent {
  const content = applyAll(durable, entries);
  const grown = content.size - durable.size;
  if (grown > 0) {
    const start = durable.size + (random.next() % grown);
    const garbage = new Uint8Array(content.size - start);
    for (let i = 0; i < garbage.length; i++) garbage[i] = random.next();
    content.write(garbage, 0, garbage.length, start);
  }
  return content.freeze();
}
