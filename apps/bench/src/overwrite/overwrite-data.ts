/**
 * Keys and values of the overwrite run: 16-byte keys without order, values that don't compress and say whose and which
 * version they are. Keys from `count` on are never written and lie among the others.
 */
import { mixWord } from '../random.ts';

/** Bytes of a key. */
export const KEY_BYTES = 16;

/** Makes keys and values into buffers of its own, and knows what the store has to hold. */
export class OverwriteData {
  readonly count: number;
  /** Borrowed until the next call. */
  readonly key: Buffer = Buffer.alloc(KEY_BYTES);
  /** Borrowed until the next call. */
  readonly value: Buffer;
  /** By key: how often it was written; 0: not yet. */
  readonly #versions: Uint32Array;

  /**
   * @param count - keys that are written
   * @param valueBytes - bytes of a value, a multiple of 4, at least 8
   */
  constructor(count: number, valueBytes: number) {
    this.count = count;
    this.value = Buffer.alloc(valueBytes);
    this.#versions = new Uint32Array(count);
  }

  /** Makes the key of an index. */
  makeKey(index: number): Buffer {
    const { key } = this;
    key.writeUInt32BE(mixWord(index), 0);
    key.writeUInt32BE(mixWord(index ^ 0x5bd1e995), 4);
    key.writeUInt32BE(index, 8);
    key.writeUInt32BE(0, 12);
    return key;
  }

  /** Makes key and value of the next write to a key. */
  write(index: number): void {
    this.makeKey(index);
    this.#makeValue(index, ++this.#versions[index]!);
  }

  /** Whether an entry is what was written last under its key. */
  isCurrent(key: Buffer, value: Buffer): boolean {
    if (key.length !== KEY_BYTES) return false;
    const index = key.readUInt32BE(8);
    const version = this.#versions[index] ?? 0;
    if (version === 0 || !this.makeKey(index).equals(key)) return false;
    return this.#makeValue(index, version).equals(value);
  }

  #makeValue(index: number, version: number): Buffer {
    const { value } = this;
    value.writeUInt32BE(index, 0);
    value.writeUInt32BE(version, 4);
    const start = mixWord(index ^ mixWord(version));
    for (let at = 8; at < value.length; at += 4) value.writeUInt32BE(mixWord(start + at), at);
    return value;
  }
}
