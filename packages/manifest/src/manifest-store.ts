/**
 * The manifest of an open database: commits edits, and replaces the file when it grew or failed.
 *
 * 1. `commit` makes the next state (which checks it), makes sure that nobody else writes here, appends the edit and
 *    syncs. Only then is the next state in force.
 * 2. A write that fails is cut off again, durably; the state stays. If it can't be cut, the old state goes into a new
 *    manifest, so that the edit can never come back.
 * 3. A failed sync is never repeated: the next state goes into a new manifest under a new number.
 * 4. A new manifest is: full state → sync → directory sync → `CURRENT` (written beside, synced, renamed, directory
 *    synced) → only then the old one is unlinked.
 * 5. When 2 or 3 fail as well, nobody can say which state a reopened database has: LSM_COMMIT_UNKNOWN. The state in
 *    force stays that before the edit, and each later call first tries to end the doubt: by that state in a new
 *    manifest, named durably.
 *
 * Fencing: an open for writing records an owner {epoch, nonce}. Before each append, `CURRENT`, the file's id and its
 * length have to be what this writer left; else another one took over, and this one stops with LSM_LOCK_LOST. Whoever
 * writes to other files asks in between by `checkOwner`.
 */
import { type FileSystem, isLsmError, LsmError, type Random } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import {
  frameBytes,
  type ManifestReference,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentContents,
  SegmentKind,
  SegmentWriter,
} from '@lsm/wal';
import {
  CURRENT_NAME,
  manifestName,
  manifestNumber,
  publishCurrent,
  readCurrent,
} from './current-file.ts';
import { inspectDirectory } from './directory-contents.ts';
import { encodeEdit } from './edit-codec.ts';
import { applyEdit, EMPTY_STATE, type ManifestState, stateToEdit } from './manifest-state.ts';
import { type ReadManifestOptions, readManifest, type TruncatedManifest } from './read-manifest.ts';
import type { Version } from './version.ts';
import type { OwnerRecord, VersionEdit } from './version-edit.ts';

/** Below this many bytes a manifest is not worth replacing. */
const ROLL_BYTES_MIN = 65_536;
/** A manifest is replaced when it has this many times the bytes of the state. */
const ROLL_FACTOR = 4;
/** Below this many bytes not even that of a database at rest is. */
const SHRINK_BYTES_MIN = 4096;

/** How a store is made. */
export interface ManifestStoreOptions {
  /** Gives ids and nonces. */
  readonly random: Random;
  /** Which boot of the machine this is; '' or absent = unknown. */
  readonly bootId?: string;
}

/** How a store is opened. */
export interface OpenManifestOptions extends ManifestStoreOptions, ReadManifestOptions {
  /** Write nothing, not even recovery; default false. */
  readonly readOnly?: boolean;
  /** Write nothing until {@link ManifestStore.claim}; default false. */
  readonly deferClaim?: boolean;
}

/** How an edit is committed. */
export interface CommitOptions {
  /**
   * Whether the edit has to be durable at once; default true. With false, it is in force, and durable with the next
   * synced commit; a power loss before may undo it, and nothing else.
   */
  readonly sync?: boolean;
}

/** The manifest of an open database. */
export class ManifestStore {
  /** A torn last edit that opening left out; `null`: there was none. */
  readonly truncated: TruncatedManifest | null;
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #random: Random;
  readonly #bootId: string;
  #state: ManifestState;
  /** `null`: opened with `readOnly`. */
  #writer: SegmentWriter | null;
  #nextNumber: number;
  #rollAt = ROLL_BYTES_MIN;
  #failure: LsmError | null = null;
  /** Manifests that `CURRENT` may name besides the writer's, because their publication failed half-way. */
  #doubtful: SegmentWriter[] = [];
  /** An owner that could not be recorded yet, because the disk is full. */
  #unclaimed: OwnerRecord | null = null;
  readonly #readReference: ManifestReference;
  /** What was read and waits for {@link claim}. */
  #found: SegmentContents | null = null;

  private constructor(
    fs: FileSystem,
    directory: string,
    options: ManifestStoreOptions,
    state: ManifestState,
    reference: ManifestReference,
    writer: SegmentWriter | null,
    truncated: TruncatedManifest | null,
  ) {
    this.#fs = fs;
    this.#directory = directory;
    this.#random = options.random;
    this.#bootId = options.bootId ?? '';
    this.#state = state;
    this.#writer = writer;
    this.#readReference = reference;
    this.#nextNumber = reference.number + 1;
    this.truncated = truncated;
  }

