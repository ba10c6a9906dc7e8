/**
 * Recording of a trace of a live database: what `db.record` starts.
 *
 * A file is written on the caller's thread, a chunk of a few ten kilobytes at a time. A sink is somebody's code, so it
 * is called from macrotasks, never from inside an operation.
 */
import { type TraceHeader, type TraceTotals, TraceWriter } from '@lsm/compaction';
import {
  compareBytes,
  type FileHandle,
  integerSetting,
  invalidArgument,
  LsmError,
  numberSetting,
} from '@lsm/core';
import { asLsmError } from '../background/flusher.ts';
import type { Counters } from '../counters.ts';
import type { Core } from '../database-core.ts';
import { checkOptionNames } from '../write-batch.ts';
import { TraceRecorder } from './trace-recorder.ts';

/** Options of `db.record`; either `path` or `sink`. */
export interface RecordOptions {
  /** File for the trace, on the database's file system, outside its directory; it must not exist. */
  readonly path?: string;
  /** Takes the bytes of the trace, in order; they are its own. Called between macrotasks; what it throws ends the recording. */
  readonly sink?: (bytes: Uint8Array) => void;
  /** Share of keys that are noted, above 0, at most 1. Default 1/16. Aim at some hundred noted writes for each memtable. */
  readonly sample?: number;
  /** Bytes after which the recording ends by itself. Default 64 MiB, at least 64 KiB. */
  readonly maxBytes?: number;
  /** Bytes of each key that are kept behind what the keys of a chunk share: 0 … 64. 0: no byte of any key. Default 8. */
  readonly sketchBytes?: number;
}

/** What came of a recording. */
export interface RecordingSummary {
  /** Bytes of the trace. */
  readonly bytes: number;
  /** Operations noted. */
  readonly operations: number;
  /** All operations, noted or not. */
  readonly totals: TraceTotals;
}

const OPTION_NAMES = ['path', 'sink', 'sample', 'maxBytes', 'sketchBytes'];
/** Bytes of the tree's largest key that are kept, if keys are at all. */
const LARGEST_KEY_BYTES = 64;

const sampleSetting = numberSetting(1 / 16, 2 ** -30, 1);
const maxBytesSetting = integerSetting(2 ** 26, 2 ** 16, 2 ** 32);
const sketchBytesSetting = integerSetting(8, 0, 64);

/** A recording under way. */
export class Recording {
  /** File of the trace; `null` for a sink. */
  readonly path: string | null;
  readonly #core: Core;
  readonly #sink: ((bytes: Uint8Array) => void) | null;
  readonly #file: FileHandle | null;
  readonly #writer: TraceWriter;
  readonly #recorder: TraceRecorder;
  readonly #startedAt: number;
  readonly #before: Counters;
  #position = 0;
  #queue: Uint8Array[] = [];
  #isDraining = false;
  #failure: LsmError | null = null;
  #totals: TraceTotals | null = null;

