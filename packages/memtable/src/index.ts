/**
 * @lsm/memtable: the sorted write buffer. The public surface of the package; everything else is private.
 */
export * from './arena.ts';
export * from './arena-size.ts';
export { type ArtMemtable, artMemtable } from './art-memtable.ts';
export * from './attach.ts';
export { type HashMemtable, hashMemtable } from './hash-memtable.ts';
export type {
  ArtDescription,
  HashDescription,
  MemtableDescription,
  MemtableDescriptionBase,
  SealableMemtable,
} from './version-memtable.ts';
