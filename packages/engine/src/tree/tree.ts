/**
 * The tree of runs as the database holds it: manifest, current version, open files, and what may be removed.
 *
 * Every change is one manifest edit, durable before it takes effect unless it only moves tables. Readers hold views; a
 * file goes when no view lists it any more.
 */
import type { CompactionStrategy, Json } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  editBetween,
  type ManifestState,
  type ManifestStore,
  type RunTables,
  type TableMetadata,
  type Version,
  type VersionEdit,
} from '@lsm/manifest';
import type { ManifestReference, SegmentEnd, SegmentIdentity } from '@lsm/wal';
import { tableFileName } from '../jobs/jobs.ts';
import type { Removals } from './removals.ts';
import { TableFile } from './table-file.ts';
import type { TableReads } from './table-reads.ts';
import { TreeView } from './tree-view.ts';

/** What the tree is made of. */
export interface TreeParts {
  readonly directory: string;
  readonly store: ManifestStore;
  readonly reads: TableReads;
  /** First file number that no file in the directory has. */
  readonly nextNumber: number;
  readonly removals: Removals;
}

/** The tree of one open database. */
export class Tree {
  readonly directory: string;
  /** What readers go through; replaced with every change. */
  view: TreeView;
  /** Grows with every change of the tree. */
  changes = 0;
  readonly #store: ManifestStore;
  readonly #reads: TableReads;
  readonly #removals: Removals;
  readonly #files = new Map<number, TableFile>();
  /** Bytes of files that left the tree and are still held by readers. */
  readonly #obsolete = new Map<number, number>();
  #nextNumber: number;
  #nextRunId: number;
  /** Outputs of a change of which nobody knows whether a reopened database would have it. */
  #doubtful: TableMetadata[] = [];
  #closed = false;

  constructor(parts: TreeParts) {
    this.directory = parts.directory;
    this.#store = parts.store;
    this.#reads = parts.reads;
    this.#removals = parts.removals;
    const { state } = parts.store;
    this.#nextNumber = Math.max(parts.nextNumber, state.nextNumber);
    this.#nextRunId = state.nextRunId;
    for (const table of state.version.tables()) this.#addFile(table);
    this.view = new TreeView(state.version, this.#files);
  }

  /** The current version. */
  get version(): Version {
    return this.#store.state.version;
  }

  /** Everything that the manifest says. */
  get state(): ManifestState {
    return this.#store.state;
  }

  /** Last sequence number that the manifest knows of. */
  get lastSequence(): number {
    return this.#store.state.lastSequence;
  }

  /** First segment that recovery would need. */
  get replayFrom(): SegmentIdentity {
    return this.#store.state.replayFrom;
  }

  /** Where the log ended at the last clean close. */
  get logEnd(): SegmentEnd | null {
    return this.#store.state.logEnd;
  }

  /** Seed of the key hash. */
  get hashSeed(): readonly [number, number] {
    return this.#store.state.hashSeed ?? [0, 0];
  }

  /** The manifest as segment headers name it. */
  get manifestReference(): ManifestReference {
    return this.#store.reference;
  }

  /** Bytes of the manifest. */
  get manifestBytes(): number {
    return this.#store.bytes;
  }

  /** Bytes of table files that readers hold after they left the tree. */
  get obsoleteBytes(): number {
    let bytes = 0;
    for (const size of this.#obsolete.values()) bytes += size;
    return bytes;
  }

  /** Table files of the tree, for figures. */
  get files(): Iterable<TableFile> {
    return this.#files.values();
  }

  /** A table file of the tree. */
  file(table: number): TableFile | undefined {
    return this.#files.get(table);
  }

  /** Lookups that looked into a table in vain since it was opened; 0 if it is not open. */
  wastedReads(table: number): number {
    return this.#files.get(table)?.opened?.wastedReads ?? 0;
  }

  /** The next file number that will be given out. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Reserves consecutive file numbers; returns the first. */
  reserveNumbers(count: number): number {
    const first = this.#nextNumber;
    this.#nextNumber += count;
    return first;
  }

  /** A fresh run number. */
  nextRunId(): number {
    return this.#nextRunId++;
  }

  /** Adds a flushed run on top; what was logged for it is not needed any more. */
  commitFlush(
    tables: readonly TableMetadata[],
    lastSequence: number,
    replayFrom: SegmentIdentity,
  ): void {
    const run: RunTables = { id: this.nextRunId(), level: 0, tables };
    const runs = tables.length === 0 ? this.version.runs : [run, ...this.version.runs];
    this.#commit({ ...editBetween(this.version, runs), lastSequence, replayFrom });
  }

  /**
   * Puts a new list of runs in force, with the strategy's state.
   *
   * @param sync - false if the tables stay the same: then the next edit that is synced makes it durable, and before that
   *   a crash leaves them where they were
   */
  commitRuns(runs: readonly RunTables[], strategy: { readonly state: Json }, sync: boolean): void {
    const { state } = this.#store;
    const edit = {
      ...editBetween(this.version, runs),
      ...(state.strategy === null ? {} : { strategy: { ...state.strategy, ...strategy } }),
    };
    this.#commit(edit, sync);
  }

  /** Records the strategy, and with it that it may drop data. */
  commitStrategy(strategy: CompactionStrategy, state: Json): void {
    const { name, formatVersion, settings, lossy = false } = strategy;
    const recorded = this.state.settings as { readonly [name: string]: Json } | null;
    this.#commit({
      strategy: { name, formatVersion, settings, state },
      ...(recorded?.['lossy'] === lossy ? {} : { settings: { ...recorded, lossy } }),
    });
  }

