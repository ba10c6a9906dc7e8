/**
 * Documents as tested claims: tables of options and errors are compared with the code, named tests and figures have
 * to exist, links have to lead somewhere. What an example does is tested in examples.test.ts.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fifo } from '@lsm/compaction-fifo';
import { hybrid } from '@lsm/compaction-hybrid';
import { leveled } from '@lsm/compaction-leveled';
import { tiered } from '@lsm/compaction-tiered';
import { unified } from '@lsm/compaction-unified';
import { Db, LsmError, open } from '@lsm/engine';
import { memoryFileSystem } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import { parseOptions } from '../packages/engine/src/options.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...markdownBelow('docs'),
  ...['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent))
      .map((name) => `${parent}/${name}/README.md`)
      .filter((path) => existsSync(join(root, path))),
  ),
];

function markdownBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** Cells of the tables below a heading, without the two head lines; code quotes are taken off. */
function rowsOf(page: string, heading: string): string[][] {
  const section = read(page).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

const UNITS: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** `16 MiB` as bytes, `1.01` as a number, a list as an array, any other word as it is. */
function valueOf(text: string): unknown {
  if (text.includes(',')) return text.split(',').map((part) => valueOf(part.trim()));
  const [number, unit] = text.split(' ');
  if (/^[\d.]+$/.test(number!)) return Number(number) * (unit === undefined ? 1 : UNITS[unit]!);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

/** Whether a value is refused for being out of its range; how it suits others does not count. */
function isRefused(make: () => unknown): boolean {
  try {
    make();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'LSM_INVALID_ARGUMENT' });
    return /has to be (an integer|a number|one of|true or false)/.test((error as LsmError).message);
  }
}

/** Checks that the ends of a range are taken, and what lies behind them is not. */
function expectRange(range: string, refused: (value: unknown) => boolean): void {
  const [min, max] = range.split('…').map((end) => end.trim());
  if (max === undefined) {
    for (const choice of range.split(',')) expect(refused(valueOf(choice.trim()))).toBe(false);
    expect(refused('an impossible word')).toBe(true);
    return;
  }
  expect(refused(valueOf(min!))).toBe(false);
  expect(refused((valueOf(min!) as number) - 1)).toBe(true);
  if (max === '') return;
  expect(refused(valueOf(max))).toBe(false);
  expect(refused((valueOf(max) as number) + 1)).toBe(true);
}

describe('docs/options.md', () => {
  const rows = rowsOf('docs/options.md', 'Settings');
  const { settings } = parseOptions({ fs: memoryFileSystem() });

  test('lists every setting', () => {
    expect(rows.map(([name]) => name!).toSorted()).toEqual(Object.keys(settings).toSorted());
  });

  test.each(rows)('%s has the default and the range that are written', (name, byDefault, range) => {
    const share = /^memoryBytes \/ (\d+)$/.exec(byDefault);
    const expected = share === null ? valueOf(byDefault) : settings.memoryBytes / Number(share[1]);
    expect(settings[name as keyof typeof settings]).toEqual(expected);
    expectRange(range, (value) => isRefused(() => parseOptions({ [name]: value })));
  });

  test('lists every component', () => {
    const components = rowsOf('docs/options.md', 'Components').map(([name]) => name!);
    const known = [...Object.keys(settings), ...components];
    expect(components.length).toBeGreaterThan(0);
    for (const name of known) {
      expect(() => parseOptions({ [name]: undefined })).not.toThrow();
    }
    const names = /const componentNames = \[([^\]]*)\]/.exec(
      read('packages/engine/src/options.ts'),
    );
    expect(names![1]!.match(/\w+/g)!.toSorted()).toEqual(components.toSorted());
  });

  const strategies: Record<string, (raw: object) => { readonly settings: unknown }> = {
    leveled: (raw) => leveled(raw),
    tiered: (raw) => tiered(raw),
    hybrid: (raw) => hybrid(raw),
    unified: (raw) => unified(raw),
    fifo: (raw) => fifo(raw),
  };
  const strategyRows = rowsOf('docs/options.md', 'Settings of strategies');

  test('lists every setting of every strategy', () => {
    const listed = strategyRows.map(([strategy, name]) => `${strategy}.${name}`);
    const known = Object.entries(strategies).flatMap(([strategy, make]) =>
      Object.keys(make({}).settings as object).map((name) => `${strategy}.${name}`),
    );
    expect(listed.toSorted()).toEqual(known.toSorted());
  });

  test.each(strategyRows)('%s: %s has what is written', (strategy, name, byDefault, range) => {
    const make = strategies[strategy]!;
    const defaults = make({}).settings as Record<string, unknown>;
    const words: Record<string, unknown> = {
      ratio: defaults['ratio'],
      'T − 1': (defaults['ratio'] as number) - 1,
    };
    expect(defaults[name]).toEqual(words[byDefault] ?? valueOf(byDefault));
    if (range === 'see the package' || byDefault in words) return;
    expectRange(range, (value) => isRefused(() => make({ [name]: value })));
  });
});

