/** Where and with what was measured: machine, disk, runtime, versions. What can't be found out is `null`. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';

/** Names with units, and values. */
export type Environment = Record<string, string | number | null>;

/** Magic numbers of Linux file systems (statfs(2)). */
const FILE_SYSTEMS: Record<number, string> = {
  0xef53: 'ext2/3/4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x6969: 'nfs',
  0x2fc12fc1: 'zfs',
};

const SYNC_PROBES = 50;

/** Looks at the machine; `directory` is where the databases will stand. */
export function captureEnvironment(directory: string): Environment {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? null,
    processors: availableParallelism(),
    governor: readText('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    'load average before': rounded(loadavg()[0]!),
    'memory, GiB': rounded(totalmem() / 2 ** 30),
    platform: `${platform()} ${release()}`,
    'file system': fileSystemOf(directory),
    'append + fdatasync, per second': syncsPerSecond(directory),
    runtime: `Node ${process.version}, V8 ${process.versions.v8}`,
    'runtime flags': process.execArgv.join(' '),
    engine: packageVersion('@lsm/engine'),
    commit: commitId(),
  };
}

/** Load after the runs, beside the one before. */
export function loadAfter(): number {
  return rounded(loadavg()[0]!);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function fileSystemOf(directory: string): string | null {
  try {
    const { type } = statfsSync(directory);
    return FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`;
  } catch {
    return null;
  }
}

function syncsPerSecond(directory: string): number | null {
  const path = join(directory, 'sync-probe');
  try {
    const file = openSync(path, 'w');
    const bytes = new Uint8Array(128);
    const start = performance.now();
    for (let i = 0; i < SYNC_PROBES; i++) {
      writeSync(file, bytes);
      fdatasyncSync(file);
    }
    const ms = performance.now() - start;
    closeSync(file);
    return Math.round((SYNC_PROBES / ms) * 1000);
  } catch {
    return null;
  } finally {
    rmSync(path, { force: true });
  }
}

/** The version of a package that the bench can load, `null` if it can't. */
export function packageVersion(name: string, from: string = import.meta.url): string | null {
  try {
    const require = createRequire(from);
    for (const folder of require.resolve.paths(name) ?? []) {
      const text = readText(join(folder, name, 'package.json'));
      if (text !== null) return (JSON.parse(text) as { version: string }).version;
    }
    return null;
  } catch {
    return null;
  }
}

function git(...words: string[]): string {
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync('git', words, { encoding: 'utf8', stdio: [...stdio] }).trim();
}

function commitId(): string | null {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' + changes';
    return git('rev-parse', '--short=12', 'HEAD') + changed;
  } catch {
    return null;
  }
}
