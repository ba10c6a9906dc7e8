/**
 * Claims of a directory as unix-domain sockets or, where none can be bound, as files.
 *
 * Socket: bound and listening under a temporary name, then linked to `LOCK.<generation>`; so the name appears at once,
 * only one can make it, and whoever sees it can tell by connecting whether its owner lives, even one whose loop is
 * blocked. The kernel ends a dead owner's life; the file stays and refuses connections. All paths go through
 * `/proc/self/fd/<directory>`, because a path longer than 107 bytes would silently be cut.
 *
 * File: holds the description of its process, see lock-holder.ts. Linked as above; where there are no hard links it is
 * created exclusively and then written.
 */

import { randomBytes, randomInt } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  describeThisProcess,
  isForeignHost,
  type LockHolder,
  mayBeAlive,
  parseLockHolder,
} from './lock-holder.ts';
import type { LockClaim, LockClaims } from './lock-protocol.ts';
import { errnoOf, systemError } from './node-errors.ts';
import { joinPath } from './paths.ts';

const CLAIM_NAME = /^LOCK\.([1-9]\d{0,8})$/;
const TEMPORARY_PREFIX = 'LOCK.new-';
const HOLDER_NAME = 'LOCK.info';

/** f_type of file systems that several machines may mount: NFS, SMB 1–3, CIFS, 9p, Ceph, FUSE, AFS, GFS2, OCFS2. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x01021997, 0x00c36400, 0x65735546, 0x5346414f,
  0x01161970, 0x7461636f,
]);

/** {@link LockClaims} of one directory. */
export class NodeLockClaims implements LockClaims {
  readonly #directory: string;
  readonly #base: string;
  readonly #descriptor: number;
  readonly #sockets: boolean;

  /**
   * @param directory - path of an existing directory
   * @param sockets - whether to try sockets first
   * @throws LSM_MISSING and others if the directory cannot be opened
   */
  constructor(directory: string, sockets: boolean) {
    this.#directory = directory;
    this.#descriptor = process.platform === 'win32' ? -1 : openDirectory(directory);
    const throughDescriptor = `/proc/self/fd/${this.#descriptor}`;
    const reachable = process.platform === 'linux' && existsSync(throughDescriptor);
    this.#base = reachable ? throughDescriptor : directory;
    this.#sockets = sockets && reachable;
  }

