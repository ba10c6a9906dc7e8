/** A file system whose writes, cuts and syncs fail on demand; partial writes reach the file. */
import { type FileHandle, type FileSystem, LsmError } from '@lsm/core';

export interface Faults {
  /** Bytes of the next write that still reach the file before it fails; `null`: writes succeed. */
  writeFailsAfter: number | null;
  failTruncate: boolean;
  failSync: boolean;
  failSyncSync: boolean;
  /** Descriptors opened so far. */
  opened: number;
}

/** @param onSync - awaited by each asynchronous sync */
export function faultyFileSystem(
  inner: FileSystem,
  onSync: () => Promise<void> = () => Promise.resolve(),
): { fs: FileSystem; faults: Faults } {
  const faults: Faults = {
    writeFailsAfter: null,
    failTruncate: false,
    failSync: false,
    failSyncSync: false,
    opened: 0,
  };
  const fs = new Proxy(inner, {
    get(target, name) {
      if (name === 'openSync') {
        return (...args: Parameters<FileSystem['openSync']>) => {
          faults.opened++;
          return faultyHandle(target.openSync(...args), faults, onSync);
        };
      }
      const member = Reflect.get(target, name) as unknown;
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { fs, faults };
}

function faultyHandle(inner: FileHandle, faults: Faults, onSync: () => Promise<void>): FileHandle {
  const fail = (code: 'LSM_DISK_FULL' | 'LSM_IO'): never => {
    throw new LsmError(code, 'Injected fault', { file: inner.path });
  };
  return {
    path: inner.path,
    readSync: (...args) => inner.readSync(...args),
    read: (...args) => inner.read(...args),
    writeSync(source, sourceOffset, length, position) {
      const kept = faults.writeFailsAfter;
      if (kept === null) {
        inner.writeSync(source, sourceOffset, length, position);
        return;
      }
      faults.writeFailsAfter = null;
      inner.writeSync(source, sourceOffset, Math.min(kept, length), position);
      fail('LSM_DISK_FULL');
    },
    syncSync() {
      if (faults.failSyncSync) fail('LSM_IO');
      inner.syncSync();
    },
    async sync() {
      await inner.sync();
      await onSync();
      if (faults.failSync) fail('LSM_IO');
    },
    truncateSync(length) {
      if (faults.failTruncate) fail('LSM_IO');
      inner.truncateSync(length);
    },
    sizeSync: () => inner.sizeSync(),
    close: () => inner.close(),
  };
}
