/** The death of the worker thread: nothing is lost, its work is done again, in the end without a worker. */
import type { Worker } from 'node:worker_threads';
import { type Db, type OpenOptions, open } from '@lsm/engine';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory, text } from './support/open.ts';

/** Workers that were started, newest last. */
const workers: Worker[] = [];
const note = (worker: Worker): void => {
  workers.push(worker);
};
beforeAll(() => process.on('worker', note));
afterAll(() => process.off('worker', note));

const OPTIONS: OpenOptions = {
  executor: 'worker',
  memoryBytes: 1 << 20,
  memtableBytes: 65_536,
  tableBytes: 65_536,
};

async function openWithWorker(options: OpenOptions = {}): Promise<Db> {
  workers.length = 0;
  const db = await open(temporaryDirectory(), { ...OPTIONS, ...options });
  onTestFinished(() => db.close());
  return db;
}

function expectAll(db: Db, count: number): void {
  for (let i = 0; i < count; i++) expect(text(db.getSync(`k${i}`)), `k${i}`).toBe(`v${i}`);
  expect([...db.keys()].length).toBe(count);
}

it('terminated while it flushes and merges: every key stays, the work is repeated', async () => {
  const db = await openWithWorker();
  let terminated = 0;
  const strike = (): void => {
    if (terminated >= 3) return;
    const worker = workers.at(-1);
    if (worker === undefined || worker.threadId < 0) return;
    terminated++;
    void worker.terminate();
  };
  db.on('compactionBegin', () => setImmediate(strike));
  db.on('flushBegin', () => setImmediate(strike));
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    await db.put(`k${i}`, `v${i}`);
  }
  await db.flush();
  await db.idle();
  expect(terminated).toBe(3);
  expect(db.stats().counters.workerRestarts).toBeGreaterThanOrEqual(3);
  expectAll(db, count);
  expect((await db.verify()).tables).toBe(db.stats().tables);
}, 60_000);

it('that dies again and again is given up: the work is done in-process', async () => {
  const db = await openWithWorker();
  const timer = setInterval(() => {
    const worker = workers.at(-1);
    if (worker !== undefined && worker.threadId >= 0) void worker.terminate();
  }, 1);
  const count = 3000;
  for (let i = 0; i < count; i++) await db.put(`k${i}`, `v${i}`);
  await db.flush();
  clearInterval(timer);
  expectAll(db, count);
  // A fast machine may finish a flush between two strikes; then it stays with workers.
  expect(db.stats().counters.workerRestarts).toBeGreaterThan(0);
}, 60_000);

it('that dies during a loop of synchronous puts does not hang the loop', async () => {
  const db = await openWithWorker();
  db.putSync('k0', 'v0');
  const begun = db.flush();
  while (workers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await begun;
  // Its death is seen by its lifeline: no event reaches this thread before the loop ends.
  void workers[0]!.terminate();
  const count = 12_000;
  const started = performance.now();
  for (let i = 1; i < count; i++) db.putSync(`k${i}`, `v${i}`);
  // The last resort, silence, would take 30 s.
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(db.stats().counters.workerRestarts).toBe(1);
  await db.flush();
  expect(db.stats().counters.flushes).toBeGreaterThan(2);
  expectAll(db, count);
}, 60_000);

it('an error in the worker ends no promise unsettled and no data', async () => {
  const db = await openWithWorker();
  for (let i = 0; i < 100; i++) db.putSync(`k${i}`, `v${i}`);
  const flushed = db.flush();
  db.on('flushBegin', () => undefined);
  while (workers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  workers[0]!.emit('error', new Error('out of memory, say'));
  await flushed;
  expectAll(db, 100);
  expect(db.stats().counters.workerRestarts).toBe(1);
  await Promise.all(workers.map((worker) => worker.terminate()));
}, 30_000);

it('close ends the worker', async () => {
  const db = await openWithWorker();
  for (let i = 0; i < 5000; i++) db.putSync(`k${i}`, 'v'.repeat(100));
  await db.flush();
  const ended = Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))),
  );
  await db.close();
  await ended;
  expect(workers.length).toBe(1);
}, 30_000);