  /** Closes the directory's descriptor; after that only when no claim is held. */
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
  }

  async generations(): Promise<number[]> {
    const generations: number[] = [];
    for (const name of this.#names()) {
      const match = CLAIM_NAME.exec(name);
      if (match !== null) generations.push(Number(match[1]));
    }
    return generations;
  }

  async isAlive(generation: number): Promise<boolean> {
    const path = this.#pathOf(generation);
    let text: string;
    try {
      if (lstatSync(path).isSocket()) {
        return (await answers(path)) || this.#mayLiveElsewhere(generation);
      }
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw systemError(error, 'read the lock', this.#shownPath(generation));
    }
    const holder = parseLockHolder(text);
    return holder !== null && mayBeAlive(holder);
  }

  async claim(generation: number): Promise<LockClaim | null> {
    try {
      if (this.#sockets) {
        const server = await listenAt(this.#temporaryPath());
        if (server !== null) return this.#linkSocket(generation, server);
      }
      return this.#claimByFile(generation);
    } catch (error) {
      throw systemError(error, 'lock the directory', this.#shownPath(generation));
    }
  }

  async remove(generation: number): Promise<void> {
    unlinkIfThere(this.#pathOf(generation));
  }

  async pause(attempt: number): Promise<void> {
    await delay(randomInt(1, 4 << attempt));
  }

  /** Removes what contenders that died at work left behind, and says who owns the directory now. */
  announce(claim: LockClaim): void {
    for (const name of this.#names()) {
      if (name.startsWith(TEMPORARY_PREFIX)) unlinkIfThere(joinPath(this.#base, name));
    }
    if (claim.kind === 'socket') {
      const holder = JSON.stringify(describeThisProcess(claim.generation));
      writeFileSync(joinPath(this.#base, HOLDER_NAME), holder, { mode: 0o600 });
    }
  }

  /** Takes the announcement back; before the claim is released. */
  withdraw(): void {
    unlinkIfThere(joinPath(this.#base, HOLDER_NAME));
  }

  /** Who made a claim, if that can be told. */
  holderOf(generation: number): LockHolder | null {
    for (const path of [this.#pathOf(generation), joinPath(this.#base, HOLDER_NAME)]) {
      const holder = readHolder(path);
      if (holder?.generation === generation) return holder;
    }
    return null;
  }

  #linkSocket(generation: number, { server, path }: Listener): LockClaim | null {
    let linked = false;
    try {
      linked = this.#link(path, generation);
      return linked ? this.#claimOf(generation, 'socket', () => server.close()) : null;
    } finally {
      // Closing also removes the name the server was bound to; while it is open, that name is of no use either.
      if (linked) unlinkIfThere(path);
      else server.close();
    }
  }

  #claimByFile(generation: number): LockClaim | null {
    const path = this.#temporaryPath();
    const text = JSON.stringify(describeThisProcess(generation));
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    try {
      if (!this.#link(path, generation)) return null;
    } catch (error) {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error))) throw error;
      if (!this.#createFile(generation, text)) return null;
    } finally {
      unlinkIfThere(path);
    }
    return this.#claimOf(generation, 'file', () => {});
  }

  #createFile(generation: number, text: string): boolean {
    let descriptor: number;
    try {
      descriptor = openSync(this.#pathOf(generation), 'wx', 0o600);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    try {
      writeSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
    return true;
  }

  /** False if the name exists, or an owner removed the temporary one. */
  #link(path: string, generation: number): boolean {
    try {
      linkSync(path, this.#pathOf(generation));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #claimOf(generation: number, kind: string, end: () => void): LockClaim {
    const path = this.#pathOf(generation);
    const identity = identityOf(path);
    const holds = (): boolean => identity !== '' && identityOf(path) === identity;
    let held = true;
    return {
      generation,
      kind,
      holds: async () => holds(),
      release: () => {
        if (!held) return;
        held = false;
        if (holds()) unlinkIfThere(path);
        end();
      },
    };
  }

  /** A refused connection proves death only on this machine; see {@link NETWORK_FILE_SYSTEMS}. */
  #mayLiveElsewhere(generation: number): boolean {
    const holder = readHolder(joinPath(this.#base, HOLDER_NAME));
    if (holder === null || holder.generation !== generation || !isForeignHost(holder)) return false;
    return NETWORK_FILE_SYSTEMS.has(statfsSync(this.#directory).type);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#base);
    } catch (error) {
      throw systemError(error, 'list the directory', this.#directory);
    }
  }

  #pathOf(generation: number): string {
    return joinPath(this.#base, `LOCK.${generation}`);
  }

  #shownPath(generation: number): string {
    return joinPath(this.#directory, `LOCK.${generation}`);
  }

  #temporaryPath(): string {
    return joinPath(this.#base, TEMPORARY_PREFIX + randomBytes(4).toString('hex'));
  }
}

interface Listener {
  readonly server: Server;
  readonly path: string;
}

/** Binds a socket and listens; `null` if this place has no sockets. */
async function listenAt(path: string): Promise<Listener | null> {
  const server = createServer((connection) => connection.destroy());
  const bound = await new Promise<boolean>((resolve) => {
    // Stays attached: an error of accept must not end the process.
    server.on('error', () => resolve(false));
    server.listen({ path, exclusive: true });
    // Node binds within the call, other platforms later.
    if (server.listening) resolve(true);
    else server.once('listening', () => resolve(true));
  });
  if (!bound) return null;
  server.unref();
  try {
    chmodSync(path, 0o600);
  } catch {
    // Removed by an owner meanwhile: the link will fail, and the contender starts again.
  }
  return { server, path };
}

/** Whether somebody listens at a socket; what cannot be decided (no permission, full backlog) counts as yes. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect({ path });
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', (error) => {
      const errno = errnoOf(error);
      resolve(errno !== 'ECONNREFUSED' && errno !== 'ENOENT');
    });
  });
}

function readHolder(path: string): LockHolder | null {
  try {
    return lstatSync(path).isFile() ? parseLockHolder(readFileSync(path, 'utf8')) : null;
  } catch {
    return null;
  }
}

function openDirectory(directory: string): number {
  try {
    return openSync(directory, 'r');
  } catch (error) {
    throw systemError(error, 'open the directory', directory);
  }
}

/** Device and inode of what stands at a path; empty if nothing does. */
function identityOf(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