  /**
   * Makes a database's first manifest, durably. The directory exists and is locked by the caller.
   *
   * @param initial - the first state, as an edit of nothing
   * @throws LSM_EXISTS if there is a database; LSM_CORRUPTION if there are remains of one; LSM_DISK_FULL, LSM_IO:
   *   there is no database then
   */
  static create(
    fs: FileSystem,
    directory: string,
    initial: VersionEdit,
    options: ManifestStoreOptions,
  ): ManifestStore {
    if (inspectDirectory(fs, directory) === 'database') {
      throw new LsmError('LSM_EXISTS', 'There is a database already; open it.', {
        file: directory,
      });
    }
    const leftovers = fs.listSync(directory).filter((name) => manifestNumber(name) >= 0);
    const owner = nextOwner(EMPTY_STATE, options.random);
    const state = applyEdit(EMPTY_STATE, { owner, ...initial });
    const number = leftovers.reduce((max, name) => Math.max(max, manifestNumber(name)), 0);
    const reference = { number, idLow: 0, idHigh: 0, durableLength: 0 };
    const store = new ManifestStore(fs, directory, options, state, reference, null, null);
    store.#replace(state);
    for (const name of leftovers) removeQuietly(fs, joinPath(directory, name));
    return store;
  }

  /**
   * Opens a database's manifest. For writing, the directory is locked by the caller; a torn last edit is cut off, and
   * the new owner is recorded (not synced: the next commit is).
   *
   * @throws LSM_MISSING if there is no database; LSM_CORRUPTION with file and offset; LSM_UNSUPPORTED_FORMAT; LSM_IO
   */
  static open(fs: FileSystem, directory: string, options: OpenManifestOptions): ManifestStore {
    const { state, segment, truncated } = readManifest(fs, directory, options);
    const { number, idLow, idHigh } = segment.header!;
    const durableLength = segment.claims.get(number) ?? 0;
    const reference = { number, idLow, idHigh, durableLength };
    const store = new ManifestStore(fs, directory, options, state, reference, null, truncated);
    if (options.readOnly === true) return store;
    store.#found = segment;
    if (options.deferClaim !== true) store.claim();
    return store;
  }

