/**
 * A user's own data: TSV (`key<TAB>value`), CSV with a header row, or JSON lines.
 *
 * 1. The file is read as a stream; each line or row becomes an entry or a problem with its line number.
 * 2. Problems are reported and skipped, or end the run (`strict`).
 * 3. A key that comes again replaces the earlier value, as it would in a database.
 */
import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';
import { KEY_BYTES_MAX } from '@lsm/core';
import { UsageError } from '../usage-error.ts';
import { csvRowsOf } from './csv-rows.ts';
import { type Line, linesOfFile } from './line-reader.ts';
import { StoredEntries, type StoredEntry } from './stored-entries.ts';

/** Formats of input files. */
export const INPUT_FORMATS = ['tsv', 'csv', 'jsonl'] as const;
/** Name of a format. */
export type InputFormat = (typeof INPUT_FORMATS)[number];

/** How to read a file. */
export interface InputOptions {
  /** Default: by the name's ending, `tsv` if that says nothing. */
  readonly format?: InputFormat | undefined;
  /** Column (CSV) or field (JSON lines) of the key; default the first column, the field `key`. */
  readonly keyColumn?: string | undefined;
  /** Column or field of the value; default the other of two columns, the field `value`, or the whole row as JSON. */
  readonly valueColumn?: string | undefined;
  /** Stop at the first malformed line. */
  readonly strict?: boolean | undefined;
}

/** An entry, or what is wrong with a line. */
export type InputItem =
  | { readonly line: number; readonly entry: StoredEntry }
  | { readonly line: number; readonly problem: string };

/** What was read. */
export interface InputSummary {
  readonly data: StoredEntries;
  readonly malformed: number;
  /** Lines whose key had come before. */
  readonly repeated: number;
}

const TAB = 9;

/** The format of a file by its name. */
function inputFormatOf(path: string): InputFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (ending === '.jsonl' || ending === '.ndjson' || ending === '.json') return 'jsonl';
  return 'tsv';
}

/** Reads the entries of lines. */
export function inputItems(
  lines: AsyncIterable<Line>,
  format: InputFormat,
  options: InputOptions = {},
): AsyncGenerator<InputItem> {
  if (format === 'csv') return csvItems(lines, options);
  return lineItems(lines, format === 'tsv' ? tsvItem : (line) => jsonItem(line, options));
}

/**
 * Reads a whole file.
 *
 * @param path - the file
 * @param options - how
 * @param report - told of each malformed line
 * @throws UsageError if the file can't be read, has no entry, or `strict` met a malformed line
 */
export async function loadInputFile(
  path: string,
  options: InputOptions,
  report: (message: string) => void,
): Promise<InputSummary> {
  const byKey = new Map<string, StoredEntry>();
  let malformed = 0;
  let repeated = 0;
  try {
    for await (const item of inputItems(
      linesOfFile(path),
      options.format ?? inputFormatOf(path),
      options,
    )) {
      if ('problem' in item) {
        const message = `${path}:${item.line}: ${item.problem}`;
        if (options.strict === true) throw new UsageError(`${message} (--strict)`);
        malformed++;
        report(`${message}; the line is skipped`);
        continue;
      }
      const text = Buffer.from(item.entry.key).toString('latin1');
      if (byKey.has(text)) repeated++;
      byKey.set(text, item.entry);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`The input file can't be read: ${(error as Error).message}`);
  }
  if (byKey.size === 0) throw new UsageError(`${path} holds no entry.`);
  const entries = [...byKey.values()];
  const about = `${entries.length} entries of a file (${malformed} malformed lines skipped, ${repeated} keys repeated)`;
  return { data: new StoredEntries('input', about, entries, inputPrefix), malformed, repeated };
}

async function* lineItems(
  lines: AsyncIterable<Line>,
  parse: (line: Line) => InputItem,
): AsyncGenerator<InputItem> {
  for await (const line of lines) {
    if (line.bytes.length > 0) yield checked(parse(line));
  }
}

