/** The rows of the speed table, and the keys and values that they are measured with. */
import { mixWord } from '../random.ts';

/** One row: what each round took. */
export interface SpeedRow {
  readonly name: string;
  readonly durability: string;
  /** ns per operation, or MB per second. */
  readonly unit: 'ns' | 'MB/s';
  readonly values: readonly number[];
}

/** Rounds per row. */
export const ROUNDS = 3;

/** Collects rows. */
export class SpeedRows {
  readonly all: SpeedRow[] = [];

  /** Adds a row of measured values. */
  add(name: string, durability: string, unit: SpeedRow['unit'], values: readonly number[]): void {
    this.all.push({ name, durability, unit, values });
  }

  /** Times rounds of `operations` operations each; `work` gets the number of the round. */
  async time(
    name: string,
    durability: string,
    operations: number,
    work: (round: number) => void | Promise<void>,
  ): Promise<void> {
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      const result = work(round);
      if (result !== undefined) await result;
      values.push(((performance.now() - start) * 1e6) / operations);
    }
    this.add(name, durability, 'ns', values);
  }
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
}

/** Values of 100 bytes, half of each repeating the other half. */
export const SPEED_VALUES: readonly Uint8Array[] = Array.from({ length: VALUE_COUNT }, (_, i) =>
  Uint8Array.from({ length: VALUE_BYTES }, (__, j) => mixWord(i * VALUE_BYTES + (j % 50))),
);

/** Bytes of one key and value. */
export const SPEED_ENTRY_BYTES: number = KEY_BYTES + VALUE_BYTES;
