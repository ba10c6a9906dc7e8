/**
 * The benches of the packages as a smoke test: each runs with `--quick` in a process of its own, as its header says, and
 * has to end well, print rows with times, and check what it touched. Their figures mean nothing here.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const folderOf = (name: string): string => join(root, 'packages', name);
const named = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(folderOf(name), 'bench')),
);

/** Packages whose speed matters: what they do happens for each entry or each call. */
const HOT = [
  'bloom',
  'cache',
  'compaction',
  'compaction-hybrid',
  'engine',
  'kernels',
  'memtable',
  'sstable',
  'wal',
];

/** The command that the script `bench` of the package runs. */
function commandOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return manifest.scripts['bench']?.split(' ') ?? [];
}

async function runQuickly(folder: string): Promise<string> {
  const [command, ...args] = commandOf(folder);
  expect(command).toBe('node');
  const { stdout } = await run(process.execPath, [...args, '--quick'], { cwd: folder });
  return stdout;
}

/** Rows of the tables of times: their first figure is a median. */
const rowsOf = (output: string): string[] =>
  output.split('\n').filter((line) => /^[^|]+\|\s+[\d.]+ (ns|µs|ms) \|/.test(line));

describe('benches', () => {
  test('there is one for each hot package', () => {
    expect(HOT.filter((name) => !named.includes(name))).toEqual([]);
  });

  test('are the only files in their folders, and what the script of the package runs', () => {
    const files = named.flatMap((name) =>
      readdirSync(join(folderOf(name), 'bench')).map((file) => [name, `bench/${file}`]),
    );
    expect(files).toEqual(named.map((name) => [name, commandOf(folderOf(name)).at(-1)]));
  });

  test.each(named)('of %s runs, prints its rows and checks what it touched', async (name) => {
    const output = await runQuickly(folderOf(name));
    expect(rowsOf(output).length).toBeGreaterThan(1);
    const checked = Number(/^checked (\d+) results$/m.exec(output)?.[1]);
    // Every task runs at least once in each of two rounds.
    expect(checked).toBeGreaterThanOrEqual(2 * rowsOf(output).length);
    expect(output).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('ends with an error when a call did not touch what it should have', async () => {
    const glue = JSON.stringify(new URL('bench.ts', import.meta.url).href);
    const task = "{ name: 'a', operations: 1, expected: 2, run: () => 1 }";
    const code = `import { measure } from ${glue}; await measure('wrong', [${task}]);`;
    const ended = run(process.execPath, ['--input-type=module', '--eval', code, '--', '--quick']);
    await expect(ended).rejects.toThrow('a: 1 instead of 2');
  });
});
