/**
 * One simulated inode: what reads see (page cache), what surely survives a crash (durable), and what lies between.
 *
 * - A write changes the cache and joins the *journal*.
 * - A sync applies the journal, as far as it reached when the sync began, to the durable bytes.
 * - A failed sync moves it to *limbo*: the pages are clean now, so no later sync writes them; they may or may not have
 *   reached the disk. The cache keeps the new bytes (as ext4 and XFS do) or goes back to the old ones (as Btrfs does).
 *   Limbo that a later synced write overlaps becomes durable with it: the page is written again as a whole.
 */
import { type FrozenContent, SimulatedContent } from './simulated-content.ts';

/** A write, or with `bytes` null a cut or extension to `position`. */
export interface JournalEntry {
  readonly position: number;
  readonly bytes: Uint8Array | null;
}

/** Content that reads see after a failed sync; `torn`: only the last write reached the disk, the others are lost. */
export type FailedSyncContent = 'new' | 'old' | 'torn';

/** The state of an inode at one moment. */
export interface FileCapture {
  readonly id: number;
  readonly durable: FrozenContent;
  readonly limbo: readonly JournalEntry[];
  readonly journal: readonly JournalEntry[];
  /** The journal may have grown since; only so many entries count. */
  readonly journalLength: number;
}

/** An inode; lives as long as a name or a handle leads to it. */
export class SimulatedFile {
  /** Identifies it within its file system and the file systems that descend from it. */
  readonly id: number;
  /** What reads see. */
  cache: SimulatedContent;
  /** Handles open at the moment. */
  openCount = 0;
  /** Names that lead to it at the moment. */
  linkCount = 0;
  readonly #durable: SimulatedContent;
  #journal: JournalEntry[] = [];
  /** Entries that left the journal so far. */
  #journalStart = 0;
  #limbo: JournalEntry[] = [];
  #capture: FileCapture | null = null;

  constructor(id: number, content?: FrozenContent) {
    this.id = id;
    this.cache = new SimulatedContent(content);
    this.#durable = new SimulatedContent(content);
  }

  /** Number of the next journal entry, counted from the first ever; a sync that starts now reaches up to here. */
  get journalEnd(): number {
    return this.#journalStart + this.#journal.length;
  }

  /** Writes through the cache; the source is copied. */
  write(source: Uint8Array, offset: number, length: number, position: number): void {
    this.cache.write(source, offset, length, position);
    this.#capture = null;
    this.#journal.push({ position, bytes: source.slice(offset, offset + length) });
  }

  /** Cuts or extends through the cache. */
  resize(size: number): void {
    this.cache.resize(size);
    this.#capture = null;
    this.#journal.push({ position: size, bytes: null });
  }

  /** Makes the journal entries before number `end` durable. */
  sync(end: number): void {
    const entries = this.#takeJournal(end);
    if (entries.length === 0) return;
    const limbo: JournalEntry[] = [];
    for (const entry of this.#limbo) {
      if (entries.some((other) => overlaps(entry, other))) applyEntry(this.#durable, entry);
      else limbo.push(entry);
    }
    for (const entry of entries) applyEntry(this.#durable, entry);
    this.#limbo = limbo;
  }

  /** Fails to make the journal entries before number `end` durable. */
  failSync(end: number, content: FailedSyncContent): void {
    const entries = this.#takeJournal(end);
    const last = entries.at(-1);
    if (content === 'torn' && last !== undefined) applyEntry(this.#durable, last);
    else this.#limbo = [...this.#limbo, ...entries];
    if (content === 'new') return;
    this.cache = new SimulatedContent(this.#durable.freeze());
    for (const entry of this.#journal) applyEntry(this.cache, entry);
  }

  /** Puts other content in place, durable at once. */
  replace(content: FrozenContent): void {
    this.cache = new SimulatedContent(content);
    this.#durable.resize(0);
    this.#durable.write(content.buffer, 0, content.size, 0);
    this.#takeJournal(this.journalEnd);
    this.#limbo = [];
  }

  /** The present state; the same object while nothing changes. */
  capture(): FileCapture {
    this.#capture ??= {
      id: this.id,
      durable: this.#durable.freeze(),
      limbo: this.#limbo,
      journal: this.#journal,
      journalLength: this.#journal.length,
    };
    return this.#capture;
  }

  #takeJournal(end: number): JournalEntry[] {
    const length = Math.max(0, end - this.#journalStart);
    const taken = this.#journal.slice(0, length);
    this.#journal = this.#journal.slice(length);
    this.#journalStart += taken.length;
    this.#capture = null;
    return taken;
  }
}

/** Applies a write, cut or extension. */
export function applyEntry(content: SimulatedContent, entry: JournalEntry): void {
  if (entry.bytes === null) content.resize(entry.position);
  else content.write(entry.bytes, 0, entry.bytes.length, entry.position);
}

function overlaps(a: JournalEntry, b: JournalEntry): boolean {
  if (a.bytes === null || b.bytes === null) return false;
  return a.position < b.position + b.bytes.length && b.position < a.position + a.bytes.length;
}
