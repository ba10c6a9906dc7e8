/**
 * Executes one job as a generator: cursors in, tables out. Runs in the worker and in-process alike.
 *
 * If the generator is given up (`return`) or fails, every table that it had begun or finished is removed.
 */
import { POINT_INDEX_KINDS, pointIndexKind } from '@lsm/bloom';
import {
  type CompactionCounts,
  compactEntries,
  MergeCursor,
  type TableSink,
} from '@lsm/compaction';
import {
  assert,
  type Clock,
  type Cursor,
  type Entry,
  type FileSystem,
  KeyHasher,
  LsmError,
  type Random,
  type RangeTombstone,
} from '@lsm/core';
import { joinPath } from '@lsm/fs';
import type { TableMetadata } from '@lsm/manifest';
import { attachMemtable } from '@lsm/memtable';
import { Table, TableBuilder, TableEnvironment, type TableTimes } from '@lsm/sstable';
import {
  type FlushJob,
  type Job,
  type JobResult,
  type MergeJob,
  type OutputSpec,
  tableFileName,
} from './jobs.ts';
import { TableChain } from './table-chain.ts';
import { metadataOf } from './table-metadata.ts';

/** What jobs need of the thread they run in. */
export interface JobContext {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

/** Runs a job to its end, pausing at block borders. */
export function* runJob(job: Job, context: JobContext): Generator<undefined, JobResult> {
  const outputs = new OutputTables(job.output, timesOf(job), context);
  try {
    const sources = job.kind === 'flush' ? flushSources(job) : mergeSources(job, context);
    let counts: CompactionCounts;
    try {
      counts = yield* merge(job, sources, outputs);
    } finally {
      sources.close();
    }
    if (outputs.count > 0) context.fileSystem.syncDirectorySync(job.output.directory);
    return {
      outputs: outputs.complete(),
      entriesIn: counts.entriesIn,
      entriesOut: counts.entriesOut,
      readBytes: job.kind === 'merge' ? inputBytes(job) : 0,
      writtenBytes: outputs.writtenBytes,
    };
  } finally {
    outputs.abandon();
  }
}

interface Sources {
  readonly cursor: Cursor;
  readonly rangeTombstones: readonly RangeTombstone[];
  close(): void;
}

function* merge(
  job: Job,
  sources: Sources,
  outputs: OutputTables,
): Generator<undefined, CompactionCounts> {
  const steps = compactEntries({
    source: sources.cursor,
    rangeTombstones: sources.rangeTombstones,
    snapshots: job.snapshots,
    olderRuns: job.olderRuns,
    shape: {
      tableBytes: job.output.tableBytes,
      cutKeys: job.cutKeys,
      ...(job.kind === 'merge'
        ? { cutNear: job.cutNear, maxOverlapBytes: job.maxOverlapBytes }
        : {}),
    },
    sink: outputs,
  });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield undefined;
  }
}

function flushSources(job: FlushJob): Sources {
  const memtable = attachMemtable(job.memtable, job.handle);
  const cursor = memtable.cursor();
  return {
    cursor,
    rangeTombstones: memtable.rangeTombstones.all,
    close: () => cursor.close(),
  };
}

function mergeSources(job: MergeJob, context: JobContext): Sources {
  const environment = new TableEnvironment({
    fs: context.fileSystem,
    cache: null,
    cacheKernels: null,
    kinds: POINT_INDEX_KINDS,
    hasher: new KeyHasher(job.output.hashSeed),
  });
  const opened: Table[] = [];
  const rangeTombstones: RangeTombstone[] = [];
  const openTable = (metadata: TableMetadata): Table => {
    const path = joinPath(job.output.directory, tableFileName(metadata.id));
    const table = Table.open(environment, path, { fileId: metadata.fileId, bytes: metadata.bytes });
    opened.push(table);
    return table;
  };
  try {
    for (const run of job.inputs) {
      for (const metadata of run) {
        if (metadata.rangeTombstones > 0) {
          rangeTombstones.push(...openTable(metadata).rangeTombstones.all);
        }
      }
    }
    const cursors = job.inputs.map((run) => new TableChain(run, openTable));
    const cursor = cursors.length === 1 ? cursors[0]! : new MergeCursor(cursors);
    return {
      cursor,
      rangeTombstones,
      close() {
        cursor.close();
        for (const table of opened) table.close();
      },
    };
  } catch (error) {
    for (const table of opened) table.close();
    throw error;
  }
}