describe('docs/errors.md', () => {
  test('lists every code, in the order of the code', () => {
    const union = read('packages/core/src/errors.ts').split('export type LsmErrorCode =')[1]!;
    const codes = union.split(';')[0]!.match(/LSM_\w+/g);
    const listed = [...read('docs/errors.md').matchAll(/^\| `(LSM_\w+)` \|/gm)].map(
      ([, code]) => code,
    );
    expect(listed).toEqual(codes);
  });
});

/** Titles of tests in quotes, with the file that is linked before them. */
function claimsOf(lines: readonly string[]): { file: string; title: string }[] {
  return lines.flatMap((line) =>
    line.split(/(?=\]\(\.\.\/packages)/).flatMap((part) => {
      const file = /^\]\(\.\.\/(packages\/[^)]+)\)/.exec(part)?.[1];
      return [...part.matchAll(/"([^"]+)"/g)].map(([, title]) => ({ file: file!, title: title! }));
    }),
  );
}

describe('docs/testing.md', () => {
  const section = read('docs/testing.md').split('## Bugs that young engines have')[1] ?? '';
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => /^\| \d/.test(line));

  test('has a row for each bug of the list', () => {
    expect(rows.map((row) => Number(/\d+/.exec(row)![0]))).toEqual(rows.map((_, i) => i + 1));
    expect(rows).toHaveLength(42);
  });

  test.each(claimsOf(rows))('$file has the test "$title"', ({ file, title }) => {
    expect(read(file)).toContain(title);
  });
});

describe('docs/guarantees.md', () => {
  const text = read('docs/guarantees.md');
  const lines = text.split('\n').filter((line) => /^\*\*G\d+\. /.test(line));
  const claims = claimsOf(lines);

  test('numbers its guarantees from 1', () => {
    const numbers = lines.map((line) => Number(/^\*\*G(\d+)/.exec(line)![1]));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(numbers.length).toBeGreaterThan(0);
  });

  test('names a test for each, or says that there is none', () => {
    const bare = lines.filter((line) => !line.includes('../packages/') && !/untested/i.test(line));
    expect(bare).toEqual([]);
  });

  test.each(claims)('$file has the test "$title"', ({ file, title }) => {
    expect(read(file)).toContain(title);
  });
});

describe('docs/tuning.md', () => {
  test('names figures that exist', async () => {
    const db = await open('/db', { fs: memoryFileSystem(), memoryBytes: 2 ** 20 });
    const stats = db.stats();
    await db.close();
    const paths = [...read('docs/tuning.md').matchAll(/`stats\(\)\.([\w.]+)`/g)].map(
      ([, path]) => path!,
    );
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) expect(stats).toHaveProperty(path);
  });
});

describe('packages/engine/README.md', () => {
  test('names every method of a database', () => {
    const text = read('packages/engine/README.md');
    const hidden = new Set(['constructor', 'closed']);
    const missing = Object.getOwnPropertyNames(Db.prototype).filter(
      (name) => !hidden.has(name) && !text.includes(name.replace(/Sync$/, '')),
    );
    expect(missing).toEqual([]);
  });
});

/** Anchors of the headings of a page, as the usual renderers make them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(pages)('%s', (page) => {
  const text = read(page).replaceAll(/^```[\s\S]*?^```$/gm, '');

  test('links to what exists', () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const broken = targets.filter((target) => {
      if (/^https?:/.test(target)) return false;
      const [path, anchor] = target.split('#');
      const file = path === '' ? join(root, page) : resolve(root, dirname(page), path!);
      if (!existsSync(file)) return true;
      if (anchor === undefined || statSync(file).isDirectory()) return anchor !== undefined;
      return !anchorsOf(readFileSync(file, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('names no path of a machine', () => {
    expect(text.match(/(?:^|[\s`(])\/(?:home|root|Users|work)\/\S*/g)).toBe(null);
  });
});
