/** The rows of the speed table, and the keys and values that they are measured with. */
import { mixWord } from '../random.ts';

/** One row: what each round took. */
export interface SpeedRow {
  readonly name: string;
  /** Name of the store; of the engine: 'lsm'. */
  readonly store: string;
  readonly durability: string;
  /** ns per operation, or MB per second. */
  readonly unit: 'ns' | 'MB/s';
  readonly values: readonly number[];
}

/** What is timed for a row. */
export interface SpeedTask {
  readonly name: string;
  /** Default 'lsm'. */
  readonly store?: string;
  readonly durability: string;
  /** Operations of a round. */
  readonly operations: number;
  /** Before a round, not timed. */
  readonly before?: (round: number) => Promise<void>;
  /** A round. */
  readonly work: (round: number) => void | Promise<void>;
  /** After a round, not timed. */
  readonly after?: (round: number) => Promise<void>;
}

/** Rounds per row. */
export const ROUNDS = 3;

/** Collects rows. */
export class SpeedRows {
  readonly all: SpeedRow[] = [];

  /** Adds a row of measured values. */
  add(name: string, durability: string, unit: SpeedRow['unit'], values: readonly number[]): void {
    this.all.push({ name, store: 'lsm', durability, unit, values });
  }

  /** Times rounds of `operations` operations each; `work` gets the number of the round. */
  async time(
    name: string,
    durability: string,
    operations: number,
    work: SpeedTask['work'],
  ): Promise<void> {
    await this.inTurns([{ name, durability, operations, work }], ROUNDS);
  }

  /** Times several tasks, a round of each in turn, so that a slow minute meets all of them. */
  async inTurns(tasks: readonly SpeedTask[], rounds: number): Promise<void> {
    const values = tasks.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, task] of tasks.entries()) values[i]!.push(await timed(task, round));
    }
    for (const [i, { name, store = 'lsm', durability }] of tasks.entries()) {
      this.all.push({ name, store, durability, unit: 'ns', values: values[i]! });
    }
  }
}

async function timed(task: SpeedTask, round: number): Promise<number> {
  await task.before?.(round);
  const start = performance.now();
  const result = task.work(round);
  if (result !== undefined) await result;
  const ns = ((performance.now() - start) * 1e6) / task.operations;
  await task.after?.(round);
  return ns;
}

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const VALUE_COUNT = 64;

/** Makes the same 16-byte key for the same number; neighbours are far apart. */
export class SpeedKeys {
  readonly bytes: Uint8Array = new Uint8Array(KEY_BYTES);
  readonly #words = new Int32Array(this.bytes.buffer);

  /** The key of a number; borrowed until the next call. */
  of(number: number): Uint8Array {
    const words = this.#words;
    const mixed = mixWord(number);
    words[0] = mixed;
    words[1] = number;
    words[2] = mixed ^ 0x5bd1e995;
    words[3] = ~number;
    return this.bytes;
  }

  /** A key that is in no database: like that of a number, but for the last byte. */
  missing(number: number): Uint8Array {
    const key = this.of(number);
    key[15]! ^= 0x55;
    return key;
  }
}

/** Values of 100 bytes, half of each repeating the other half. */
export const SPEED_VALUES: readonly Uint8Array[] = Array.from({ length: VALUE_COUNT }, (_, i) =>
  Uint8Array.from({ length: VALUE_BYTES }, (__, j) => mixWord(i * VALUE_BYTES + (j % 50))),
);

/** The value of the i-th write. */
export function speedValue(i: number): Uint8Array {
  return SPEED_VALUES[i & 63]!;
}

/** The i-th place in an order that visits everything and stays nowhere. */
export function scattered(i: number, count: number): number {
  return (Math.imul(i, 0x9e3779b1) >>> 0) % count;
}

/** Bytes of one key and value. */
export const SPEED_ENTRY_BYTES: number = KEY_BYTES + VALUE_BYTES;
/** Bytes of the log frame of one put. */
export const SPEED_FRAME_BYTES: number = SPEED_ENTRY_BYTES + 52;
