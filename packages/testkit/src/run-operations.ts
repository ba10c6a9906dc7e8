/**
 * Runs an operation list against a database and the model, side by side.
 *
 * Every answer must equal the model's. After a crash the content must be the model's after some commit that is not
 * below the floor: what was acknowledged as durable. The transcript of answers is the same for every configuration
 * that is right, so two configurations can be compared without the model, too.
 */
import type { FileSystem } from '@lsm/core';
import type {
  CursorUnderTest,
  DatabaseAdapter,
  DatabaseUnderTest,
  Durability,
  SnapshotUnderTest,
} from './database-under-test.ts';
import { compareModelCursor, ModelCursor } from './model-cursor.ts';
import {
  type KeyRange,
  ModelDatabase,
  type ModelEntry,
  type ModelWrite,
} from './model-database.ts';
import {
  type DatabaseOperation,
  keyBytes,
  type RangeSpec,
  SLOTS,
  valueBytes,
  type WriteOperation,
} from './operations.ts';
import { SimulatedFileSystem } from './simulated-file-system.ts';
import { SURVIVAL_VARIANTS } from './survival.ts';

/** Where to run. */
export interface RunOptions {
  /** File system; default: a new {@link SimulatedFileSystem}. On others a crash is a reopening. */
  readonly fs?: FileSystem;
  /** Model to compare with; default: a new one. Has to fit what `fs` holds. */
  readonly model?: ModelDatabase;
}

/** What happened. */
export interface RunReport {
  /** One line for each operation that answered something. */
  readonly transcript: readonly string[];
  /** How often each operation ran. */
  readonly counts: ReadonlyMap<string, number>;
  /** Commits that crashes took back. */
  readonly lost: number;
}

/**
 * Runs a list and closes the database.
 *
 * @throws an error that names the first operation whose outcome differs from the model's
 */
export async function runOperations<S extends SnapshotUnderTest>(
  adapter: DatabaseAdapter<S>,
  operations: readonly DatabaseOperation[],
  options: RunOptions = {},
): Promise<RunReport> {
  const run = new OperationRun(adapter, options);
  await run.open();
  for (const [index, operation] of operations.entries()) {
    try {
      await run.step(operation);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const text = `Operation ${index} of ${operations.length}, ${JSON.stringify(operation)}: ${reason}`;
      throw new Error(text, { cause: error });
    }
  }
  return run.end();
}

interface Slot<T> {
  readonly value: T;
  readonly commit: number;
}

class OperationRun<S extends SnapshotUnderTest> {
  readonly #adapter: DatabaseAdapter<S>;
  readonly #model: ModelDatabase;
  #fs: FileSystem;
  #database!: DatabaseUnderTest<S>;
  #snapshots: (Slot<S> | null)[] = emptySlots();
  #cursors: (Slot<CursorUnderTest> | null)[] = emptySlots();
  #modelCursors: (ModelCursor | null)[] = emptySlots();
  /** Last commits that survive the end of the process and the loss of power. */
  #processFloor = 0;
  #powerFloor = 0;
  #lost = 0;
  readonly #transcript: string[] = [];
  readonly #counts = new Map<string, number>();

  constructor(adapter: DatabaseAdapter<S>, options: RunOptions) {
    this.#adapter = adapter;
    this.#fs = options.fs ?? new SimulatedFileSystem();
    this.#model = options.model ?? new ModelDatabase();
  }

  async open(): Promise<void> {
    this.#database = await this.#adapter.open(this.#fs);
  }

  async step(operation: DatabaseOperation): Promise<void> {
    this.#counts.set(operation.op, (this.#counts.get(operation.op) ?? 0) + 1);
    if (isWrite(operation)) await this.#write(operation);
    else if (isRead(operation)) await this.#read(operation);
    else if (isCursorCall(operation)) await this.#moveCursor(operation);
    else await this.#maintain(operation);
    this.#adapter.checkInvariants?.(this.#database);
  }

