/**
 * Every TypeScript example of the README files and of docs/ is run: alone, in a process and a folder of its own,
 * importing the packages by name. One that throws, prints nothing or does not compile fails.
 *
 * A block that is not meant to be run is marked as another language (`text`, `sh`, `json`).
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Node 22 strips types as well, with a warning that is not the example's. */
const FLAGS = ['--conditions=@lsm/source', '--disable-warning=ExperimentalWarning'];
/** Processes at once, and how long one may take, ms. */
const PROCESSES = 2;
const TIME_MS_MAX = 60_000;
/** Longest first example of a package, lines that are not blank: a screen. */
const PACKAGE_LINES_MAX = 25;

interface Example {
  /** Page and line where it starts. */
  readonly place: string;
  readonly page: string;
  readonly code: string;
}

interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages'))
  .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
  .toSorted();
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .toSorted()
    .map((name) => `docs/${name}`),
  ...packages.map((name) => `packages/${name}/README.md`),
].filter((page) => existsSync(join(root, page)));
const examples = pages.flatMap((page) => examplesOf(page, readFileSync(join(root, page), 'utf8')));
const outcomes = new Map<string, Outcome>();
const home = mkdtempSync(join(tmpdir(), 'lsm-examples-'));

function examplesOf(page: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    return { page, place: `${page}:${line}`, code: match[1]! };
  });
}

/** Runs one example in a folder whose `node_modules` leads to the packages' sources. */
function run({ code }: Example, index: number): Promise<Outcome> {
  const folder = join(home, String(index));
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(join(root, 'packages'), join(folder, 'node_modules/@lsm'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'example.ts'), code);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...FLAGS, 'example.ts'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_MS_MAX,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', (error) => resolve({ exitCode: null, output, errors: error.message }));
    child.on('close', (exitCode) => resolve({ exitCode, output, errors }));
  });
}

/**
 * Compiles all examples in one go, under the strict settings of this repository; what the compiler says about them.
 * What it says about the packages is the matter of the check `typecheck`.
 */
function compile(): Promise<string> {
  const folder = join(home, 'types');
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(join(root, 'packages'), join(folder, 'node_modules/@lsm'), 'junction');
  symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compilerOptions = {
    isolatedDeclarations: false,
    noPropertyAccessFromIndexSignature: false,
  };
  const config = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  for (const { place, code } of examples) {
    writeFileSync(join(folder, `${place.replaceAll(/[/:]/g, '_')}.ts`), `${code}\nexport {};\n`);
  }
  return new Promise((resolve) => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const child = spawn(process.execPath, [compiler, '--project', folder], { cwd: folder });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', (error) => resolve(error.message));
    child.on('close', () => resolve(output.replaceAll(/^\.\..*\n(?: .*\n)*/gm, '')));
  });
}

beforeAll(async () => {
  const queue = [...examples.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, example] = next;
      outcomes.set(example.place, await run(example, index));
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
}, examples.length * TIME_MS_MAX);

afterAll(() => {
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

describe('the README of every package', () => {
  test.each(packages)('of @lsm/%s has an example that fits a screen', (name) => {
    const own = examples.filter(({ page }) => page === `packages/${name}/README.md`);
    expect(own.length).toBeGreaterThan(0);
    const [first] = own;
    expect(first!.code).toContain(`from '@lsm/${name}'`);
    const lines = first!.code.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeLessThanOrEqual(PACKAGE_LINES_MAX);
  });
});

describe('examples', () => {
  test('compile', { timeout: TIME_MS_MAX }, async () => {
    expect(await compile()).toBe('');
  });

  test.each(examples)('$place runs and prints something', ({ place }) => {
    const outcome = outcomes.get(place);
    expect(outcome).toMatchObject({ exitCode: 0, errors: '' });
    expect(outcome!.output.trim()).not.toBe('');
  });
});