  /** Records what is new at an opening; settings alone are durable with the next edit. */
  commitOpening(news: Pick<VersionEdit, 'strategy' | 'settings'>): void {
    this.#commit(news, news.strategy !== undefined);
  }

  /** Records the first segment that recovery would need; durable with the next edit. */
  noteReplayFrom(replayFrom: SegmentIdentity): void {
    this.#commit({ replayFrom }, false);
  }

  /** Records where the log ends; done at a clean close. */
  commitLogEnd(logEnd: SegmentEnd): void {
    this.#commit({ logEnd });
  }

  /** Removes the outputs of a change that could not be committed, as soon as no state on disk can name them. */
  discard(outputs: readonly TableMetadata[]): void {
    this.#doubtful.push(...outputs);
    if (this.#store.failure === null) this.#removeDoubtful();
  }

  /** Throws LSM_LOCK_LOST if another writer took the database over. About 3 µs. */
  checkOwner(): void {
    this.#store.checkOwner();
  }

  /** Makes what the manifest said at opening durable; before anything is removed on the strength of it. */
  syncManifest(): void {
    this.#store.sync();
  }

  /** Writes the manifest anew if it is mostly history; for a database at rest. Throws as a commit does. */
  shrinkManifest(): void {
    this.#store.shrink();
  }

  /** Last step of a clean close: damage to the last edit can be told from a torn one from now on. */
  vouch(): void {
    this.#store.vouch();
  }

  /** Ends the tree; views that are still held keep their files on disk. */
  close(): void {
    this.#closed = true;
    this.view.release();
    this.#store.close();
    this.#reads.close();
  }

  #commit(edit: VersionEdit, sync = true): void {
    const before = this.version;
    const whole = {
      ...(this.logEnd === null ? {} : { logEnd: null }),
      ...edit,
      nextNumber: this.#nextNumber,
      nextRunId: this.#nextRunId,
    };
    this.#store.commit(whole, { sync });
    if (this.#doubtful.length > 0) this.#removeDoubtful();
    if (this.version !== before) this.#replaceView();
  }

  #removeDoubtful(): void {
    for (const { id } of this.#doubtful.splice(0)) {
      this.#removals.remove(joinPath(this.directory, tableFileName(id)), () => {});
    }
  }

  #replaceView(): void {
    const gone = new Map(this.#files);
    for (const table of this.version.tables()) {
      if (!gone.delete(table.id)) this.#addFile(table);
    }
    const old = this.view;
    this.view = new TreeView(this.version, this.#files, old);
    this.changes++;
    for (const [id, file] of gone) {
      this.#files.delete(id);
      this.#obsolete.set(id, file.metadata.bytes);
    }
    old.release();
  }

  #addFile(table: TableMetadata): void {
    const path = joinPath(this.directory, tableFileName(table.id));
    const file = new TableFile(table, path, this.#reads, (released) => this.#released(released));
    this.#files.set(table.id, file);
  }

  /** Nobody holds a file any more. */
  #released({ metadata, path }: TableFile): void {
    if (!this.#obsolete.has(metadata.id) || this.#closed) return;
    this.#removals.remove(path, () => this.#obsolete.delete(metadata.id));
  }
}
