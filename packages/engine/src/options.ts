/**
 * The options of a database: one table of settings with defaults, and the injected components beside them.
 *
 * Settings are plain JSON and are kept with the database; components (strategy, file system, clock, …) are objects.
 */
import {
  type LevelFilter,
  monkey,
  perLevel as perLevelFilter,
  type UniformSettings,
  uniform,
} from '@lsm/bloom';
import {
  booleanSetting,
  type Clock,
  type CompactionStrategy,
  choiceSetting,
  type FileSystem,
  type FilterAllocator,
  integerSetting,
  invalidArgument,
  nearestName,
  parseSettings,
  type Random,
  rejectUnknownNames,
  type SettingSpec,
  type SettingSpecs,
} from '@lsm/core';
import { nodeFileSystem, systemClock, systemRandom } from '@lsm/fs';
import { resolveStrategy, type StrategySetting } from './strategies.ts';

/** When a write counts as done; see docs/guarantees.md. */
export type Durability = 'memory' | 'os' | 'fsync';

/** Name of a block codec. */
export type Compression = 'none' | 'lz4';

/** How reads that miss the cache reach the disk. */
export type ReadMode = 'auto' | 'sync' | 'async';

/** Whether there is a combined index, and when it is built. */
export type CombinedIndexMode = 'auto' | 'always' | 'off';

/** Where flushes and merges run. */
export type ExecutorSetting = 'auto' | 'worker' | 'inline';

/** The setting of the point indexes of new tables. */
export type FilterSetting =
  | 'monkey'
  | UniformSettings
  | { readonly perLevel: readonly LevelFilter[]; readonly oldest?: LevelFilter }
  | FilterAllocator;

/** Plain settings, all with defaults. */
export interface Settings {
  /** Create the directory and database if missing. Default true. */
  readonly createIfMissing: boolean;
  /** Fail with LSM_EXISTS if the database exists. Default false. */
  readonly errorIfExists: boolean;
  /** Open without lock and without writing anything, not even recovery. Default false. */
  readonly readOnly: boolean;
  /** What a write's return means; a per-call one may only be stronger. Default `'os'`. */
  readonly durability: Durability;
  /** One budget, bytes, for memtables, block cache and point indexes. Default 256 MiB, 1 MiB … 64 GiB. */
  readonly memoryBytes: number;
  /** Size at which a memtable is sealed, bytes; up to three exist at once. Default `memoryBytes` / 8, at most 1 GiB. */
  readonly memtableBytes: number;
  /** Bytes of the block cache. Default `memoryBytes` / 2, at most 3 GiB. */
  readonly cacheBytes: number;
  /** Bytes that point indexes may take. Default `memoryBytes` / 8. */
  readonly indexBytes: number;
  /** Kind of memtable: adaptive radix tree, or hash table sorted on demand. Default `'art'`. */
  readonly memtable: 'art' | 'hash';
  /** Target size of a data block, bytes. Default 4096, 256 … 65,536. */
  readonly blockBytes: number;
  /** Target size of a table, bytes. Default 16 MiB, 16 KiB … 256 MiB. */
  readonly tableBytes: number;
  /** Codec per level; the last entry repeats. Default none on levels 0 and 1, LZ4 below. */
  readonly compression: Compression | readonly Compression[];
  /**
   * One index over the newest runs, derived and kept in memory only: at most `indexBytes` / 4, which the filters then
   * have less. `'auto'` builds it where lookups ask many runs in vain, `'always'` at the first lookup after each change
   * of the tree. Not built with `reads: 'async'`, nor while the disk is slow. Default `'auto'`.
   */
  readonly combinedIndex: CombinedIndexMode;
  /** Default `'auto'`: synchronous while the disk answers within 50 µs on average. */
  readonly reads: ReadMode;
  /** Default `'auto'`: a worker where the file system can be opened in one, else in-process slices. */
  readonly executor: ExecutorSetting;
  /** Merges that may be under way at once. Default 2, 1 … 16. */
  readonly maxTasks: number;
  /** Allow strategies that drop data. Default false; a database whose strategy was allowed once keeps it. */
  readonly lossy: boolean;
}

