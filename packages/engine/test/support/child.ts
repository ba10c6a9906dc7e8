/** Runs scripts against a database in processes of their own, and kills them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const HERE = import.meta.dirname;

/** A process that runs `script` as a module; `open` and `path` are in scope. */
export function runScript(path: string, script: string): ChildProcess {
  const source = `
    import { writeSync } from 'node:fs';
    import { open } from '@lsm/engine';
    const path = ${JSON.stringify(path)};
    const say = (line) => {
      for (;;) {
        try {
          writeSync(1, line + '\\n');
          return;
        } catch (error) {
          // The pipe is full: the reader is slower.
          if (error.code !== 'EAGAIN') throw error;
        }
      }
    };
    ${script}
  `;
  return spawn(
    process.execPath,
    ['--conditions=@lsm/source', '--input-type=module', '-e', source],
    { cwd: HERE, stdio: ['pipe', 'pipe', 'pipe'] },
  );
}

/** What a process that ended left behind. */
export interface Ended {
  readonly lines: string[];
  readonly errors: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Reads the lines of a process until it ends; `onLine` may kill it. */
export async function watch(child: ChildProcess, onLine?: (line: string) => void): Promise<Ended> {
  const lines: string[] = [];
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line);
    onLine?.(line);
  }
  return { lines, errors, ...(await ended) };
}

/** Resolves with the first line that a process writes. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('close', () => reject(new Error(`The process ended early: ${errors}`)));
  });
}

/** Kills a process for good and waits for its end. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}
