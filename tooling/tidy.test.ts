/**
 * Style as a test: what a linter can't see. Sizes, headers, names, what a package must bring along, and that
 * everything written to disk or published is also written down.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const CODE_LINES_MAX = 600;
const BANNED_IN_FILE_NAMES = /utils?(?![a-z])|helper|manager|impl(?![a-z])/i;

/** Packages whose point is another library; all others depend on nothing outside the scope. */
const OUTSIDE_DEPENDENCIES: Record<string, readonly string[] | 'any'> = {
  'abstract-level': ['abstract-level'],
  cli: 'any',
  testkit: ['fast-check'],
};

/** Packages that write bytes to disk, and the page with their byte offsets. */
const FORMAT_PAGES: Record<string, string> = {
  bloom: 'filter.md',
  compaction: 'trace.md',
  manifest: 'manifest.md',
  sstable: 'sstable.md',
  wal: 'wal.md',
};

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly private?: boolean;
  readonly sideEffects?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly publishConfig?: unknown;
}

interface Floors {
  floorOf(name: string): number;
  mayImport(name: string, other: string): boolean;
  readonly testkit: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const floors = createRequire(import.meta.url)('./floors.cjs') as Floors;
const packages = foldersOf('packages');
const apps = foldersOf('apps');
const sources = packages.flatMap((name) => filesBelow(`packages/${name}/src`, '.ts'));
const appSources = apps.flatMap((name) => filesBelow(`apps/${name}/src`, '.ts'));
const tests = packages.flatMap((name) => filesBelow(`packages/${name}/test`, '.ts'));

function foldersOf(parent: string): string[] {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent))
    .filter((name) => existsSync(join(root, parent, name, 'package.json')))
    .toSorted();
}

/** Paths from the root, with forward slashes. */
function filesBelow(folder: string, extension: string): string[] {
  const absolute = join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const exists = (path: string): boolean => existsSync(join(root, path));
const isGenerated = (path: string): boolean => path.includes('/src/generated/');
const manifestOf = (folder: string): PackageJson =>
  JSON.parse(read(`${folder}/package.json`)) as PackageJson;

/** Has it more than the empty files that every skeleton starts with? */
const hasCode = (name: string): boolean =>
  filesBelow(`packages/${name}/src`, '.ts').some((path) => codeLines(read(path)) > 1);

/** Lines that are neither blank nor comment. */
function codeLines(text: string): number {
  const lines = text.replaceAll(/^\s*\/\*[\s\S]*?\*\/[ \t]*$/gm, '').split('\n');
  return lines.filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

describe('source files', () => {
  test(`have at most ${CODE_LINES_MAX} lines of code`, () => {
    const sizes = [...sources, ...appSources]
      .filter((path) => !isGenerated(path))
      .map((path) => ({ path, lines: codeLines(read(path)) }));
    expect(sizes.filter(({ lines }) => lines > CODE_LINES_MAX)).toEqual([]);
  });

  test('start with a comment that says what the file is', () => {
    const bare = [...sources, ...appSources].filter((path) => !/^(\/\*\*|\/\/)/.test(read(path)));
    expect(bare).toEqual([]);
  });

  test('are named by one concept, in kebab-case, without banned words', () => {
    const misnamed = [...sources, ...appSources, ...tests].filter((path) => {
      const name = basename(path);
      return !/^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/.test(name) || BANNED_IN_FILE_NAMES.test(name);
    });
    expect(misnamed).toEqual([]);
  });
});

describe.each(packages)('packages/%s', (name) => {
  const folder = `packages/${name}`;
  const manifest = manifestOf(folder);

  test('is a complete package', () => {
    const missing = ['README.md', 'tsconfig.json', 'tsup.config.ts', 'src/index.ts'].filter(
      (file) => !exists(`${folder}/${file}`),
    );
    expect(missing).toEqual([]);
    expect(manifest).toMatchObject({
      name: `@lsm/${name}`,
      license: 'MIT',
      type: 'module',
      sideEffects: false,
      files: ['dist'],
      engines: { node: '>=22' },
      repository: { directory: folder },
      publishConfig: { access: 'public' },
    });
    expect(manifest.description).toMatch(/\.$/);
  });

  test('publishes no path into its source', () => {
    expect(JSON.stringify(manifest.publishConfig)).not.toMatch(/@lsm\/source|\/src\//);
  });

  test('depends on lower floors only', () => {
    expect(floors.floorOf(name) !== -1 || name === floors.testkit).toBe(true);
    const inner = Object.entries(manifest.dependencies ?? {}).filter(([other]) =>
      other.startsWith('@lsm/'),
    );
    const wrong = inner.filter(
      ([other, range]) =>
        !floors.mayImport(name, other.slice('@lsm/'.length)) || range !== 'workspace:^',
    );
    expect(wrong).toEqual([]);
    // In a package, even a devDependency on the test kit would be a cycle for the task runner.
    expect(
      Object.keys(manifest.devDependencies ?? {}).filter((other) => other.startsWith('@lsm/')),
    ).toEqual([]);
  });

  // knip looks after the others; the root's own devDependencies on the scope blind it to these.
  test('imports every package of the scope that it depends on, once it has code', () => {
    const code = filesBelow(`${folder}/src`, '.ts').map(read).join('\n');
    const declared = hasCode(name) ? Object.keys(manifest.dependencies ?? {}) : [];
    const idle = declared.filter(
      (other) => other.startsWith('@lsm/') && !code.includes(`from '${other}'`),
    );
    expect(idle).toEqual([]);
  });

  test('has no runtime dependency outside @lsm', () => {
    const allowed = OUTSIDE_DEPENDENCIES[name] ?? [];
    const outside = Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    }).filter((other) => !other.startsWith('@lsm/'));
    expect(outside.filter((other) => allowed !== 'any' && !allowed.includes(other))).toEqual([]);
  });

  test('is in the package table of the README', () => {
    expect(read('README.md')).toMatch(
      new RegExp(`^\\|.*\\[\`@lsm/${name}\`\\]\\(packages/${name}\\)`, 'm'),
    );
  });

  test('can be imported by the tests of every package', () => {
    expect(manifestOf('.').devDependencies).toHaveProperty([manifest.name], 'workspace:^');
  });
});

describe('apps', () => {
  test('are private', () => {
    const open = apps.filter((name) => manifestOf(`apps/${name}`).private !== true);
    expect(open).toEqual([]);
  });
});

describe('formats', () => {
  const index = ['README.md', 'ARCHITECTURE.md', 'docs/formats/README.md'].filter(exists);

  test('of every package that writes files have a page', () => {
    const pages = Object.entries(FORMAT_PAGES).filter(([name]) => hasCode(name));
    expect(pages.filter(([, page]) => !exists(`docs/formats/${page}`))).toEqual([]);
  });

  test('are linked from the README, the architecture page or their index', () => {
    const linked = index.map(read).join('\n');
    const pages = filesBelow('docs/formats', '.md').map((path) => basename(path));
    expect(pages.filter((page) => page !== 'README.md' && !linked.includes(page))).toEqual([]);
  });
});

describe('the lockfile', () => {
  test('names no registry', () => {
    const urls = read('pnpm-lock.yaml')
      .split('\n')
      .filter((line) => /https?:/.test(line));
    expect(urls).toEqual([]);
  });
});
