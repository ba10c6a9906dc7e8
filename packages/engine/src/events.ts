/** Events of a database: plain objects to listeners, in the order they happen, never from inside a hot path. */
import { invalidArgument, type LsmError, nearestName } from '@lsm/core';

/** What happened, by name. */
export interface DatabaseEvents {
  /** A sealed memtable starts to be written, or has been. */
  flushBegin: { readonly entries: number };
  flushEnd: { readonly entries: number; readonly bytes: number; readonly ms: number };
  /** A task starts to run, or has been committed. */
  compactionBegin: CompactionEvent;
  compactionEnd: CompactionEvent & {
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly ms: number;
  };
  /** The strategy in use changed. */
  strategyChange: { readonly from: string; readonly to: string };
  /** A strategy broke its contract and was replaced by the safeguard. */
  strategyQuarantined: { readonly strategy: string; readonly reason: string };
  /** Writers are held back; `cause` says by what. */
  slowdown: { readonly cause: StallCause };
  stallBegin: { readonly cause: StallCause };
  stallEnd: { readonly cause: StallCause; readonly ms: number };
  /**
   * Compaction rests because no merge fits on the disk; it goes on by itself when there is space. `freeBytes` is what
   * merges may take: what is free but for room to flush. `neededBytes` is what the first merge could take.
   */
  diskShort: { readonly neededBytes: number; readonly freeBytes: number };
  /** Recovery cut a torn tail. */
  truncated: { readonly file: string; readonly offset: number; readonly bytes: number };
  /** An error outside any call. */
  error: { readonly error: LsmError };
}

const eventNames: readonly (keyof DatabaseEvents)[] = [
  'flushBegin',
  'flushEnd',
  'compactionBegin',
  'compactionEnd',
  'strategyChange',
  'strategyQuarantined',
  'slowdown',
  'stallBegin',
  'stallEnd',
  'diskShort',
  'truncated',
  'error',
];

/** What one compaction task is about. */
export interface CompactionEvent {
  readonly task: number;
  readonly kind: 'merge' | 'move' | 'drop' | 'rewrite';
  readonly reason: string;
  /** Tables, and their bytes. */
  readonly inputs: number;
  readonly inputBytes: number;
  readonly level: number;
}

/** Why writers wait: unflushed memtables, or a tree that the strategy calls too far behind. */
export type StallCause = 'memtables' | 'compaction';

/** Receives one kind of event. */
export type Listener<E extends keyof DatabaseEvents> = (event: DatabaseEvents[E]) => void;

/** Listeners by event name. */
export class EventHub {
  readonly #listeners = new Map<keyof DatabaseEvents, Set<(event: never) => void>>();
  #depth = 0;

  /** Whether a listener is being called. */
  get isTelling(): boolean {
    return this.#depth > 0;
  }

  /** Adds a listener; the returned function removes it. */
  on<E extends keyof DatabaseEvents>(name: E, listener: Listener<E>): () => void {
    if (!eventNames.includes(name)) {
      throw invalidArgument(
        `There is no event "${name}"; did you mean "${nearestName(name, eventNames)}"?`,
      );
    }
    if (typeof listener !== 'function') throw invalidArgument('A listener has to be a function.');
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Whether somebody listens to a name. */
  isHeard(name: keyof DatabaseEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** Calls the listeners of a name; one that throws does not disturb the database or the others. */
  emit<E extends keyof DatabaseEvents>(name: E, event: DatabaseEvents[E]): void {
    const set = this.#listeners.get(name);
    if (set === undefined) return;
    this.#depth++;
    for (const listener of set) {
      try {
        (listener as Listener<E>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#depth--;
  }
}
