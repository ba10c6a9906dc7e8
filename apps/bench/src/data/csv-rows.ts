/**
 * Rows of CSV as RFC 4180 describes them: commas, fields in double quotes, a quote doubled inside, line ends inside
 * quotes. A row that breaks the rules is reported with the number of its first line, and reading goes on behind it.
 */
import { isUtf8 } from 'node:buffer';
import type { Line } from './line-reader.ts';

/** A row, or what is wrong with it. */
export type CsvRow =
  | { readonly line: number; readonly fields: readonly string[] }
  | { readonly line: number; readonly problem: string };

/** A row may go on over at most so many lines; beyond, its first quote is taken for the mistake. */
const ROW_LINES_MAX = 1000;

/** Reads rows from lines. Empty lines between rows are passed over. */
export async function* csvRowsOf(lines: AsyncIterable<Line>): AsyncGenerator<CsvRow> {
  let text = '';
  let first = 0;
  let count = 0;
  for await (const line of lines) {
    if (!isUtf8(line.bytes)) {
      yield { line: line.number, problem: 'it is not UTF-8' };
      count = 0;
      continue;
    }
    const piece = Buffer.from(line.bytes).toString('utf8');
    if (count === 0 && piece === '') continue;
    if (count === 0) first = line.number;
    text = count === 0 ? piece : `${text}\n${piece}`;
    count++;
    const parsed = parseCsvRow(text);
    if (parsed === 'open' && count < ROW_LINES_MAX) continue;
    yield rowOf(first, parsed);
    count = 0;
  }
  if (count > 0) yield rowOf(first, 'open');
}

function rowOf(line: number, parsed: readonly string[] | string): CsvRow {
  if (typeof parsed !== 'string') return { line, fields: parsed };
  return { line, problem: parsed === 'open' ? 'a quoted field is not closed' : parsed };
}

/** The fields of one row; `'open'` if a quoted field goes on; else a sentence about what is wrong. */
export function parseCsvRow(text: string): readonly string[] | string {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end < 0) return 'open';
      fields.push(text.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 1;
      if (at < text.length && text[at] !== ',') return 'text follows a closing quote';
    } else {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      const field = text.slice(at, end);
      if (field.includes('"')) return 'a quote stands inside a field without quotes';
      fields.push(field);
      at = end;
    }
    if (at >= text.length) return fields;
    at++;
  }
}

/** Where the quoted field that starts at `from` ends; −1 if it doesn't. */
function closingQuote(text: string, from: number): number {
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    if (text[quote + 1] !== '"') return quote;
    at = quote + 2;
  }
}

/** One row as text, quoted where needed, without line end. */
export function formatCsvRow(fields: readonly (string | number)[]): string {
  return fields
    .map((field) => {
      const text = String(field);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}
