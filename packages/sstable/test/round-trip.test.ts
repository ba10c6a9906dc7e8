import { describe, expect, test } from 'vitest';
import { lookup, put, rowsBackward, rowsForward, tableOf, textOf } from './support/tables.ts';

describe('Table', () => {
  test('smoke', () => {
    const rows = Array.from({ length: 1000 }, (_, i) =>
      put(`key${String(i).padStart(6, '0')}`, i + 1, `value ${i}`),
    );
    for (const frameCount of [0, 4, 64]) {
      const { table } = tableOf(rows, { pointIndex: 'hash-index' }, { frameCount });
      for (const row of rows) expect(textOf(lookup(table, row.key))).toBe(textOf(row));
      const cursor = table.cursor();
      cursor.seekToFirst();
      expect(rowsForward(cursor).map(textOf)).toEqual(rows.map(textOf));
      cursor.seekToLast();
      expect(rowsBackward(cursor).reverse().map(textOf)).toEqual(rows.map(textOf));
      expect(table.verifyAll().blocks).toBe(table.properties.blocks);
    }
  });
});
