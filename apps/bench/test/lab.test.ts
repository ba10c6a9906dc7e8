import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-bench-lab-'));
const trace = join(folder, 'small.trace');
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

async function bench(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  let out = '';
  let errors = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
  const code = await main(args);
  return { code, out, errors };
}

describe('the laboratory', () => {
  test('records a workload, says what other strategies would cost, and advises', async () => {
    const recorded = await bench(
      'record',
      '--workload=overwrite',
      '--entries=4000',
      '--operations=8000',
      '--strategies=leveled',
      '--memtable-bytes=32768',
      '--table-bytes=65536',
      '--sample=0.5',
      `--directory=${folder}`,
      `--output=${trace}`,
    );
    expect([recorded.code, recorded.errors]).toEqual([0, '']);
    expect(recorded.out).toMatch(/overwrite under leveled: .* operations noted/);
    expect(existsSync(trace)).toBe(true);

    const json = join(folder, 'what-if.json');
    const strategies = '--strategies=leveled tiered:ratio=8';
    const whatIf = await bench('what-if', trace, strategies, `--json=${json}`);
    expect([whatIf.code, whatIf.errors]).toEqual([0, '']);
    expect(whatIf.out).toMatch(/on 1\/2 of the keys, .* recorded under leveled, from an empty/);
    expect(whatIf.out).toMatch(/tiered ratio=8/);
    const { rows, header } = JSON.parse(readFileSync(json, 'utf8')) as {
      rows: { name: string; result: { writeAmplification: number } }[];
      header: { sample: number };
    };
    expect(header.sample).toBe(0.5);
    expect(rows.map(({ name }) => name)).toEqual(['leveled', 'tiered ratio=8']);
    expect(rows[1]!.result.writeAmplification).toBeLessThan(rows[0]!.result.writeAmplification);

    const advised = await bench('advise', trace, strategies, '--weights=1,0,0');
    expect([advised.code, advised.errors]).toEqual([0, '']);
    expect(advised.out).toMatch(/tiered ratio=8 is better than leveled by \d+ %/);
    expect(advised.out).toContain('setCompaction({"strategy":"tiered","ratio":8})');
  });

  test('refuses what is no trace, no weight or no share', async () => {
    const missing = await bench('what-if', join(folder, 'missing.trace'));
    expect([missing.code, missing.errors]).toEqual([2, expect.stringMatching(/can't be read/)]);
    const other = await bench('advise', join(process.cwd(), 'package.json'));
    expect([other.code, other.errors]).toEqual([2, expect.stringMatching(/no trace/)]);
    for (const args of [
      ['advise', trace, '--weights=1,2'],
      ['record', '--workload=overwrite', '--sample=2'],
      ['record', '--workload=ycsb'],
    ]) {
      expect((await bench(...args)).code).toBe(2);
    }
  });
});