  async end(): Promise<RunReport> {
    this.#expectEntries('final scan', await this.#scanAll(), this.#model.entries());
    this.#closeSlots();
    await this.#database.close();
    return { transcript: this.#transcript, counts: this.#counts, lost: this.#lost };
  }

  async #write(operation: WriteCall): Promise<void> {
    const writes = (operation.op === 'batch' ? operation.writes : [operation]).map(modelWriteOf);
    const options = operation.durable === true ? { durability: 'fsync' as const } : {};
    if (operation.form === 'sync') writeSync(this.#database, operation.op, writes, options);
    else await write(this.#database, operation.op, writes, options);
    const commit = this.#model.commit(writes);
    this.#acknowledge(commit, operation.durable === true ? 'fsync' : this.#adapter.durability);
  }

  async #read(operation: ReadCall): Promise<void> {
    const slot = operation.snapshot === null ? null : this.#snapshots[operation.snapshot]!;
    const options = slot === null ? {} : { snapshot: slot.value };
    const at = slot?.commit ?? this.#model.commits;
    const database = this.#database;
    const isSync = operation.form === 'sync';
    if (operation.op === 'get') {
      const key = keyBytes(operation.key);
      const value = isSync ? database.getSync(key, options) : await database.get(key, options);
      this.#expectValues([value], [this.#model.get(key, at)]);
    } else if (operation.op === 'getMany') {
      const keys = operation.keys.map(keyBytes);
      const values = isSync
        ? database.getManySync(keys, options)
        : await database.getMany(keys, options);
      this.#expectValues(
        values,
        keys.map((key) => this.#model.get(key, at)),
      );
    } else {
      const { reverse, limit } = operation;
      const range = rangeOf(operation.range);
      const expected = this.#model.entries(range, at);
      if (reverse) expected.reverse();
      const found = database.entries({ ...range, ...options, reverse, limit });
      const entries = isSync ? [...iterate(found)] : await collect(found);
      this.#expectEntries('scan', entries, limit < 0 ? expected : expected.slice(0, limit));
    }
  }

  async #moveCursor(operation: CursorCall): Promise<void> {
    const { slot } = operation;
    if (operation.op === 'cursorOpen') {
      this.#cursors[slot]?.value.close();
      const pinned = operation.snapshot === null ? null : this.#snapshots[operation.snapshot]!;
      const range = rangeOf(operation.range);
      const options = pinned === null ? {} : { snapshot: pinned.value };
      const { reverse } = operation;
      const commit = pinned?.commit ?? this.#model.commits;
      const cursor = this.#database.entries({ ...range, ...options, reverse });
      this.#cursors[slot] = { value: cursor, commit };
      this.#modelCursors[slot] = new ModelCursor(this.#model.entries(range, commit), reverse);
      return;
    }
    const cursor = this.#cursors[slot];
    const expected = this.#modelCursors[slot];
    if (cursor == null || expected == null) return;
    if (operation.op === 'cursorClose') {
      cursor.value.close();
      this.#cursors[slot] = null;
    } else if (operation.op === 'cursorSeek') {
      cursor.value.seek(keyBytes(operation.key));
      expected.seek(keyBytes(operation.key));
    } else {
      const lines = await compareModelCursor(cursor.value, expected, operation);
      this.#transcript.push(lines);
    }
  }

