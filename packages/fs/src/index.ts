/**
 * `@lsm/fs`: the {@link FileSystem} of the platform and of memory, the platform's clock and randomness, the directory
 * lock, and whole-file operations.
 */
export { bootId } from './boot-id.ts';
export { type DirectoryLockOptions, lockDirectory } from './directory-lock.ts';
export { copyFile, readFileBytes, writeFileDurably } from './files.ts';
export { isLifelineHeld, type Lifeline, openLifeline } from './lifeline.ts';
export { memoryFileSystem } from './memory-file-system.ts';
export { systemError } from './node-errors.ts';
export { nodeFileSystem } from './node-file-system.ts';
export { baseName, joinPath, normalizePath, parentPath } from './paths.ts';
export { systemClock, systemRandom } from './system-clock.ts';
export { markUntransferable } from './untransferable.ts';