  /**
   * Cuts a torn end and records a new owner: from here on the store takes edits. Does nothing if that was done, or if
   * the store is open for reading only.
   *
   * The directory is synced first: an earlier process may have ended between the rename of `CURRENT` and its sync, and
   * files that outlive their pointer would make the directory unusable.
   *
   * @throws LSM_IO
   */
  claim(): void {
    const segment = this.#found;
    if (segment === null) return;
    this.#fs.syncDirectorySync(this.#directory);
    const writer = SegmentWriter.reopen(this.#fs, segment);
    this.#claim(writer);
    this.#found = null;
    this.#writer = writer;
  }

  /** The state in force. */
  get state(): ManifestState {
    return this.#state;
  }

  /** The tree in force. */
  get version(): Version {
    return this.#state.version;
  }

  /** The manifest and how much of it is known durable, for the headers of log segments. */
  get reference(): ManifestReference {
    const writer = this.#writer;
    if (writer === null) return this.#readReference;
    return { ...writer.identity, durableLength: writer.durable };
  }

  /** Bytes of the manifest that are known durable. */
  get durableLength(): number {
    return this.reference.durableLength;
  }

  /** Bytes of the manifest. */
  get bytes(): number {
    return this.#writer?.position ?? 0;
  }

  /** Name of the manifest's file in the directory. */
  get fileName(): string {
    return manifestName(this.reference.number);
  }

  /** Why no edits are taken at present, or `null`. */
  get failure(): LsmError | null {
    return this.#failure;
  }

  /**
   * Makes an edit durable and puts its state in force.
   *
   * @throws LSM_INTERNAL if the state would not be valid, LSM_DISK_FULL, LSM_IO: the edit has no effect, now or later;
   *   LSM_LOCK_LOST: no more edits are taken; LSM_COMMIT_UNKNOWN: a crash now may leave the state with or without the
   *   edit, or one before it, and this store goes on without it; LSM_READ_ONLY
   */
  commit(edit: VersionEdit, options: CommitOptions = {}): void {
    const writer = this.#requireWriter();
    const owned = this.#unclaimed === null ? edit : { owner: this.#unclaimed, ...edit };
    const next = applyEdit(this.#state, owned);
    const payload = encodeEdit(owned);
    this.#requireOwnership(writer);
    try {
      writer.append(payload);
    } catch (error) {
      this.#undoAppend(writer, error);
      throw error;
    }
    try {
      if (options.sync !== false) writer.syncSync();
    } catch (error) {
      this.#replaceOrFail(next, error);
    }
    this.#state = next;
    this.#unclaimed = null;
    this.#rollIfLarge();
  }

  /**
   * Vouches for everything committed: appends an empty edit whose watermark says that all before it is durable, so
   * that damage of the last real edit can't pass for a torn write. To be called last, at a clean close.
   *
   * @throws as {@link commit}
   */
  vouch(): void {
    this.sync();
    this.commit({}, { sync: false });
  }

  /** Makes what was read at opening durable; to be called before files are removed on the strength of it. */
  sync(): void {
    const writer = this.#requireWriter();
    if (writer.durable === writer.position) return;
    try {
      writer.syncSync();
    } catch (error) {
      this.#replaceOrFail(this.#state, error);
    }
  }

  /**
   * Writes the state into a new manifest and puts that in force.
   *
   * @throws as {@link commit}; after LSM_DISK_FULL and LSM_IO the old manifest stays in force
   */
  roll(): void {
    this.#requireOwnership(this.#requireWriter());
    this.#replace(this.#state);
  }

  /**
   * Rolls if that at least halves the manifest and it is worth a file: for a database at rest, whose manifest may hold
   * many edits of tables that are gone.
   *
   * @throws as {@link roll}
   */
  shrink(): void {
    const { position } = this.#requireWriter();
    const stateBytes = encodeEdit(stateToEdit(this.#state)).length;
    const next = SEGMENT_HEADER_BYTES + frameBytes(stateBytes);
    if (position > SHRINK_BYTES_MIN && position >= 2 * next) this.roll();
  }

  /**
   * Looks whether another writer took over, by the size of the manifest: about 3 µs. What can't be told now is told by
   * the next commit.
   *
   * @throws LSM_LOCK_LOST: no more edits are taken
   */
  checkOwner(): void {
    const writer = this.#writer;
    if (writer === null) return;
    if (this.#failure?.code === 'LSM_LOCK_LOST') throw this.#failure;
    try {
      if (this.#fs.statSync(writer.path)?.size === writer.position) return;
      if (this.#failure === null) this.#requireOwnership(writer);
    } catch (error) {
      if (isLsmError(error, 'LSM_LOCK_LOST')) throw error;
    }
  }

  /** Closes the file; idempotent. Everything committed is durable. */
  close(): void {
    this.#writer?.close();
  }

  #requireWriter(): SegmentWriter {
    this.#resume();
    if (this.#writer !== null) return this.#writer;
    throw new LsmError('LSM_READ_ONLY', 'The manifest was opened for reading only.', {
      file: joinPath(this.#directory, this.fileName),
    });
  }

  /** Ends the doubt about which state a reopened database would have, or throws why it stays. */
  #resume(): void {
    if (this.#failure === null) return;
    const { code, message, file } = this.#failure;
    if (code === 'LSM_COMMIT_UNKNOWN') {
      this.#requireOwnership(this.#writer!);
      try {
        this.#replace(this.#state);
        return;
      } catch {
        // Told below as what it still is.
      }
    }
    throw new LsmError(code, message, { cause: this.#failure, file });
  }

  #claim(writer: SegmentWriter): void {
    const owner = nextOwner(this.#state, this.#random);
    try {
      writer.append(encodeEdit({ owner }));
      this.#state = applyEdit(this.#state, { owner });
    } catch (error) {
      if (!isLsmError(error, 'LSM_DISK_FULL')) {
        writer.close();
        throw error;
      }
      this.#unclaimed = owner;
    }
  }

  /** Throws and stops for good if the files are not what this writer left. */
  #requireOwnership(writer: SegmentWriter): void {
    if (this.#isOwner(writer)) return;
    this.#failure = new LsmError(
      'LSM_LOCK_LOST',
      'Another writer changed the manifest; this one has stopped. Reopen the database.',
      { file: writer.path },
    );
    throw this.#failure;
  }

  #isOwner(writer: SegmentWriter): boolean {
    const stat = this.#fs.statSync(writer.path);
    if (stat === null) return false;
    // After a failed sync a disk may show less than what was written, never more.
    const isWhole = stat.size === writer.position || writer.hasRejectedTail;
    if (!isWhole && (writer.failure === null || stat.size > writer.position)) return false;
    try {
      const header = readSegmentHeader(this.#fs, writer.path);
      if (header === null || !isSame(header, writer.identity)) return false;
      const current = readCurrent(this.#fs, this.#directory);
      const isKnown = [writer, ...this.#doubtful].some(({ identity }) => isSame(current, identity));
      return isKnown && (isWhole || this.#ownerOnDisk() === this.#state.owner.epoch);
    } catch (error) {
      if (isLsmError(error, 'LSM_MISSING') || isLsmError(error, 'LSM_CORRUPTION')) return false;
      throw error;
    }
  }

  /** Epoch of the last owner that the files name: they may hold less than was written, and then sizes say nothing. */
  #ownerOnDisk(): number {
    return readManifest(this.#fs, this.#directory).state.owner.epoch;
  }

  /** After a failed append: makes sure that no part of the edit can ever be read. */
  #undoAppend(writer: SegmentWriter, cause: unknown): void {
    try {
      if (!writer.hasRejectedTail) {
        writer.syncSync();
        return;
      }
    } catch {
      // The cut may not be durable; the way below is the remaining one.
    }
    this.#replaceOrFail(this.#state, cause);
  }

  #replaceOrFail(state: ManifestState, cause: unknown): void {
    try {
      this.#replace(state);
    } catch {
      this.#failure = new LsmError(
        'LSM_COMMIT_UNKNOWN',
        'The manifest could not be made durable; a reopened database may or may not have this change',
        { cause, file: this.#writer?.path },
      );
      throw this.#failure;
    }
  }

  #rollIfLarge(): void {
    const { position } = this.#writer!;
    if (position <= this.#rollAt) return;
    this.#rollAt = rollLimit(encodeEdit(stateToEdit(this.#state)).length);
    if (position <= this.#rollAt) return;
    try {
      this.#replace(this.#state);
    } catch {
      // The edit is where it is, as durable as was asked for; after some more of them this is tried again.
      this.#rollAt = position + ROLL_BYTES_MIN;
    }
  }

  /** Puts a state in force in a new manifest. On failure the old one stays, or nobody knows (then `#failure` is set). */
  #replace(state: ManifestState): void {
    const payload = encodeEdit(stateToEdit(state));
    const writer = this.#writeNew(payload);
    try {
      publishCurrent(this.#fs, this.#directory, writer.identity);
    } catch (error) {
      writer.close();
      if (this.#mayName(writer.identity)) {
        this.#doubtful.push(writer);
        this.#failure = new LsmError(
          'LSM_COMMIT_UNKNOWN',
          'It is not known which manifest is in force; reopen the database',
          { cause: error, file: joinPath(this.#directory, CURRENT_NAME) },
        );
        throw this.#failure;
      }
      removeQuietly(this.#fs, writer.path);
      throw error;
    }
    const old = this.#writer;
    this.#writer = writer;
    this.#state = state;
    this.#rollAt = rollLimit(payload.length);
    this.#failure = null;
    old?.close();
    for (const { path } of this.#doubtful.splice(0)) removeQuietly(this.#fs, path);
    if (old !== null) removeQuietly(this.#fs, old.path);
  }

  /** A new, durable manifest file that is not in force; nothing is left behind on failure. */
  #writeNew(payload: Uint8Array): SegmentWriter {
    const number = this.#freeNumber();
    const path = joinPath(this.#directory, manifestName(number));
    const writer = SegmentWriter.create(this.#fs, path, {
      number,
      random: this.#random,
      previous: null,
      manifest: null,
      bootId: this.#bootId,
      kind: SegmentKind.manifest,
    });
    try {
      writer.append(payload);
      writer.syncSync();
      this.#fs.syncDirectorySync(this.#directory);
      return writer;
    } catch (error) {
      writer.close();
      removeQuietly(this.#fs, path);
      throw error;
    }
  }

  /** A number that no manifest has had: leftovers of a crash are stepped over. */
  #freeNumber(): number {
    let number = this.#nextNumber;
    while (this.#fs.statSync(joinPath(this.#directory, manifestName(number))) !== null) number++;
    this.#nextNumber = number + 1;
    return number;
  }

  /** Whether `CURRENT` names a manifest after its publication failed, or can't be read. */
  #mayName(identity: Identity): boolean {
    try {
      return isSame(readCurrent(this.#fs, this.#directory), identity);
    } catch (error) {
      return !isLsmError(error, 'LSM_MISSING');
    }
  }
}

function nextOwner(state: ManifestState, random: Random): OwnerRecord {
  return {
    epoch: state.owner.epoch + 1,
    nonceLow: random.next() | 0,
    nonceHigh: random.next() | 0,
  };
}

/** Bytes at which a manifest is replaced, from the bytes of its state. */
function rollLimit(stateBytes: number): number {
  return Math.max(ROLL_BYTES_MIN, ROLL_FACTOR * (SEGMENT_HEADER_BYTES + frameBytes(stateBytes)));
}

interface Identity {
  readonly number: number;
  readonly idLow: number;
  readonly idHigh: number;
}

function isSame(a: Identity, b: Identity): boolean {
  return a.number === b.number && a.idLow === b.idLow && a.idHigh === b.idHigh;
}

function removeQuietly(fs: FileSystem, path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // An orphan that no CURRENT names is ignored by every reader and removed later.
  }
}