  async #maintain(operation: MaintenanceCall): Promise<void> {
    switch (operation.op) {
      case 'snapshotOpen':
        this.#snapshots[operation.slot]?.value.close();
        this.#snapshots[operation.slot] = {
          value: this.#database.snapshot(),
          commit: this.#model.commits,
        };
        break;
      case 'snapshotClose':
        this.#snapshots[operation.slot]?.value.close();
        this.#snapshots[operation.slot] = null;
        break;
      case 'flush':
        await this.#database.flush();
        this.#acknowledge(this.#model.commits, 'fsync');
        break;
      case 'sync':
        await this.#database.sync();
        this.#acknowledge(this.#model.commits, 'fsync');
        break;
      case 'settle':
        await this.#adapter.settle?.(this.#database);
        break;
      case 'compact':
        await this.#database.compact(rangeOf(operation.range));
        break;
      case 'swap':
        await this.#adapter.swapStrategy?.(this.#database, operation.strategy);
        break;
      case 'reopen':
        await this.#reopen();
        break;
      case 'crash':
        await this.#crash(operation.variant, operation.seed);
        break;
    }
  }

  async #reopen(): Promise<void> {
    this.#closeSlots();
    await this.#database.close();
    await this.open();
    this.#acknowledge(this.#model.commits, 'fsync');
    this.#expectEntries('scan after reopening', await this.#scanAll(), this.#model.entries());
  }

  /** Every other variant number is the end of the process: all that the system was given survives. */
  async #crash(variant: number, seed: number): Promise<void> {
    const fs = this.#fs;
    if (!(fs instanceof SimulatedFileSystem)) return this.#reopen();
    const isProcessCrash = (variant & 1) === 1;
    const survival = SURVIVAL_VARIANTS[(variant >> 1) % SURVIVAL_VARIANTS.length]!;
    this.#fs = isProcessCrash ? fs.restartProcess() : fs.survivors(survival, seed);
    fs.crashAfter(fs.operations - 1);
    await this.#abandon();
    await this.open();
    const floor = isProcessCrash ? this.#processFloor : this.#powerFloor;
    const content = await this.#scanAll();
    const commit = this.#model.findCommit(content, floor);
    if (commit < 0) {
      throw new Error(
        `after a ${isProcessCrash ? 'process crash' : `power cut (${survival.name})`} the content is that of no ` +
          `commit from ${floor} to ${this.#model.commits}: ${formatEntries(content)}`,
      );
    }
    this.#lost += this.#model.commits - commit;
    this.#model.rollBackTo(commit);
    this.#processFloor = commit;
    this.#powerFloor = Math.min(this.#powerFloor, commit);
  }

  async #abandon(): Promise<void> {
    this.#snapshots = emptySlots();
    this.#cursors = emptySlots();
    this.#modelCursors = emptySlots();
    if (this.#adapter.abandon !== undefined) return this.#adapter.abandon(this.#database);
    try {
      await this.#database.close();
    } catch {
      // Its disk is gone; nothing that it says matters.
    }
  }

  #acknowledge(commit: number, durability: Durability): void {
    if (durability === 'memory') return;
    this.#processFloor = commit;
    if (durability === 'fsync') this.#powerFloor = commit;
  }

  async #scanAll(): Promise<ModelEntry[]> {
    return collect(this.#database.entries());
  }

  #closeSlots(): void {
    for (const slot of this.#cursors) slot?.value.close();
    for (const slot of this.#snapshots) slot?.value.close();
    this.#snapshots = emptySlots();
    this.#cursors = emptySlots();
    this.#modelCursors = emptySlots();
  }

  #expectEntries(
    what: string,
    found: readonly ModelEntry[],
    expected: readonly ModelEntry[],
  ): void {
    const text = formatEntries(found);
    this.#transcript.push(text);
    if (text !== formatEntries(expected)) {
      throw new Error(`${what} gave ${text}, expected ${formatEntries(expected)}`);
    }
  }

  #expectValues(
    found: readonly (Uint8Array | undefined)[],
    expected: readonly (Uint8Array | undefined)[],
  ): void {
    const text = found.map(formatValue).join(' ');
    this.#transcript.push(text);
    const wanted = expected.map(formatValue).join(' ');
    if (text !== wanted) throw new Error(`gave ${text}, expected ${wanted}`);
  }
}

