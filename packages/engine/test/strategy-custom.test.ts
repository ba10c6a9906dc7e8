/**
 * The strategies that the documents show, as they stand there: they pass the conformance suite, and on the real engine
 * 100,000 operations give the answers of a model, without a quarantine.
 */
import { readFileSync } from 'node:fs';
import type { CompactionStrategy } from '@lsm/core';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { similarPair } from './support/similar-pair.ts';
import { simple } from './support/simple-strategy.ts';
import { strategyLoad } from './support/strategy-load.ts';

const SEED = Number(process.env['LSM_SEED'] ?? 1);
const root = new URL('../../../', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** What a file declares, imports and `export` aside. */
function declarationOf(path: string): string {
  const text = textOf(`packages/engine/test/support/${path}`);
  return text.slice(text.lastIndexOf('\n/**') + 1).replace(/^export /m, '');
}

it.each([
  ['docs/compaction.md', 'similar-pair.ts', 40],
  ['packages/compaction/README.md', 'simple-strategy.ts', 25],
])('%s shows what is tested here, in few lines', (page, path, lines) => {
  const declaration = declarationOf(path);
  expect(textOf(page)).toContain(declaration);
  expect(declaration.trim().split('\n').length).toBeLessThanOrEqual(lines);
});

it('docs/compaction.md shows how the suite is run on it, as strategy-example.test.ts does', () => {
  const file = textOf('packages/engine/test/strategy-example.test.ts').replace('./support/', './');
  expect(textOf('docs/compaction.md')).toContain(`\`\`\`typescript\n${file}\`\`\``);
});

it.each<[string, number, () => CompactionStrategy]>([
  ['similar-pair', 100_000, () => similarPair()],
  ['simple', 100_000, () => simple],
])('%s gives right answers in %d operations', { timeout: 120_000 }, async (_, operations, make) => {
  const report = await strategyLoad({ seed: SEED, operations, make });
  expect(report.reasons).toEqual([]);
  expect(report.compactions).toBeGreaterThan(operations / 1000);
  expect(report.flushes).toBeGreaterThan(operations / 200);
  expect(report.mostRuns).toBeLessThan(20);
});

compactionStrategyConformance(() => simple, { describe, it, expect });
