/**
 * The operations that workloads are made of: each writes or reads one thing and keeps the model true.
 *
 * Synchronous calls are used for reads where the store has them; then a step returns its kind, not a promise.
 */
import type { PrefixGroup } from '../data/data-set.ts';
import type { OperationKind, WorkloadContext } from './workload.ts';

/** A step's result. */
export type StepResult = OperationKind | Promise<OperationKind>;

/** The operations, bound to one run. */
export class Steps {
  readonly #context: WorkloadContext;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  /** How this store reads, for reports. */
  get readCall(): string {
    return this.#context.store.getSync === undefined ? 'await get' : 'getSync';
  }

  /** Writes the next version of an entry. */
  put(index: number): StepResult {
    const { store, data, model } = this.#context;
    const version = model.write(index);
    return after(store.put(data.key(index), data.value(index, version)), 'put');
  }

  /** Deletes an entry. */
  remove(index: number): StepResult {
    const { store, data, model } = this.#context;
    model.remove(index);
    return after(store.del(data.key(index)), 'delete');
  }

  /** Deletes a whole prefix with one call, if the store can. */
  removeGroup(group: PrefixGroup): StepResult {
    const { store, model } = this.#context;
    if (store.deletePrefix === undefined) throw new Error('The store has no range delete.');
    for (const index of group.members) model.remove(index);
    return after(store.deletePrefix(group.prefix), 'delete');
  }

  /** Deletes entries that follow each other in key order, `from` up to not including `to`; by one call if the store can. */
  removeSpan(from: number, to: number): StepResult {
    const { store, data, model } = this.#context;
    for (let index = from; index < to; index++) model.remove(index);
    if (store.deleteRange !== undefined) {
      const gte = data.key(from).slice();
      return after(store.deleteRange(gte, data.key(to)), 'delete');
    }
    const calls = Array.from({ length: to - from }, (_, i) => store.del(data.key(from + i)));
    return after(Promise.all(calls), 'delete');
  }

  /** Writes the next versions of consecutive entries of an order as one batch. */
  batch(order: Uint32Array, from: number, count: number): StepResult {
    const { store, data, model, tally } = this.#context;
    const operations = [];
    for (let i = from; i < Math.min(from + count, order.length); i++) {
      const index = order[i]!;
      const version = model.write(index);
      const key = data.key(index).slice();
      operations.push({ type: 'put' as const, key, value: data.value(index, version).slice() });
    }
    tally.entries += operations.length;
    return after(store.batch(operations), 'batch');
  }

  /** Looks an entry up and checks the answer. */
  get(index: number): StepResult {
    const { store, data, model } = this.#context;
    if (store.getSync !== undefined) {
      model.check(index, store.getSync(data.key(index)));
      return 'get';
    }
    return store.get(data.key(index)).then((value) => {
      model.check(index, value);
      return 'get';
    });
  }

  /** Looks a key up that was never written. */
  miss(index: number): StepResult {
    const { store, data, model } = this.#context;
    if (store.getSync !== undefined) {
      model.checkMissing(store.getSync(data.missingKey(index)));
      return 'miss';
    }
    return store.get(data.missingKey(index)).then((value) => {
      model.checkMissing(value);
      return 'miss';
    });
  }

  /** Reads an entry, then writes its next version. */
  modify(index: number): StepResult {
    const read = this.get(index);
    if (typeof read === 'string') return after(this.put(index), 'modify');
    return read.then(() => after(this.put(index), 'modify'));
  }

  /** Scans up to `limit` entries from the key of an index on. */
  scanFrom(index: number, limit: number): StepResult {
    const { store, data } = this.#context;
    const gte = data.key(index).slice();
    return this.#counted(store.scan({ gte, limit }, touchEntry));
  }

  /** Scans everything with a prefix. */
  scanGroup(group: PrefixGroup): StepResult {
    return this.#counted(this.#context.store.scan({ prefix: group.prefix }, touchEntry));
  }

  /** Scans everything, in either direction. */
  scanAll(reverse: boolean): StepResult {
    return this.#counted(this.#context.store.scan({ reverse }, touchEntry));
  }

  #counted(count: number | Promise<number>): StepResult {
    if (typeof count === 'number') {
      this.#context.tally.entries += count;
      return 'scan';
    }
    return count.then((entries) => {
      this.#context.tally.entries += entries;
      return 'scan';
    });
  }
}

function after(done: StepResult | Promise<unknown>, kind: OperationKind): StepResult {
  if (typeof done === 'string') return kind;
  return done.then(() => kind);
}

let touched = 0;

/** Reads a byte of key and value, so that a scan can't get away with not producing them. */
function touchEntry(key: Uint8Array, value: Uint8Array): void {
  touched = (touched + key.length + (value.length > 0 ? value[0]! : 0)) | 0;
}
