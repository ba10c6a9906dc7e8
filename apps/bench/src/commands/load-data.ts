/** Finds the data that the settings ask for, and a small part of the same kind for the warm-up. */
import type { BenchConfig } from '../config.ts';
import { loadCities } from '../data/cities.ts';
import type { DataSet } from '../data/data-set.ts';
import { GeneratedData } from '../data/generated.ts';
import { type InputOptions, loadInputFile } from '../data/input-file.ts';
import { WARM_UP_ENTRIES } from './bench-session.ts';

const GENERATED_ENTRIES = 200_000;
/** Malformed lines that are shown one by one. */
const REPORTED_MAX = 20;

/** The data of a call. */
export interface LoadedData {
  readonly data: DataSet;
  readonly warmUpData: DataSet | null;
}

/** Data of the user's own. */
export interface InputChoice extends InputOptions {
  readonly path: string;
}

/**
 * Loads the data.
 *
 * @throws UsageError for an input file that can't be used
 */
export async function loadData(
  config: BenchConfig,
  input: InputChoice | null,
  note: (message: string) => void,
): Promise<LoadedData> {
  const warmUpData = config.warmUp ? generated(config, WARM_UP_ENTRIES) : null;
  if (input !== null) {
    let reported = 0;
    const summary = await loadInputFile(input.path, input, (message) => {
      reported++;
      if (reported <= REPORTED_MAX) note(message);
    });
    if (summary.malformed > REPORTED_MAX) {
      note(`… and ${summary.malformed - REPORTED_MAX} malformed lines more`);
    }
    return { data: summary.data, warmUpData };
  }
  if (config.data === 'cities') {
    return { data: loadCities(config.entries || undefined), warmUpData };
  }
  return { data: generated(config, config.entries || GENERATED_ENTRIES), warmUpData };
}

function generated(config: BenchConfig, entries: number): GeneratedData {
  const { keyBytes, valueBytes, seed } = config;
  return new GeneratedData({ entries, keyBytes, valueBytes, seed });
}
