import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { formatCsvRow, parseCsvRow } from '../src/data/csv-rows.ts';
import {
  type InputFormat,
  type InputOptions,
  inputItems,
  loadInputFile,
} from '../src/data/input-file.ts';
import { linesOf } from '../src/data/line-reader.ts';
import { UsageError } from '../src/usage-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'lsm-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  text: string | Uint8Array,
  format: InputFormat,
  options: InputOptions = {},
  chunk = 7,
): Promise<string[]> {
  const found: string[] = [];
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for await (const item of inputItems(linesOf(chunksOf(bytes, chunk)), format, options)) {
    found.push(
      'problem' in item
        ? `${item.line}! ${item.problem}`
        : `${item.line} ${textOf(item.entry.key)}=${textOf(item.entry.value)}`,
    );
  }
  return found;
}

describe('linesOf', () => {
  test('is the same however the bytes are cut', async () => {
    const text = Buffer.from('one\r\ntwo\n\nfour, without an end');
    for (let size = 1; size <= text.length; size++) {
      const lines = [];
      for await (const line of linesOf(chunksOf(text, size))) {
        lines.push(`${line.number}:${textOf(line.bytes)}`);
      }
      expect(lines).toEqual(['1:one', '2:two', '3:', '4:four, without an end']);
    }
  });
});

describe('TSV', () => {
  test('splits at the first tab and keeps the rest', async () => {
    expect(await read('a\t1\nb\t2\t3\nc\t\n', 'tsv')).toEqual(['1 a=1', '2 b=2\t3', '3 c=']);
  });

  test('names malformed lines by number and goes on', async () => {
    expect(await read('a\t1\nno tab\n\n\tvalue\nb\t2\nc\0\t3', 'tsv')).toEqual([
      '1 a=1',
      '2! it has no tab between key and value',
      '4! its key is empty',
      '5 b=2',
      '6! its key holds a zero byte',
    ]);
  });

  test('refuses keys that are too long', async () => {
    const found = await read(`${'k'.repeat(70_000)}\tv\na\t1`, 'tsv', {}, 10_000);
    expect(found).toEqual(['1! its key has 70000 bytes, more than a key may have', '2 a=1']);
  });

  test('drops a byte order mark', async () => {
    expect(await read(Buffer.from('\ufeffa\t1'), 'tsv')).toEqual(['1 a=1']);
  });
});

describe('JSON lines', () => {
  test('takes strings as they are, other values as JSON, and whole rows without a value', async () => {
    const text = '{"key":"a","value":"x"}\n{"key":7,"value":{"n":1}}\n{"key":"c","other":2}';
    expect(await read(text, 'jsonl')).toEqual([
      '1 a=x',
      '2 7={"n":1}',
      '3 c={"key":"c","other":2}',
    ]);
  });

  test('names malformed lines by number', async () => {
    const text = Buffer.concat([
      Buffer.from('{"key":"a"\n[1]\n{"value":1}\n'),
      Buffer.from([0xff, 10]),
      Buffer.from('{"key":"z","value":"1"}'),
    ]);
    const found = await read(text, 'jsonl');
    expect(found.map((line) => line.slice(0, 20))).toEqual([
      '1! it is not JSON (E',
      '2! it is not a JSON ',
      '3! its field "key" i',
      '4! it is not UTF-8',
      '5 z=1',
    ]);
  });

  test('takes the fields that are named', async () => {
    const options = { keyColumn: 'id', valueColumn: 'name' };
    expect(await read('{"id":1,"name":"x"}\n{"id":2}', 'jsonl', options)).toEqual([
      '1 1=x',
      '2! it has no field "name"',
    ]);
  });
});

describe('CSV', () => {
  test('reads quotes, commas and line ends inside fields', async () => {
    const text = 'key,value\na,"1, ""one"""\nb,"two\nlines"\nc,3\n';
    expect(await read(text, 'csv')).toEqual(['2 a=1, "one"', '3 b=two\nlines', '5 c=3']);
  });

  test('keeps the whole row as JSON when there are more than two columns', async () => {
    expect(await read('id,a,b\n1,x,y', 'csv')).toEqual(['2 1={"id":"1","a":"x","b":"y"}']);
  });

  test('names malformed rows by their first line', async () => {
    const text = 'key,value\na,1,2\nb,"x"y\nc,a"b\nd,4\ne,"open\nmore';
    expect(await read(text, 'csv')).toEqual([
      '2! it has 3 fields, the header 2',
      '3! text follows a closing quote',
      '4! a quote stands inside a field without quotes',
      '5 d=4',
      '6! a quoted field is not closed',
    ]);
  });

  test('refuses a column that the header does not have', async () => {
    await expect(read('a,b\n1,2', 'csv', { keyColumn: 'c' })).rejects.toThrow(
      'The header has no column "c"; it has a, b.',
    );
  });

  test.each([['a,b'], ['say "x"'], ['two\nlines'], ['']])(
    '%j survives writing and reading',
    (text) => {
      expect(parseCsvRow(formatCsvRow([text, 1, text]))).toEqual([text, '1', text]);
    },
  );
});

describe('loadInputFile', () => {
  const path = join(folder, 'input.tsv');

  test('reports malformed lines and lets the last of equal keys win', async () => {
    writeFileSync(path, 'a\t1\nbroken\nb\t2\na\t3\n');
    const messages: string[] = [];
    const { data, malformed, repeated } = await loadInputFile(path, {}, (m) => messages.push(m));
    expect(messages).toEqual([
      `${path}:2: it has no tab between key and value; the line is skipped`,
    ]);
    expect({ malformed, repeated, count: data.count }).toEqual({
      malformed: 1,
      repeated: 1,
      count: 2,
    });
    expect(Buffer.from(data.value(0, 1)).toString()).toBe('3');
  });

  test('stops at the first malformed line when it has to be strict', async () => {
    writeFileSync(path, 'a\t1\nbroken\nb\t2\n');
    await expect(loadInputFile(path, { strict: true }, () => {})).rejects.toThrow(
      new UsageError(`${path}:2: it has no tab between key and value (--strict)`),
    );
  });

  test('says that a file is missing or empty', async () => {
    await expect(loadInputFile(join(folder, 'no'), {}, () => {})).rejects.toThrow(UsageError);
    writeFileSync(path, '\n');
    await expect(loadInputFile(path, {}, () => {})).rejects.toThrow('holds no entry');
  });
});
