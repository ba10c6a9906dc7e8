/** Durability of one write, in classic-level's words (`sync`) and in the engine's (`durability`). */
import type { Durability, WriteOptions } from '@lsm/engine';

/** Options of writes beyond abstract-level's. */
export interface DurabilityOptions {
  /** Resolve only when the write is on the device; the same as `durability: 'fsync'`. Default false. */
  sync?: boolean | undefined;
  /** What the write's promise means; at least the database's. Default: the database's. */
  durability?: Durability | undefined;
}

const synced: WriteOptions = Object.freeze({ durability: 'fsync' });
const byDefault: WriteOptions = Object.freeze({});

/** The engine's options for a write. */
export function writeOptionsOf(options: DurabilityOptions): WriteOptions {
  if (options.sync === true) return synced;
  return options.durability === undefined ? byDefault : { durability: options.durability };
}
