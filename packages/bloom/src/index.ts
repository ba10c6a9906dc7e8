/**
 * `@lsm/bloom`: filters and point indexes of tables, and the allocators that share memory among them. The public
 * surface of the package; everything else is private.
 */
export { bloom } from './bloom.ts';
export { BloomFilter, type BloomFilterSettings } from './bloom-filter.ts';
export {
  bloomBitsPerKey,
  bloomHashes,
  bloomRate,
  splitBlockBitsPerKey,
  splitBlockRate,
} from './bloom-formulas.ts';
export { type LevelFilter, perLevel, type UniformSettings, uniform } from './fixed-allocators.ts';
export { fuse8 } from './fuse8.ts';
export { hashIndex } from './hash-index.ts';
export { POINT_INDEX_KINDS, pointIndexKind } from './kinds.ts';
export { type MonkeySettings, monkey } from './monkey.ts';
export { monkeyRates } from './monkey-rates.ts';
export { none } from './none.ts';
export { splitBlock } from './split-block.ts';
