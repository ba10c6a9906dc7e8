// The floors of the building, lowest first. A package imports only from lower floors, never from a
// sibling. Read by the layer rules (dependency-cruiser.cjs) and by the style test (tidy.test.ts).

/** Folders of packages/, floor by floor. A trailing `*` stands for every package with that prefix. */
const floors = [
  ['core'],
  ['kernels', 'bloom', 'cache', 'fs'],
  ['wal', 'memtable', 'sstable'],
  ['compaction', 'manifest'],
  ['compaction-*'],
  ['engine'],
  ['abstract-level', 'cli'],
];

/** Packages that see less than their floor would allow: the complete list of what they may import. */
const narrow = {
  compaction: ['core'],
  'compaction-*': ['core', 'compaction'],
  testkit: ['core', 'fs', 'compaction'],
};

/** Stands beside the floors: imported from tests and apps only. */
const testkit = 'testkit';

/** Does the folder name match the entry of a floor? */
function matches(pattern, name) {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** The floor of a package, or -1 if it stands beside the floors or is unknown. */
function floorOf(name) {
  return floors.findIndex((floor) => floor.some((pattern) => matches(pattern, name)));
}

/** May the package's own code import the other package? */
function mayImport(name, other) {
  const limit = Object.keys(narrow).find((pattern) => matches(pattern, name));
  if (limit !== undefined) return narrow[limit].includes(other);
  return floorOf(other) !== -1 && floorOf(other) < floorOf(name);
}

module.exports = { floorOf, floors, matches, mayImport, narrow, testkit };
