/**
 * The smallest database that can stand under the interpreter: one log of JSON lines, replayed into a list of states.
 * With `bug` it has one of the classic faults, which the interpreter has to find.
 */
import type { FileHandle, FileSystem } from '@lsm/core';
import { readFileBytes } from '@lsm/fs';
import {
  type CursorUnderTest,
  type DatabaseAdapter,
  type DatabaseUnderTest,
  type KeyRange,
  ModelCursor,
  ModelDatabase,
  type ModelWrite,
  type ReadUnderTest,
  type ScanUnderTest,
  type WriteUnderTest,
} from '@lsm/testkit';

export type ToyBug =
  | 'sync does nothing'
  | 'directory is not synced'
  | 'batch is torn'
  | 'snapshot moves'
  | 'cursor moves'
  | 'upper bound is inclusive'
  | 'range delete is not logged'
  | 'reverse forgets the limit';

interface ToySnapshot {
  readonly at: number;
  close(): void;
}

export function toyAdapter(bug?: ToyBug): DatabaseAdapter<ToySnapshot> {
  return { durability: 'os', open: async (fs) => new ToyDatabase(fs, bug) };
}

class ToyDatabase implements DatabaseUnderTest<ToySnapshot> {
  readonly #state = new ModelDatabase();
  readonly #log: FileHandle;
  readonly #bug: ToyBug | undefined;
  #position = 0;

  constructor(fs: FileSystem, bug: ToyBug | undefined) {
    this.#bug = bug;
    if (fs.statSync('log') === null) fs.openSync('log', 'create').close();
    if (bug !== 'directory is not synced') fs.syncDirectorySync('');
    for (const line of wholeLines(readFileBytes(fs, 'log'))) {
      this.#state.commit(JSON.parse(line, revive) as ModelWrite[]);
      this.#position += line.length + 1;
    }
    this.#log = fs.openSync('log', 'write');
    this.#log.truncateSync(this.#position);
    this.#log.syncSync();
  }

