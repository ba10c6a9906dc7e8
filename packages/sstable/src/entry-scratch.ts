/** Makes entries of loose keys and values, for callers that have no memtable or cursor to take them from. */
import { Entry, EntryKind, invalidArgument, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '@lsm/core';

/** One entry over a buffer of its own that grows. */
export class EntryScratch {
  readonly #entry = new Entry();
  #bytes = new Uint8Array(256);

  /**
   * Copies a key and a value into the buffer.
   *
   * @param key - 0 to 65,535 bytes
   * @param value - `null` makes a point delete
   * @param sequence - 0 to 2^53 − 1
   * @returns always the same entry, valid until the next call
   * @throws LSM_INVALID_ARGUMENT for a longer key or value
   */
  set(key: Uint8Array, value: Uint8Array | null, sequence: number): Entry {
    const valueLength = value === null ? 0 : value.length;
    if (key.length > KEY_BYTES_MAX || valueLength > VALUE_BYTES_MAX) {
      throw invalidArgument(
        `A key of ${key.length} or a value of ${valueLength} bytes is too long.`,
      );
    }
    const length = key.length + valueLength;
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array((Math.max(length, this.#bytes.length * 2) + 3) & ~3);
    }
    this.#bytes.set(key);
    if (value !== null) this.#bytes.set(value, key.length);
    const entry = this.#entry;
    if (entry.bytes !== this.#bytes) {
      entry.bytes = this.#bytes;
      entry.words = new Int32Array(this.#bytes.buffer);
    }
    entry.keyLength = key.length;
    entry.valueOffset = key.length;
    entry.valueLength = valueLength;
    entry.kind = value === null ? EntryKind.delete : EntryKind.put;
    entry.sequence = sequence;
    return entry;
  }
}
