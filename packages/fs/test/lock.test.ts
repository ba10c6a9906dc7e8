import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { bootId, lockDirectory } from '@lsm/fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('lock-child.mjs', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'lsm-lock-'));
const children: ChildProcess[] = [];
let directories = 0;

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(base, { recursive: true }));

function makeDirectory(): string {
  const directory = join(base, String(directories++));
  mkdirSync(directory);
  return directory;
}

interface Child {
  readonly process: ChildProcess;
  /** The first line that it prints. */
  readonly line: string;
}

async function startChild(
  mode: string,
  directory: string,
  kind: string,
  more = '',
): Promise<Child> {
  const node = spawn(
    process.execPath,
    ['--conditions=@lsm/source', '--no-warnings', script, mode, directory, kind, more],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  children.push(node);
  let text = '';
  for await (const chunk of node.stdout) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return { process: node, line: text.trim() };
}

async function kill(child: Child): Promise<void> {
  child.process.kill('SIGKILL');
  await ended(child.process);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function lockError(directory: string, kind: 'auto' | 'file' = 'auto'): Promise<string> {
  return lockDirectory(directory, { kind }).then(
    (lock) => {
      lock.release();
      return 'not locked';
    },
    (error: Error & { code: string }) => `${error.code} ${error.message}`,
  );
}

/** What a lock file of this process holds: a lock was taken to see it. */
async function describeThisProcess(): Promise<Record<string, unknown>> {
  const directory = makeDirectory();
  const lock = await lockDirectory(directory, { kind: 'file' });
  const text = readFileSync(join(directory, 'LOCK.1'), 'utf8');
  lock.release();
  return JSON.parse(text) as Record<string, unknown>;
}

/** The error of locking a directory where such a file stands. */
async function errorBeside(changes: Record<string, unknown>): Promise<string> {
  const directory = makeDirectory();
  const holder = { ...(await describeThisProcess()), ...changes };
  writeFileSync(join(directory, 'LOCK.1'), JSON.stringify(holder));
  return lockError(directory);
}

describe.skipIf(process.platform !== 'linux')('the directory lock on Linux', () => {
  it('is a socket, names its holder while held, and leaves nothing behind', async () => {
    const directory = makeDirectory();
    const lock = await lockDirectory(directory);
    expect(lock.kind).toBe('socket');
    expect(readdirSync(directory).sort()).toEqual(['LOCK.1', 'LOCK.info']);
    expect(statSync(join(directory, 'LOCK.1')).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'LOCK.info')).mode & 0o777).toBe(0o600);
    const info = JSON.parse(readFileSync(join(directory, 'LOCK.info'), 'utf8')) as object;
    expect(info).toMatchObject({ pid: process.pid, host: hostname(), bootId: bootId() });
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('works in a directory whose path is longer than a socket address', async () => {
    const directory = join(makeDirectory(), 'x'.repeat(190));
    mkdirSync(directory);
    const lock = await lockDirectory(directory);
    expect(lock.kind).toBe('socket');
    expect(readdirSync(directory)).toContain('LOCK.1');
    expect((await startChild('hold', directory, 'auto')).line).toBe('LSM_LOCKED');
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('survives that somebody opens and closes its files, as a copy for backup does', async () => {
    const directory = makeDirectory();
    const lock = await lockDirectory(directory);
    for (const name of readdirSync(directory)) {
      try {
        readFileSync(join(directory, name));
      } catch {
        // A socket cannot be opened.
      }
    }
    expect((await startChild('hold', directory, 'auto')).line).toBe('LSM_LOCKED');
    lock.release();
  });

  it('does not remove the lock of a second owner that came after it was deleted', async () => {
    const directory = makeDirectory();
    const lock = await lockDirectory(directory);
    for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
    const child = await startChild('hold', directory, 'auto');
    expect(child.line).toBe('locked:socket');
    lock.release();
    expect(readdirSync(directory)).toContain('LOCK.1');
    expect(await lockError(directory)).toContain('LSM_LOCKED');
  });

  it('is alive while the event loop of its holder is blocked', async () => {
    const directory = makeDirectory();
    const child = await startChild('block', directory, 'auto');
    expect(child.line).toBe('locked:socket');
    expect(await lockError(directory)).toContain(`process ${child.process.pid} (lock-child.mjs)`);
  });

  it('clears away what contenders left that died at work', async () => {
    const directory = makeDirectory();
    writeFileSync(join(directory, 'LOCK.new-deadbeef'), '');
    writeFileSync(join(directory, 'LOCK.txt'), 'a stranger');
    const lock = await lockDirectory(directory);
    expect(readdirSync(directory).sort()).toEqual(['LOCK.1', 'LOCK.info', 'LOCK.txt']);
    lock.release();
  });

  it('lets one of two cluster workers in', async () => {
    const { line } = await startChild('cluster', makeDirectory(), 'auto');
    expect(line).toBe('LSM_LOCKED locked:socket');
  });

  it('is given up when its worker thread is terminated', async () => {
    const directory = makeDirectory();
    const worker = new Worker(
      `import('@lsm/fs').then(async ({ lockDirectory }) => {
        await lockDirectory(${JSON.stringify(directory)});
        require('node:worker_threads').parentPort.postMessage('locked');
        setInterval(() => {}, 1000);
      });`,
      { eval: true, execArgv: ['--conditions=@lsm/source'] },
    );
    await once(worker, 'message');
    expect(await lockError(directory)).toContain('LSM_LOCKED');
    await worker.terminate();
    expect(await lockError(directory)).toBe('not locked');
  });
});

describe.each(['auto', 'file'] as const)('the directory lock, kind %s', (kind) => {
  it('keeps a second opener out: same process, other spelling, other process', async () => {
    const directory = makeDirectory();
    const lock = await lockDirectory(directory, { kind });
    symlinkSync(directory, `${directory}-link`);
    expect(await lockError(directory, kind)).toContain('open in this process');
    expect(await lockError(`${directory}-link`, kind)).toContain('open in this process');
    expect((await startChild('hold', directory, kind)).line).toBe('LSM_LOCKED');
    lock.release();
    expect(await lockError(directory, kind)).toBe('not locked');
  });

  it('names process, script and time of the holder', async () => {
    const directory = makeDirectory();
    const child = await startChild('hold', directory, kind);
    expect(await lockError(directory, kind)).toMatch(
      new RegExp(`LSM_LOCKED.* process ${child.process.pid} \\(lock-child.mjs\\) since 20\\d\\d-`),
    );
  });

  it('is taken over from a holder that was killed, and from one that just ended', async () => {
    const directory = makeDirectory();
    await kill(await startChild('hold', directory, kind));
    expect(readdirSync(directory)).toContain('LOCK.1');
    const lock = await lockDirectory(directory, { kind });
    expect(readdirSync(directory)).toContain('LOCK.2');
    expect(readdirSync(directory)).not.toContain('LOCK.1');
    lock.release();
    const child = await startChild('exit', directory, kind);
    await ended(child.process);
    expect(await lockError(directory, kind)).toBe('not locked');
  });

  it('never has two owners among processes that contend and die', async () => {
    const directory = makeDirectory();
    const rounds = process.env['LSM_LONG'] === undefined ? '40' : '2000';
    const lines = await Promise.all(
      Array.from({ length: 4 }, () => startChild('contend', directory, kind, rounds)),
    );
    await Promise.all(lines.map(({ process: child }) => ended(child)));
    expect(lines.filter(({ line }) => line.startsWith('two owners'))).toEqual([]);
    // Whoever ends without having killed itself says how often it owned the directory.
    expect(lines.every(({ line }) => line === '' || /^owned \d+$/.test(line))).toBe(true);
    expect(await lockError(directory, kind)).toBe('not locked');
  });
});

describe('a lock file', () => {
  it('of a live process, of another machine or of another pid namespace counts as held', async () => {
    expect(await errorBeside({})).toContain('LSM_LOCKED');
    expect(await errorBeside({ startTime: '' })).toContain('LSM_LOCKED');
    const elsewhere = { host: 'elsewhere', bootId: 'another', pid: 999_999_999 };
    expect(await errorBeside(elsewhere)).toContain('on host elsewhere');
    const contained = { pidNamespace: 'pid:[1]', pid: 999_999_999 };
    expect(await errorBeside(contained)).toContain('LSM_LOCKED');
  });

  it('of a dead process, a reused pid or an earlier boot is taken over', async () => {
    expect(await errorBeside({ pid: 999_999_999 })).toBe('not locked');
    expect(await errorBeside({ bootId: 'earlier' })).toBe('not locked');
    if (process.platform === 'linux') {
      expect(await errorBeside({ startTime: '1' })).toBe('not locked');
    }
  });

  it('with anything else in it is taken over, and never trusted', async () => {
    const texts = [
      '',
      '{',
      'null',
      '[]',
      '{"pid":-1,"generation":1}',
      '{"pid":"1"}',
      '\0'.repeat(99),
    ];
    for (const text of texts) {
      const directory = makeDirectory();
      writeFileSync(join(directory, 'LOCK.7'), text);
      expect(await lockError(directory)).toBe('not locked');
    }
  });

  it('cannot be made where the directory refuses writes', async () => {
    if (process.getuid?.() === 0) return;
    const directory = makeDirectory();
    chmodSync(directory, 0o500);
    expect(await lockError(directory, 'file')).toContain('LSM_READ_ONLY');
    chmodSync(directory, 0o700);
  });
});
