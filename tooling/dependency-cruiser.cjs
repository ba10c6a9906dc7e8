// The layer rules, generated from the floors and from each package's own package.json. Every arrow
// between two packages must point down, be declared, and end at the other package's index.

const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { floorOf, mayImport, testkit } = require('./floors.cjs');

const root = path.join(__dirname, '..');
const packages = foldersOf('packages');
const apps = foldersOf('apps');

/** Names of the workspace folders below `parent`. */
function foldersOf(parent) {
  const names = existsSync(path.join(root, parent)) ? readdirSync(path.join(root, parent)) : [];
  return names.filter((name) => existsSync(path.join(root, parent, name, 'package.json'))).sort();
}

/** Folders of the workspace packages that a package.json declares as dependencies. */
function declaredBy(folder) {
  const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
  return Object.keys(manifest.dependencies ?? {})
    .filter((name) => name.startsWith('@lsm/'))
    .map((name) => name.slice('@lsm/'.length));
}

/** A pattern for the files of any of these packages; matches nothing when there are none. */
function filesOf(names, folder = '') {
  return names.length === 0 ? '^$' : `^packages/(${names.join('|')})/${folder}`;
}

const without = (names, ...removed) => names.filter((name) => !removed.includes(name));

const floorRules = packages.map((name) => ({
  name: `floor-of-${name}`,
  comment: `@lsm/${name} imports only what stands below it (tooling/floors.cjs).`,
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: { path: filesOf(without(packages, name).filter((other) => !mayImport(name, other))) },
}));

// Tests and benches may look sideways, never up: what a package promises must not depend on who uses it.
const testFloorRules = without(packages, testkit).map((name) => ({
  name: `floor-of-${name}-tests`,
  comment: `Tests and benches of @lsm/${name} import from its floor and below, and from @lsm/testkit.`,
  severity: 'error',
  from: { path: `^packages/${name}/(test|bench)/` },
  to: { path: filesOf(packages.filter((other) => floorOf(other) > floorOf(name))) },
}));

// The root depends on every package, so an undeclared import would resolve; here it doesn't pass.
const declaredRules = [
  ...packages.map((name) => ({ folder: `packages/${name}`, self: [name], code: 'src/' })),
  ...apps.map((name) => ({ folder: `apps/${name}`, self: [], code: '' })),
].map(({ folder, self, code }) => ({
  name: `declared-by-${folder.split('/').join('-')}`,
  comment: `${folder}/package.json must list every package that its code imports.`,
  severity: 'error',
  from: { path: `^${folder}/${code}` },
  to: { path: filesOf(without(packages, ...self, ...declaredBy(folder))) },
}));

const floorless = packages.filter((name) => name !== testkit && floorOf(name) === -1);

module.exports = {
  forbidden: [
    ...floorRules,
    ...testFloorRules,
    ...declaredRules,
    {
      name: 'has-a-floor',
      comment: 'A new package is given its floor in tooling/floors.cjs before it has code.',
      severity: 'error',
      from: { path: filesOf(floorless) },
      to: {},
    },
    {
      name: 'testkit-in-tests-only',
      comment: 'The test kit is imported from tests and apps only.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: `^packages/${testkit}/` },
      to: { path: `^packages/${testkit}/` },
    },
    {
      name: 'no-deep-import',
      comment: "Only another package's src/index.ts may be imported.",
      severity: 'error',
      from: { path: '^(packages|apps)/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: ['^$1/$2/', '^packages/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'no-app-import',
      comment: 'Nothing is built on an app.',
      severity: 'error',
      from: { path: '^(packages|apps)/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^$1/$2/' },
    },
    {
      name: 'no-test-in-src',
      comment: 'Code never imports tests, benches or tooling.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(packages/[^/]+/(test|bench)|tooling)/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // dist stays visible and the source condition on: without either, arrows between packages vanish.
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '/tsup\\.config\\.ts$' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@lsm/source', 'import', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