  /**
   * Use `db.record()`.
   *
   * @throws LSM_INVALID_ARGUMENT; what the file system throws
   */
  constructor(core: Core, options: RecordOptions) {
    checkOptionNames(options, OPTION_NAMES, 'The options of record');
    const { path, sink } = options;
    if ((path === undefined) === (sink === undefined)) {
      throw invalidArgument('record needs a path or a sink, and not both.');
    }
    if (sink !== undefined && typeof sink !== 'function') {
      throw invalidArgument('The sink of record has to be a function.');
    }
    const sample = sampleSetting.parse(options.sample ?? sampleSetting.default, 'sample');
    const maxBytes = maxBytesSetting.parse(options.maxBytes ?? maxBytesSetting.default, 'maxBytes');
    const sketchBytes = sketchBytesSetting.parse(
      options.sketchBytes ?? sketchBytesSetting.default,
      'sketchBytes',
    );
    this.#core = core;
    this.#sink = sink ?? null;
    this.path = path === undefined ? null : checkedPath(path, core.directory);
    this.#file = this.path === null ? null : core.fileSystem.openSync(this.path, 'create');
    this.#startedAt = core.clock.elapsed();
    this.#before = { ...core.counters };
    const { random, clock } = core;
    try {
      this.#writer = new TraceWriter({
        header: headerOf(core, sample, sketchBytes),
        id: [random.next(), random.next()],
        write: (bytes) => this.#write(bytes),
        now: () => clock.elapsed() - this.#startedAt,
      });
      // Nothing is written without a head: a file that refuses it is the caller's to know.
      if (this.#failure !== null) throw this.#failure;
    } catch (error) {
      this.#file?.close();
      throw error;
    }
    this.#recorder = new TraceRecorder({
      writer: this.#writer,
      hashSeed: core.tree.hashSeed,
      sample,
      maxBytes,
      ended: (end) => this.end(end),
    });
    core.attachRecorder(this.#recorder);
  }

  /** Whether operations are still noted: not after `stop`, `maxBytes`, a failure, or the database's close. */
  get active(): boolean {
    return this.#totals === null && this.#failure === null;
  }

  /** Bytes of the trace so far. */
  get bytes(): number {
    return this.#writer.bytes;
  }

  /**
   * Ends the recording; idempotent. The trace is written when it resolves, but not synced.
   *
   * @throws what the file or the sink threw, now or before
   */
  async stop(): Promise<RecordingSummary> {
    this.end('stopped');
    this.#drain();
    if (this.#failure !== null) throw this.#failure;
    return {
      bytes: this.#writer.bytes,
      operations: this.#recorder.noted,
      totals: this.#totals!,
    };
  }

  /** For the engine: ends it for a reason. */
  end(end: TraceTotals['end']): void {
    if (!this.active) return;
    const core = this.#core;
    core.attachRecorder(null);
    const before = this.#before;
    const { counters } = core;
    this.#totals = {
      durationMs: core.clock.elapsed() - this.#startedAt,
      puts: counters.puts - before.puts,
      deletes: counters.deletes - before.deletes,
      rangeDeletes: counters.rangeDeletes - before.rangeDeletes,
      gets: counters.gets - before.gets,
      scans: counters.scans - before.scans,
      flushes: counters.flushes - before.flushes,
      end,
    };
    this.#writer.end(this.#totals);
    this.#file?.close();
  }

  /** Takes the next bytes of the trace; never throws, since an operation of the database is under way. */
  #write(bytes: Uint8Array): void {
    if (this.#failure !== null) return;
    if (this.#file === null) {
      this.#queue.push(bytes);
      this.#drainLater();
      return;
    }
    try {
      this.#file.writeSync(bytes, 0, bytes.length, this.#position);
      this.#position += bytes.length;
    } catch (error) {
      this.#fail(error);
    }
  }

  #drainLater(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#core.clock.defer(() => {
      this.#isDraining = false;
      this.#drain();
    });
  }

  /** Gives the sink what waits for it. */
  #drain(): void {
    for (const bytes of this.#queue.splice(0)) {
      if (this.#failure !== null) return;
      try {
        this.#sink!(bytes);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure = asLsmError(error);
    this.#core.attachRecorder(null);
    this.#file?.close();
    this.#core.events.emit('error', { error: this.#failure });
  }
}

function checkedPath(path: unknown, directory: string): string {
  if (typeof path !== 'string' || path === '') {
    throw invalidArgument('The path of record has to be the name of a file.');
  }
  if (path.startsWith(`${directory}/`)) {
    throw invalidArgument('A trace is not kept in the directory of its database; choose another.');
  }
  return path;
}

/** What the laboratory has to know of the database. */
function headerOf(core: Core, sample: number, sketchBytes: number): TraceHeader {
  const { tree, maintenance, clock } = core;
  const { runs, flushBytes, limits } = maintenance.compactor.tree;
  const { name, settings } = maintenance.strategy;
  let largest: Uint8Array | null = null;
  for (const run of tree.version.runs) {
    const last = run.tables.at(-1)?.maxKey ?? null;
    if (last !== null && (largest === null || compareBytes(last, largest) > 0)) largest = last;
  }
  return {
    sample,
    sketchBytes,
    startedAt: clock.now(),
    flushBytes,
    tableBytes: limits.tableBytes,
    maxTaskBytes: limits.maxTaskBytes,
    maxTasks: limits.maxTasks,
    strategy: { name, settings },
    runs: runs.map(({ level, entries, bytes }) => ({ level, entries, bytes })),
    largestKey: largest === null || sketchBytes === 0 ? null : hexOf(largest),
  };
}

function hexOf(key: Uint8Array): string {
  let digits = '';
  for (const byte of key.subarray(0, LARGEST_KEY_BYTES))
    digits += byte.toString(16).padStart(2, '0');
  return digits;
}
