/**
 * `@lsm/manifest`: which tables make up the tree, and the log that says so durably. The public surface of the package;
 * everything else is private.
 */
export {
  CURRENT_NAME,
  manifestName,
  manifestNumber,
  readCurrent,
} from './current-file.ts';
export { type DirectoryContents, inspectDirectory } from './directory-contents.ts';
export { decodeEdit, encodeEdit } from './edit-codec.ts';
export { applyEdit, EMPTY_STATE, type ManifestState, stateToEdit } from './manifest-state.ts';
export {
  type CommitOptions,
  ManifestStore,
  type ManifestStoreOptions,
  type OpenManifestOptions,
} from './manifest-store.ts';
export {
  type ManifestContents,
  type ReadManifestOptions,
  readManifest,
  type TruncatedManifest,
} from './read-manifest.ts';
export type { TableMetadata } from './table-metadata.ts';
export { editBetween, type Run, type RunTables, Version } from './version.ts';
export {
  type AddedTable,
  FORMAT_VERSION,
  type OwnerRecord,
  type RunPlace,
  type StrategyRecord,
  type TreeEdit,
  type VersionEdit,
} from './version-edit.ts';
