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

/** Describes this process. */
export function describeThisProcess(generation: number): LockHolder {
  return {
    generation,
    pid: process.pid,
    startTime: startTimeOf('self'),
    pidNamespace: pidNamespace(),
    bootId: bootId(),
    host: hostname(),
    command: baseName(process.argv[1] ?? process.execPath),
    // oxlint-disable-next-line no-restricted-globals -- for people to read; decides nothing
    since: new Date().toISOString(),
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
  const startTime = startTimeOf(String(holder.pid));
  return startTime === '' || holder.startTime === '' || startTime === holder.startTime;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold blanks and parentheses, so count after the last one. */
function startTimeOf(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
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
