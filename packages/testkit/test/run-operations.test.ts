import { memoryFileSystem } from '@lsm/fs';
import { arbitraryOperations, runOperations } from '@lsm/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ToyBug, toyAdapter } from './toy-database.ts';

const seed = Number(process.env['LSM_SEED'] ?? 20_261_121);

/** The first list on which the toy with this bug differs from the model, shrunk; `null` if none of many does. */
async function counterexample(bug?: ToyBug): Promise<string | null> {
  const property = fc.asyncProperty(arbitraryOperations(), async (operations) => {
    await runOperations(toyAdapter(bug), operations);
  });
  const result = await fc.check(property, { seed, numRuns: bug === undefined ? 300 : 3000 });
  return result.failed ? JSON.stringify(result.counterexample) : null;
}

const BUGS: readonly ToyBug[] = [
  'sync does nothing',
  'directory is not synced',
  'batch is torn',
  'snapshot moves',
  'cursor moves',
  'upper bound is inclusive',
  'range delete is not logged',
  'reverse forgets the limit',
];

describe('runOperations', () => {
  it('finds no difference between a right database and the model', async () => {
    expect(await counterexample()).toBeNull();
  });

  it.each(BUGS)('finds, and shrinks to a few operations, the bug: %s', async (bug) => {
    const found = await counterexample(bug);
    expect(found).not.toBeNull();
    expect((JSON.parse(found!) as unknown[][])[0]!.length).toBeLessThanOrEqual(5);
  });

  it('gives the same transcript on every file system', async () => {
    const lists = fc.sample(arbitraryOperations({ crashes: false }), { seed, numRuns: 20 });
    for (const operations of lists) {
      const simulated = await runOperations(toyAdapter(), operations);
      const memory = await runOperations(toyAdapter(), operations, { fs: memoryFileSystem() });
      expect(memory.transcript).toEqual(simulated.transcript);
    }
  });

  it('generates every operation, and crashes that lose commits', async () => {
    const counts = new Map<string, number>();
    let lost = 0;
    const lists = fc.sample(arbitraryOperations({ strategies: 2 }), { seed, numRuns: 100 });
    for (const operations of lists) {
      const report = await runOperations(toyAdapter(), operations);
      for (const [op, count] of report.counts) counts.set(op, (counts.get(op) ?? 0) + count);
      lost += report.lost;
    }
    expect(counts.size).toBe(20);
    expect(Math.min(...counts.values())).toBeGreaterThan(10);
    expect(lost).toBeGreaterThan(10);
  });
});