/** Injected objects. */
interface Components {
  /** Compaction strategy by name, by name and settings, or as an object. Default `'hybrid'`. */
  readonly compaction: CompactionStrategy;
  readonly filter: FilterAllocator;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

/** What `open` takes: every member optional. */
export interface OpenOptions extends Partial<Settings> {
  /** Default: the database's present strategy, or `'hybrid'` for a new one. */
  readonly compaction?: StrategySetting;
  /** Default `'monkey'`. */
  readonly filter?: FilterSetting;
  /** Default: the machine's files. */
  readonly fs?: FileSystem;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Complete, checked options. */
export interface ParsedOptions {
  readonly settings: Settings;
  /** Whether `lossy` was given; else what the database recorded counts. */
  readonly isLossyGiven: boolean;
  readonly components: Omit<Components, 'compaction'> & {
    readonly compaction: CompactionStrategy | null;
  };
}

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;

const settingSpecs: SettingSpecs<Settings> = {
  createIfMissing: booleanSetting(true),
  errorIfExists: booleanSetting(false),
  readOnly: booleanSetting(false),
  durability: choiceSetting('os', ['memory', 'os', 'fsync']),
  memoryBytes: integerSetting(256 * MEBIBYTE, MEBIBYTE, 64 * GIBIBYTE),
  memtableBytes: integerSetting(0, 4096, GIBIBYTE),
  cacheBytes: integerSetting(0, 65_536, 3 * GIBIBYTE),
  indexBytes: integerSetting(0, 0, 64 * GIBIBYTE),
  memtable: choiceSetting('art', ['art', 'hash']),
  blockBytes: integerSetting(4096, 256, 65_536),
  tableBytes: integerSetting(16 * MEBIBYTE, 16_384, 256 * MEBIBYTE),
  compression: compressionSetting(),
  combinedIndex: choiceSetting('auto', ['auto', 'always', 'off']),
  reads: choiceSetting('auto', ['auto', 'sync', 'async']),
  executor: choiceSetting('auto', ['auto', 'worker', 'inline']),
  maxTasks: integerSetting(2, 1, 16),
  lossy: booleanSetting(false),
};

const componentNames = ['compaction', 'filter', 'fs', 'clock', 'random'];

/**
 * Completes and checks the options of `open`.
 *
 * @throws LSM_INVALID_ARGUMENT for an unknown name (naming the nearest), a wrong type or a value out of range
 */
export function parseOptions(options: OpenOptions = {}): ParsedOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('The options have to be an object.');
  }
  const plain: Record<string, unknown> = { ...options };
  rejectUnknownNames(Object.keys(plain), [...Object.keys(settingSpecs), ...componentNames], 'open');
  for (const name of componentNames) delete plain[name];
  const parsed = parseSettings(settingSpecs, plain, 'open');
  const settings: Settings = Object.freeze({
    ...parsed,
    ...shares(parsed, options.indexBytes),
  });
  const fileSystem = options.fs ?? nodeFileSystem();
  if (settings.executor === 'worker' && fileSystem.workerName === null) {
    throw invalidArgument("executor 'worker' needs a file system that a worker can open.");
  }
  return {
    settings,
    isLossyGiven: options.lossy !== undefined,
    components: {
      compaction: options.compaction === undefined ? null : resolveStrategy(options.compaction),
      filter: resolveFilter(options.filter === undefined ? 'monkey' : options.filter),
      fileSystem,
      clock: options.clock ?? systemClock(),
      random: options.random ?? systemRandom(),
    },
  };
}

/** The parts of the memory budget, as far as they are not given: three memtables 3/8, the cache 4/8, indexes 1/8. */
function shares(
  { memoryBytes, memtableBytes, cacheBytes }: Settings,
  indexBytes: number | undefined,
): Pick<Settings, 'memtableBytes' | 'cacheBytes' | 'indexBytes'> {
  return {
    memtableBytes: memtableBytes || Math.min(GIBIBYTE, Math.floor(memoryBytes / 8)),
    cacheBytes: cacheBytes || Math.min(3 * GIBIBYTE, Math.floor(memoryBytes / 2)),
    indexBytes: indexBytes ?? Math.floor(memoryBytes / 8),
  };
}

/** The part of `indexBytes` that is kept for the combined index, bytes. */
export function combinedIndexShare({ combinedIndex, indexBytes }: Settings): number {
  return combinedIndex === 'off' ? 0 : Math.floor(indexBytes / 4);
}

/** The stronger of two durabilities is at least the database's; throws otherwise. */
export function strongerDurability(given: unknown, least: Durability): Durability {
  if (given === undefined || given === least) return least;
  const order: readonly unknown[] = ['memory', 'os', 'fsync'];
  const rank = order.indexOf(given);
  if (rank < 0) {
    throw invalidArgument(
      `durability has to be one of memory, os, fsync; did you mean "${nearestName(String(given), ['memory', 'os', 'fsync'])}"?`,
    );
  }
  if (rank < order.indexOf(least)) {
    throw invalidArgument(
      `durability '${String(given)}' is weaker than the database's '${least}'; a call may only ask for more.`,
    );
  }
  return given as Durability;
}

function resolveFilter(filter: FilterSetting): FilterAllocator {
  if (filter === 'monkey') return monkey();
  if (typeof filter === 'object' && filter !== null) {
    if ('choose' in filter) return filter;
    if ('perLevel' in filter) {
      rejectUnknownNames(Object.keys(filter), ['perLevel', 'oldest'], 'filter');
      return perLevelFilter(filter.perLevel, filter.oldest);
    }
    if ('bitsPerKey' in filter || 'kind' in filter) return uniform(filter);
  }
  throw invalidArgument(
    "filter has to be 'monkey', {bitsPerKey, kind}, {perLevel: [filters], oldest} or a FilterAllocator.",
  );
}

function compressionSetting(): SettingSpec<Compression | readonly Compression[]> {
  const one = choiceSetting<Compression>('none', ['none', 'lz4']);
  return {
    default: ['none', 'none', 'lz4'],
    parse(value, name) {
      if (!Array.isArray(value)) return one.parse(value, name);
      if (value.length === 0) throw invalidArgument(`${name} has to name at least one codec.`);
      return Object.freeze(value.map((item: unknown) => one.parse(item, name)));
    },
  };
}
