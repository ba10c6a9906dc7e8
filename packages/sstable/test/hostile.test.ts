/** Files whose checksums are right and whose content is not: made on purpose, or by a faulty writer. */
import { isLsmError, LsmError } from '@lsm/core';
import { memoryFileSystem, readFileBytes } from '@lsm/fs';
import { Table } from '@lsm/sstable';
import { describe, expect, test } from 'vitest';
import { writeChecksum } from '../src/checksum.ts';
import { decodeFooter } from '../src/footer.ts';
import { readWord } from '../src/format.ts';
import {
  buildTable,
  environmentOf,
  lookup,
  PATH,
  put,
  rowsBackward,
  rowsForward,
} from './support/tables.ts';

const ROWS = Array.from({ length: 10 }, (_, i) => put(`key${i % 2}${i}`, i + 1, `value ${i}`)).sort(
  (a, b) => Buffer.compare(a.key, b.key),
);

/** A read may fail with a typed error or give a wrong answer, but do nothing else. */
function tolerate(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (!isLsmError(error)) throw error;
    expect(['LSM_CORRUPTION', 'LSM_UNSUPPORTED_FORMAT']).toContain(error.code);
    return error;
  }
}

for (const pointIndex of ['hash-index', 'none'] as const) {
  describe(`a forged table (${pointIndex})`, () => {
    const fs = memoryFileSystem();
    const properties = buildTable(fs, ROWS, { blockBytes: 160, pointIndex });
    const bytes = readFileBytes(fs, PATH);
    const footer = decodeFooter(bytes.subarray(-128), bytes.length, PATH);
    const environment = environmentOf(fs, { frameBytes: 160, frameCount: 2 });

    /** Changes a byte of the block at `offset` and makes its checksum right again. */
    function forge(offset: number, length: number, at: number, mask: number): void {
      const forged = bytes.slice();
      forged[offset + at]! ^= mask;
      const end = offset + length - 8;
      writeChecksum(forged, offset, length - 8, footer.fileId, offset, end);
      fs.openSync(PATH, 'write').writeSync(forged, 0, forged.length, 0);
    }

    function readAll(): boolean {
      const table = tolerate(() => Table.open(environment, PATH, properties));
      if (!(table instanceof Table)) return true;
      let failures = 0;
      const count = (outcome: unknown): void => {
        if (outcome instanceof LsmError) failures++;
      };
      for (const row of ROWS) count(tolerate(() => lookup(table, row.key)));
      const cursor = table.cursor();
      const scan = (read: () => unknown): void => {
        count(tolerate(read));
        cursor.close();
      };
      scan(() => {
        cursor.seekToFirst();
        expect(rowsForward(cursor).length).toBeLessThan(1000);
      });
      scan(() => {
        cursor.seekToLast();
        expect(rowsBackward(cursor).length).toBeLessThan(1000);
      });
      count(tolerate(() => table.verifyAll()));
      table.close();
      return failures > 0;
    }

    /** Where the first data block ends. */
    const stored = readWord(bytes, footer.index.offset + 16);
    const sections = {
      'data block': { offset: 32, length: stored },
      'index block': footer.index,
      metadata: footer.metadata,
      'point index': footer.pointIndex,
    };
    for (const [name, { offset, length }] of Object.entries(sections)) {
      if (length === 0) continue;
      test(`is read without a crash whichever byte of its ${name} is forged`, () => {
        let noticed = 0;
        for (let at = 0; at < length - 8; at++) {
          for (const mask of [0x01, 0x80, 0xff]) {
            forge(offset, length, at, mask);
            if (readAll()) noticed++;
          }
        }
        expect(noticed).toBeGreaterThan(length);
      });
    }
  });
}