  batchSync(writes: readonly ModelWrite[], options: WriteUnderTest = {}): void {
    if (this.#bug === 'batch is torn') for (const write of writes) this.#append([write]);
    else this.#append(writes);
    if (options.durability === 'fsync') this.#sync();
  }

  async batch(writes: readonly ModelWrite[], options?: WriteUnderTest): Promise<void> {
    this.batchSync(writes, options);
  }

  putSync(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): void {
    this.batchSync([{ type: 'put', key, value }], options);
  }

  async put(key: Uint8Array, value: Uint8Array, options?: WriteUnderTest): Promise<void> {
    this.putSync(key, value, options);
  }

  delSync(key: Uint8Array, options?: WriteUnderTest): void {
    this.batchSync([{ type: 'del', key }], options);
  }

  async del(key: Uint8Array, options?: WriteUnderTest): Promise<void> {
    this.delSync(key, options);
  }

  delRangeSync(range: KeyRange, options?: WriteUnderTest): void {
    if (this.#bug === 'range delete is not logged') {
      this.#state.commit([{ type: 'delRange', ...range }]);
    } else this.batchSync([{ type: 'delRange', ...range }], options);
  }

  async delRange(range: KeyRange, options?: WriteUnderTest): Promise<void> {
    this.delRangeSync(range, options);
  }

  getSync(key: Uint8Array, options?: ReadUnderTest<ToySnapshot>): Uint8Array | undefined {
    return this.#state.get(key, this.#at(options));
  }

  async get(
    key: Uint8Array,
    options?: ReadUnderTest<ToySnapshot>,
  ): Promise<Uint8Array | undefined> {
    return this.getSync(key, options);
  }

  getManySync(
    keys: readonly Uint8Array[],
    options?: ReadUnderTest<ToySnapshot>,
  ): (Uint8Array | undefined)[] {
    return keys.map((key) => this.getSync(key, options));
  }

  async getMany(
    keys: readonly Uint8Array[],
    options?: ReadUnderTest<ToySnapshot>,
  ): Promise<(Uint8Array | undefined)[]> {
    return this.getManySync(keys, options);
  }

  entries(range: ScanUnderTest<ToySnapshot> = {}): CursorUnderTest {
    const at = this.#at(range);
    const { lt } = range;
    const inclusive = this.#bug === 'upper bound is inclusive' && lt !== undefined;
    const { lt: _, ...open } = range;
    const bounds: KeyRange = inclusive ? { ...open, lte: lt } : range;
    const reverse = range.reverse === true;
    const limited = !(reverse && this.#bug === 'reverse forgets the limit');
    const limit = limited && (range.limit ?? -1) >= 0 ? range.limit! : Infinity;
    const isLate = this.#bug === 'cursor moves';
    return new ToyCursor(
      () => new ModelCursor(this.#state.entries(bounds, isLate ? undefined : at), reverse),
      limit,
    );
  }

  snapshot(): ToySnapshot {
    const at = this.#bug === 'snapshot moves' ? Infinity : this.#state.commits;
    return { at, close: () => {} };
  }

  async flush(): Promise<void> {
    this.#sync();
  }

  async sync(): Promise<void> {
    this.#sync();
  }

  async compact(): Promise<void> {}

  async close(): Promise<void> {
    this.#sync();
    this.#log.close();
  }

  #append(writes: readonly ModelWrite[]): void {
    this.#state.commit(writes);
    const line = `${JSON.stringify(writes, flatten)}\n`;
    const bytes = new TextEncoder().encode(line);
    this.#log.writeSync(bytes, 0, bytes.length, this.#position);
    this.#position += bytes.length;
  }

  #sync(): void {
    if (this.#bug !== 'sync does nothing') this.#log.syncSync();
  }

  #at(options?: ReadUnderTest<ToySnapshot>): number {
    return options?.snapshot?.at ?? this.#state.commits;
  }
}

class ToyCursor implements CursorUnderTest {
  readonly #open: () => ModelCursor;
  #entries: ModelCursor | null = null;
  #limit: number;

  constructor(open: () => ModelCursor, limit: number) {
    this.#open = open;
    this.#limit = limit;
  }

  nextSync(): [Uint8Array, Uint8Array] | undefined {
    this.#entries ??= this.#open();
    const entry = this.#limit-- > 0 ? this.#entries.next() : undefined;
    return entry === undefined ? undefined : [...entry];
  }

  async next(): Promise<[Uint8Array, Uint8Array] | undefined> {
    return this.nextSync();
  }

  nextBatchSync(count: number): [Uint8Array, Uint8Array][] {
    return Array.from({ length: count }, () => this.nextSync()).filter((e) => e !== undefined);
  }

  async nextBatch(count: number): Promise<[Uint8Array, Uint8Array][]> {
    return this.nextBatchSync(count);
  }

  seek(key: Uint8Array): void {
    this.#entries ??= this.#open();
    this.#entries.seek(key);
  }

  close(): void {}

  *[Symbol.iterator](): Generator<[Uint8Array, Uint8Array]> {
    for (let entry = this.nextSync(); entry !== undefined; entry = this.nextSync()) yield entry;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<[Uint8Array, Uint8Array]> {
    yield* this[Symbol.iterator]();
  }
}

/** Lines up to the first that is torn: not ended, or not JSON. */
function wholeLines(bytes: Uint8Array): string[] {
  const lines = new TextDecoder('latin1').decode(bytes).split('\n').slice(0, -1);
  const bad = lines.findIndex((line) => !isJson(line));
  return bad < 0 ? lines : lines.slice(0, bad);
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function flatten(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { bytes: Array.from(value) } : value;
}

function revive(_: string, value: unknown): unknown {
  const isBytes = typeof value === 'object' && value !== null && 'bytes' in value;
  return isBytes ? Uint8Array.from(value.bytes as number[]) : value;
}