function timesOf(job: Job): Pick<TableTimes, 'oldestWriteAt' | 'newestWriteAt'> & {
  readonly oldestTombstoneAt: number | null;
} {
  if (job.kind === 'flush') {
    const { oldestWriteAt, newestWriteAt } = job;
    return { oldestWriteAt, newestWriteAt, oldestTombstoneAt: oldestWriteAt };
  }
  let oldestWriteAt = Number.POSITIVE_INFINITY;
  let newestWriteAt = 0;
  let oldestTombstoneAt: number | null = null;
  for (const table of job.inputs.flat()) {
    oldestWriteAt = Math.min(oldestWriteAt, table.oldestWriteAt);
    newestWriteAt = Math.max(newestWriteAt, table.newestWriteAt);
    if (table.oldestTombstoneAt !== null) {
      oldestTombstoneAt = Math.min(oldestTombstoneAt ?? Infinity, table.oldestTombstoneAt);
    }
  }
  return { oldestWriteAt, newestWriteAt, oldestTombstoneAt };
}

function inputBytes(job: MergeJob): number {
  return job.inputs.flat().reduce((sum, table) => sum + table.bytes, 0);
}

function lockLost(path: string): LsmError {
  return new LsmError(
    'LSM_LOCK_LOST',
    'Another writer has taken the directory over: a file stands under a number of this one; reopen the database',
    { file: path },
  );
}

/** The tables that a job writes. */
class OutputTables implements TableSink {
  readonly #spec: OutputSpec;
  readonly #times: ReturnType<typeof timesOf>;
  readonly #context: JobContext;
  readonly #finished: TableMetadata[] = [];
  #builder: TableBuilder | null = null;
  #complete = false;
  #next: number;

  constructor(spec: OutputSpec, times: ReturnType<typeof timesOf>, context: JobContext) {
    this.#spec = spec;
    this.#times = times;
    this.#context = context;
    this.#next = spec.firstId;
  }

  get bytes(): number {
    return this.#builder === null ? 0 : this.#builder.estimatedBytes;
  }

  /** Finished tables. */
  get count(): number {
    return this.#finished.length;
  }

  get writtenBytes(): number {
    return this.#finished.reduce((sum, table) => sum + table.bytes, 0);
  }

  open(): void {
    const spec = this.#spec;
    assert(this.#next < spec.firstId + spec.idCount, 'A job used up its reserved file numbers.');
    this.#builder = this.#newBuilder();
  }

  #newBuilder(): TableBuilder {
    const spec = this.#spec;
    const path = this.#path(this.#next);
    // The number was reserved by this owner: whoever made the file is another one.
    if (this.#context.fileSystem.statSync(path) !== null) throw lockLost(path);
    return new TableBuilder(this.#context.fileSystem, path, {
      random: this.#context.random,
      blockBytes: spec.blockBytes,
      pointIndex: pointIndexKind(spec.pointIndex),
      bitsPerKey: spec.bitsPerKey,
      transform: spec.compression,
      hashSeed: spec.hashSeed,
      times: { ...this.#times, createdAt: spec.createdAt },
    });
  }

  add(entry: Entry): void {
    this.#builder!.add(entry);
  }

  addRangeTombstone(tombstone: RangeTombstone): void {
    this.#builder!.addRangeTombstone(tombstone);
  }

  cut(): void {
    const properties = this.#builder!.finish();
    this.#builder = null;
    this.#finished.push(metadataOf(this.#next++, properties));
  }

  /** Hands the tables over; they are kept from now on. */
  complete(): readonly TableMetadata[] {
    this.#complete = true;
    return this.#finished;
  }

  /** Removes everything that was written, unless it was handed over. */
  abandon(): void {
    if (this.#complete) return;
    this.#complete = true;
    this.#builder?.abandon();
    for (const { id } of this.#finished) {
      try {
        this.#context.fileSystem.unlinkSync(this.#path(id));
      } catch {
        // It stays as an orphan; the next open removes it.
      }
    }
  }

  #path(id: number): string {
    return joinPath(this.#spec.directory, tableFileName(id));
  }
}
