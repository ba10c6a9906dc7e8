/**
 * Who holds a directory: a description for messages and, where no socket can be bound, the proof of life.
 *
 * A process is named by boot id, pid namespace, pid and start time: a pid alone may be given again, and means nothing
 * in another container or after a reboot. What cannot be decided counts as alive; a false "locked" costs a manual
 * removal, a false "free" costs a database.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { bootId } from './boot-id.ts';
import { baseName } from './paths.ts';

/** A process, as written into `LOCK.info` and lock files. JSON. */
export interface LockHolder {
  readonly generation: number;
  readonly pid: number;
  /** Start of the process in clock ticks after boot; empty if unknown. */
  readonly startTime: string;
  /** Identity of the pid namespace; empty if unknown. */
  readonly pidNamespace: string;
  readonly bootId: string;
  readonly host: string;
  /** Name of the script that it runs. */
  readonly command: string;
  /** Wall time of taking the lock, ISO 8601. */
  readonly since: string;
}

type ProcessIdentity = Omit<LockHolder, 'generation' | 'since'>;

let thisProcess: ProcessIdentity | undefined;

/** Describes this process. */
export function describeThisProcess(generation: number): LockHolder {
  thisProcess ??= identifyThisProcess();
  // oxlint-disable-next-line no-restricted-globals -- for people to read; decides nothing
  return { generation, ...thisProcess, since: new Date().toISOString() };
}

function identifyThisProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: statusOf('self')?.startTime ?? '',
    pidNamespace: pidNamespace(),
    bootId: bootId(),
    host: hostname(),
    command: baseName(process.argv[1] ?? process.execPath),
  };
}

/** Reads what {@link describeThisProcess} wrote as JSON; `null` for anything else. */
export function parseLockHolder(text: string): LockHolder | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof raw !== 'object' || raw === null) return null;
  const fields = raw as Record<keyof LockHolder, unknown>;
  if (!isCount(fields.generation) || !isCount(fields.pid)) return null;
  return {
    generation: fields.generation,
    pid: fields.pid,
    startTime: textOf(fields.startTime),
    pidNamespace: textOf(fields.pidNamespace),
    bootId: textOf(fields.bootId),
    host: textOf(fields.host),
    command: textOf(fields.command),
    since: textOf(fields.since),
  };
}

/** One clause for an error message: "process 42 (server.mjs) on host x since 2026-11-21T…". */
export function formatLockHolder(holder: LockHolder | null): string {
  if (holder === null) return 'another process';
  const command = holder.command === '' ? '' : ` (${holder.command})`;
  const host = holder.host === hostname() ? '' : ` on host ${holder.host}`;
  return `process ${holder.pid}${command}${host} since ${holder.since}`;
}

/** Whether the machine that `holder` ran on is, as far as one can know, another one than this. */
export function isForeignHost(holder: LockHolder): boolean {
  return holder.bootId !== '' && holder.bootId === bootId() ? false : holder.host !== hostname();
}

/** Whether the process may still live; true if that cannot be decided. */
export function mayBeAlive(holder: LockHolder): boolean {
  if (isForeignHost(holder)) return true;
  if (holder.bootId !== bootId()) return false;
  if (holder.pidNamespace !== pidNamespace()) return true;
  if (!pidExists(holder.pid)) return false;
  const status = statusOf(String(holder.pid));
  if (status === null) return true;
  // A zombie whose threads are all gone holds nothing any more; it waits for its parent only.
  if (status.state === 'Z' && status.threads <= 1) return false;
  return holder.startTime === '' || holder.startTime === status.startTime;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

interface ProcessStatus {
  /** One letter, see proc(5). */
  readonly state: string;
  readonly threads: number;
  readonly startTime: string;
}

/**
 * Fields 3, 20 and 22 of /proc/<pid>/stat, `null` where there is none; the name in field 2 may hold blanks and
 * parentheses, so fields count from the last of them.
 */
function statusOf(pid: string): ProcessStatus | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', threads: Number(fields[17]), startTime: fields[19] ?? '' };
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** A printable text of bounded length: the file may have been damaged, and it goes into messages. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200) : '';
}
