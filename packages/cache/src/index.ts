/**
 * `@lsm/cache`: a block cache in typed arrays with SIEVE eviction. The public surface of the package; everything
 * else is private.
 */
export {
  BlockCache,
  type BlockCacheOptions,
  type BlockCacheStats,
  CacheHandle,
} from './block-cache.ts';