function tsvItem(line: Line): InputItem {
  const tab = line.bytes.indexOf(TAB);
  if (tab < 0) return { line: line.number, problem: 'it has no tab between key and value' };
  const entry = { key: line.bytes.slice(0, tab), value: line.bytes.slice(tab + 1) };
  return { line: line.number, entry };
}

function jsonItem(line: Line, options: InputOptions): InputItem {
  const fail = (problem: string): InputItem => ({ line: line.number, problem });
  if (!isUtf8(line.bytes)) return fail('it is not UTF-8');
  let row: unknown;
  try {
    row = JSON.parse(Buffer.from(line.bytes).toString('utf8'));
  } catch (error) {
    return fail(`it is not JSON (${(error as Error).message})`);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return fail('it is not a JSON object');
  }
  const fields = row as Record<string, unknown>;
  const keyName = options.keyColumn ?? 'key';
  const key = fields[keyName];
  if (typeof key !== 'string' && typeof key !== 'number') {
    return fail(`its field "${keyName}" is neither a string nor a number`);
  }
  const valueName = options.valueColumn ?? 'value';
  const value = fields[valueName];
  if (value === undefined && options.valueColumn !== undefined) {
    return fail(`it has no field "${valueName}"`);
  }
  return { line: line.number, entry: entryOf(String(key), value === undefined ? row : value) };
}

async function* csvItems(
  lines: AsyncIterable<Line>,
  options: InputOptions,
): AsyncGenerator<InputItem> {
  let columns: { names: readonly string[]; key: number; value: number } | null = null;
  for await (const row of csvRowsOf(lines)) {
    if ('problem' in row) {
      yield row;
    } else if (columns === null) {
      columns = columnsOf(row.fields, options);
    } else if (row.fields.length !== columns.names.length) {
      const problem = `it has ${row.fields.length} fields, the header ${columns.names.length}`;
      yield { line: row.line, problem };
    } else {
      const { names, key, value } = columns;
      const whole = Object.fromEntries(names.map((name, i) => [name, row.fields[i]!]));
      const content = value < 0 ? whole : row.fields[value]!;
      yield checked({ line: row.line, entry: entryOf(row.fields[key]!, content) });
    }
  }
}

function columnsOf(
  names: readonly string[],
  options: InputOptions,
): { names: readonly string[]; key: number; value: number } {
  const find = (name: string): number => {
    const index = names.indexOf(name);
    if (index < 0) {
      throw new UsageError(`The header has no column "${name}"; it has ${names.join(', ')}.`);
    }
    return index;
  };
  const key = options.keyColumn === undefined ? 0 : find(options.keyColumn);
  if (options.valueColumn !== undefined) return { names, key, value: find(options.valueColumn) };
  return { names, key, value: names.length === 2 ? 1 - key : -1 };
}

function entryOf(key: string, value: unknown): StoredEntry {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { key: new Uint8Array(Buffer.from(key)), value: new Uint8Array(Buffer.from(text)) };
}

function checked(item: InputItem): InputItem {
  if ('problem' in item) return item;
  const { line, entry } = item;
  if (entry.key.length === 0) return { line, problem: 'its key is empty' };
  if (entry.key.length >= KEY_BYTES_MAX) {
    return { line, problem: `its key has ${entry.key.length} bytes, more than a key may have` };
  }
  // Misses are looked up under a key with a zero byte appended, which therefore must not occur.
  if (entry.key.includes(0)) return { line, problem: 'its key holds a zero byte' };
  return item;
}

/** Groups by what stands before the second separator, or else by the first three bytes. */
function inputPrefix(key: Uint8Array): Uint8Array {
  const separators = [47, 58, 124, 44, 46, 95, 45];
  let found = 0;
  for (let i = 0; i < Math.min(key.length, 64); i++) {
    if (separators.includes(key[i]!) && ++found === 2) return key.subarray(0, i + 1);
  }
  return key.subarray(0, 3);
}
