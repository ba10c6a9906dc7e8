/** Real processes: killed while they write, locked out of each other, ended without a close. */
import cluster from 'node:cluster';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { open } from '@lsm/engine';
import { describe, expect, it } from 'vitest';
import { firstLine, kill, runScript, watch } from './support/child.ts';
import { killCycles } from './support/kill-cycle.ts';
import { pairs, temporaryDirectory, text } from './support/open.ts';
import { refused } from './support/refused.ts';

describe('kill -9', () => {
  it('nine kills of writers (awaited puts, synchronous puts, batches): no acknowledged write is lost, no batch is halved', async () => {
    const report = await killCycles(temporaryDirectory(), 9);
    console.info(`kills: ${JSON.stringify(report)}`);
    expect(report).toMatchObject({ cycles: 9, lost: 0, halves: 0 });
    expect(report.acknowledged).toBeGreaterThan(1000);
  }, 120_000);
});

describe('one writer for each directory', () => {
  it('a second open in this process is refused and names the process', async () => {
    const directory = temporaryDirectory();
    const db = await open(directory);
    expect(await refused('LSM_LOCKED', () => open(directory))).toMatch(/this process|\d+/);
    db.putSync('k', 'v');
    const reader = await open(directory, { readOnly: true });
    expect(text(reader.getSync('k'))).toBe('v');
    await reader.close();
    await db.close();
    await (await open(directory)).close();
  });

  it('a second open from another process, a worker thread and node:cluster is refused; the lock is free after kill -9', async () => {
    const directory = temporaryDirectory();
    const owner = runScript(
      directory,
      `const db = await open(path); db.putSync('k', 'v'); say('open'); process.stdin.resume();`,
    );
    try {
      expect(await firstLine(owner)).toBe('open');
      const message = await refused('LSM_LOCKED', () => open(directory));
      expect(message).toContain(String(owner.pid));
      // Removing a lock file of a live owner is a mistake; here only readers are let in.
      const reader = await open(directory, { readOnly: true });
      expect(pairs(reader)).toEqual(['k=v']);
      await reader.close();
    } finally {
      await kill(owner);
    }
    const db = await open(directory);
    expect(pairs(db)).toEqual(['k=v']);
    expect(await openElsewhere(directory)).toBe('LSM_LOCKED');
    expect(await openInWorker(directory)).toBe('LSM_LOCKED');
    await db.close();
    expect(await openElsewhere(directory)).toBe('opened');
  }, 60_000);

  it('node:cluster: of two workers that open the same directory, one gets it', async () => {
    expect(cluster.isPrimary).toBe(true);
    const directory = temporaryDirectory();
    const source = join(temporaryDirectory(), 'cluster.mjs');
    writeFileSync(
      source,
      `import cluster from 'node:cluster';
       const { open } = await import(process.env.ENGINE);
       if (cluster.isPrimary) {
         let heard = 0;
         for (let i = 0; i < 2; i++) {
           cluster.fork().on('message', (outcome) => {
             console.log(outcome);
             if (++heard === 2) for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
           });
         }
       } else {
         try { globalThis.db = await open(process.env.DIRECTORY); process.send('opened'); }
         catch (error) { process.send(String(error.code)); }
       }`,
    );
    const engine = new URL('../src/index.ts', import.meta.url).href;
    const child = runScript(
      directory,
      `process.env.ENGINE = ${JSON.stringify(engine)};
       process.env.DIRECTORY = path;
       const { spawn } = await import('node:child_process');
       spawn(process.execPath, ['--conditions=@lsm/source', ${JSON.stringify(source)}], { stdio: ['ignore', 'inherit', 'inherit'] });`,
    );
    const { lines, errors } = await watch(child);
    expect(lines.toSorted(), errors).toEqual(['LSM_LOCKED', 'opened']);
  }, 60_000);

  it('a deleted LOCK: two owners may run, but only the later one can commit, and nothing it has is harmed', async () => {
    const directory = temporaryDirectory();
    const first = runScript(
      directory,
      `const db = await open(path, { executor: 'inline' });
       db.putSync('first', '1');
       say('open');
       process.stdin.once('data', async () => {
         const outcome = [];
         try { db.putSync('late', 'x'); await db.flush(); outcome.push('flushed'); }
         catch (error) { outcome.push(error.code); }
         try { await db.close(); } catch (error) { outcome.push(error.code); }
         say(outcome[0]);
         process.exit();
       });`,
    );
    try {
      expect(await firstLine(first)).toBe('open');
      for (const name of readdirSync(directory)) {
        if (name.startsWith('LOCK')) rmSync(join(directory, name));
      }
      const db = await open(directory);
      db.putSync('second', '2');
      await db.flush();
      const said = firstLine(first);
      first.stdin!.write('go\n');
      expect(await said).toBe('LSM_LOCK_LOST');
      db.putSync('third', '3');
      await db.compact();
      await db.verify();
      await db.close();
    } finally {
      await kill(first);
    }
    const db = await open(directory);
    expect(pairs(db)).toEqual(['first=1', 'second=2', 'third=3']);
    await db.close();
  }, 60_000);
});

describe('the end of a process', () => {
  it('without a close: an idle database does not keep it alive, and nothing acknowledged is lost', async () => {
    for (const durability of ['memory', 'os']) {
      const directory = temporaryDirectory();
      const child = runScript(
        directory,
        `const db = await open(path, { durability: '${durability}', memoryBytes: 1 << 20, memtableBytes: 65536 });
         for (let i = 0; i < 3000; i++) await db.put('k' + i, 'v'.repeat(50));
         say('done');`,
      );
      const { lines, errors, code } = await watch(child);
      expect({ lines, code }, errors).toEqual({ lines: ['done'], code: 0 });
      const db = await open(directory);
      expect([...db.keys()].length).toBe(3000);
      await db.close();
    }
  }, 60_000);
});

async function openElsewhere(directory: string): Promise<string> {
  const child = runScript(
    directory,
    `try { const db = await open(path); say('opened'); await db.close(); } catch (error) { say(error.code); }`,
  );
  const { lines, errors } = await watch(child);
  return lines[0] ?? errors;
}

function openInWorker(directory: string): Promise<string> {
  const engine = new URL('../src/index.ts', import.meta.url).href;
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { open } from ${JSON.stringify(engine)};
    try { const db = await open(${JSON.stringify(directory)}); parentPort.postMessage('opened'); await db.close(); }
    catch (error) { parentPort.postMessage(error.code); }`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    execArgv: ['--conditions=@lsm/source'],
  });
  return new Promise((resolve, reject) => {
    worker.once('message', (outcome: string) => resolve(outcome));
    worker.once('error', reject);
  });
}
