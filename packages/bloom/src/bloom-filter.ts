/**
 * A Bloom filter for use alone: add keys one by one, ask, save, load.
 *
 * The saved form is a 16-byte preamble and the encoding of the kind `bloom` (docs/formats/filter.md):
 *
 *     0  u32  magic 0x464d534c ("LSMF")     8  i32  low seed of the hash
 *     4  u32  version, 1                   12  i32  high seed of the hash
 */
import {
  type Bytes,
  corruption,
  invalidArgument,
  KeyBuffer,
  KeyHasher,
  LsmError,
  numberSetting,
  POINT_ABSENT,
  parseSettings,
  type SettingSpec,
} from '@lsm/core';
import { allocateBloom, type BloomIndex, openBloom } from './bloom.ts';
import { bloomBitsPerKey } from './bloom-formulas.ts';
import { HEADER_BYTES } from './encoding.ts';

const MAGIC = 0x464d534c;
const VERSION = 1;
const PREAMBLE_BYTES = 16;
/** Fixed, so that filters of two processes agree; give a secret one if the keys come from an adversary. */
const SEED_DEFAULT = [0x1b873593, 0x2545f491] as const;
/** Where the encoding counts its keys. */
const KEYS_AT: number = PREAMBLE_BYTES + 4;
const KEYS_MAX = 0xffff_ffff;

/** How {@link BloomFilter.create} sizes a filter. */
export interface BloomFilterSettings {
  /** Distinct keys to be added, 1 to 2^28; more raise the false positive rate. */
  readonly expectedKeys: number;
  /** Wished share of foreign keys that pass when `expectedKeys` were added, 2^-32 to 0.99; default 0.01. */
  readonly falsePositiveRate?: number;
  /** Two 32-bit integers for the hash; default fixed. */
  readonly seed?: readonly [low: number, high: number];
}

const SPECS = {
  expectedKeys: numberSetting(0, 1, 2 ** 28),
  falsePositiveRate: numberSetting(0.01, 2 ** -32, 0.99),
  seed: seedSetting(),
};

/** A set that may answer yes for a key that was never added, and never no for one that was. */
export class BloomFilter {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #index: BloomIndex;
  readonly #hasher: KeyHasher;
  readonly #key = new KeyBuffer();

  /** @param bytes - preamble and encoding, a whole buffer; kept and written to */
  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    const view = new DataView(bytes.buffer);
    this.#bytes = bytes;
    this.#view = view;
    this.#index = openBloom(bytes.subarray(PREAMBLE_BYTES));
    this.#hasher = new KeyHasher([view.getInt32(8, true), view.getInt32(12, true)]);
  }

  /**
   * Makes an empty filter.
   *
   * @throws LSM_INVALID_ARGUMENT for settings out of range or unknown ones
   */
  static create(settings: BloomFilterSettings): BloomFilter {
    const parsed = parseSettings(SPECS, settings, 'BloomFilter');
    const { expectedKeys, falsePositiveRate, seed } = parsed;
    if (expectedKeys === 0) throw invalidArgument('BloomFilter: expectedKeys has to be given.');
    const encoding = allocateBloom(expectedKeys, bloomBitsPerKey(falsePositiveRate));
    const bytes = new Uint8Array(PREAMBLE_BYTES + encoding.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, VERSION, true);
    view.setInt32(8, seed[0], true);
    view.setInt32(12, seed[1], true);
    bytes.set(encoding, PREAMBLE_BYTES);
    view.setUint32(KEYS_AT, 0, true);
    return new BloomFilter(bytes);
  }

  /**
   * Loads what {@link toBytes} saved.
   *
   * @param bytes - copied
   * @throws LSM_CORRUPTION if they are no filter; LSM_UNSUPPORTED_FORMAT for a newer version. There is no checksum:
   * damage within the bits changes answers
   */
  static fromBytes(bytes: Uint8Array): BloomFilter {
    if (!(bytes instanceof Uint8Array)) throw invalidArgument('Give the filter as a Uint8Array.');
    const copy = new Uint8Array(bytes);
    const view = new DataView(copy.buffer);
    if (copy.length < PREAMBLE_BYTES + HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
      throw corruption('The bytes are not a saved Bloom filter');
    }
    const version = view.getUint32(4, true);
    if (version !== VERSION) {
      throw new LsmError(
        'LSM_UNSUPPORTED_FORMAT',
        `A saved Bloom filter has version ${version}; this software knows ${VERSION}.`,
      );
    }
    return new BloomFilter(copy);
  }

  /** Calls of {@link add} so far, repeated keys included; stops counting at 2^32 − 1. */
  get keys(): number {
    return this.#view.getUint32(KEYS_AT, true);
  }

  /** Bits of the filter: m. */
  get bits(): number {
    return this.#index.bits;
  }

  /** Bits that each key sets: k. */
  get hashes(): number {
    return this.#index.hashes;
  }

  /** Adds a key: 0 to 65,535 bytes, or a string, which stands for its UTF-8 form. */
  add(key: Bytes): void {
    this.#hash(key);
    this.#index.insert(this.#hasher.low, this.#hasher.high);
    const keys = this.#view.getUint32(KEYS_AT, true);
    if (keys < KEYS_MAX) this.#view.setUint32(KEYS_AT, keys + 1, true);
  }

  /** Whether the key may have been added; `false` is certain. */
  has(key: Bytes): boolean {
    this.#hash(key);
    return this.#index.first(this.#hasher.low, this.#hasher.high) !== POINT_ABSENT;
  }

  /** A copy of the filter as bytes, for {@link fromBytes}. */
  toBytes(): Uint8Array {
    return this.#bytes.slice();
  }

  #hash(key: Bytes): void {
    this.#key.set(key);
    this.#hasher.hash(this.#key.words, 0, this.#key.length);
  }
}

function seedSetting(): SettingSpec<readonly [number, number]> {
  return {
    default: SEED_DEFAULT,
    parse(value, name) {
      const isPair = Array.isArray(value) && value.length === 2 && value.every(Number.isInteger);
      if (!isPair) throw invalidArgument(`${name} has to be two 32-bit integers.`);
      return value as unknown as readonly [number, number];
    },
  };
}