type WriteCall = Extract<DatabaseOperation, { op: 'put' | 'del' | 'delRange' | 'batch' }>;
type ReadCall = Extract<DatabaseOperation, { op: 'get' | 'getMany' | 'scan' }>;
type CursorCall = Extract<
  DatabaseOperation,
  { op: 'cursorOpen' | 'cursorNext' | 'cursorSeek' | 'cursorClose' }
>;
type MaintenanceCall = Exclude<DatabaseOperation, WriteCall | ReadCall | CursorCall>;

function isWrite(operation: DatabaseOperation): operation is WriteCall {
  return ['put', 'del', 'delRange', 'batch'].includes(operation.op);
}

function isRead(operation: DatabaseOperation): operation is ReadCall {
  return ['get', 'getMany', 'scan'].includes(operation.op);
}

function isCursorCall(operation: DatabaseOperation): operation is CursorCall {
  return operation.op.startsWith('cursor');
}

function writeSync<S extends SnapshotUnderTest>(
  database: DatabaseUnderTest<S>,
  op: WriteCall['op'],
  writes: readonly ModelWrite[],
  options: { durability?: Durability },
): void {
  const first = writes[0];
  if (op === 'batch') database.batchSync(writes, options);
  else if (first?.type === 'put') database.putSync(first.key, first.value, options);
  else if (first?.type === 'del') database.delSync(first.key, options);
  else if (first?.type === 'delRange') database.delRangeSync(boundsOf(first), options);
}

function write<S extends SnapshotUnderTest>(
  database: DatabaseUnderTest<S>,
  op: WriteCall['op'],
  writes: readonly ModelWrite[],
  options: { durability?: Durability },
): Promise<void> {
  const first = writes[0];
  if (op === 'batch') return database.batch(writes, options);
  if (first?.type === 'put') return database.put(first.key, first.value, options);
  if (first?.type === 'del') return database.del(first.key, options);
  return database.delRange(boundsOf(first as KeyRange), options);
}

function modelWriteOf(operation: WriteOperation): ModelWrite {
  switch (operation.op) {
    case 'put':
      return { type: 'put', key: keyBytes(operation.key), value: valueBytes(operation.value) };
    case 'del':
      return { type: 'del', key: keyBytes(operation.key) };
    case 'delRange':
      return { type: 'delRange', ...rangeOf(operation.range) };
  }
}

function rangeOf(range: RangeSpec): KeyRange {
  const bounds: Record<string, Uint8Array> = {};
  for (const [name, key] of Object.entries(range)) bounds[name] = keyBytes(key as string);
  return bounds;
}

/** Only the bounds; a strict database refuses other names. */
function boundsOf({ gte, gt, lt, lte }: KeyRange): KeyRange {
  return {
    ...(gte && { gte }),
    ...(gt && { gt }),
    ...(lt && { lt }),
    ...(lte && { lte }),
  };
}

function* iterate(cursor: CursorUnderTest): Generator<ModelEntry> {
  const iterator = cursor[Symbol.iterator]();
  for (let item = iterator.next(); item.done !== true; item = iterator.next()) yield item.value;
}

async function collect(cursor: CursorUnderTest): Promise<ModelEntry[]> {
  const entries: ModelEntry[] = [];
  const iterator = cursor[Symbol.asyncIterator]();
  for (let item = await iterator.next(); item.done !== true; item = await iterator.next()) {
    entries.push(item.value);
  }
  return entries;
}

function emptySlots<T>(): (T | null)[] {
  return Array.from({ length: SLOTS }, () => null);
}

/** Keys in hexadecimal and values shortened to length, first and last byte and a sum. */
export function formatEntries(entries: readonly ModelEntry[]): string {
  return `[${entries.map(([key, value]) => `${hex(key)}:${formatValue(value)}`).join(' ')}]`;
}

function formatValue(value: Uint8Array | undefined): string {
  if (value === undefined) return '-';
  let sum = 0;
  for (const byte of value) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${value.length}#${(sum >>> 0).toString(16)}`;
}

function hex(key: Uint8Array): string {
  return `x${Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
