/** The files of a database, written down once: a change of the format fails here. `UPDATE=1` writes them anew. */

import { readFileSync, writeFileSync } from 'node:fs';
import { readFileBytes } from '@lsm/fs';
import { describe, expect, test } from 'vitest';
import { ManifestStore, readManifest } from '../src/index.ts';
import { DIRECTORY, freshDirectory, putFile, table } from './fixtures.ts';

const CURRENT = new URL('./testdata/CURRENT', import.meta.url);
const MANIFEST = new URL('./testdata/manifest.hex', import.meta.url);

function writeDatabase(): { current: string; manifest: string } {
  const fs = freshDirectory();
  let word = 0;
  const random = { next: () => ++word };
  const store = ManifestStore.create(fs, DIRECTORY, { hashSeed: [3, 4] }, { random });
  store.commit({
    runs: [{ id: 1, level: 0 }],
    addedTables: [{ run: 1, table: table(5, 'a', 'b') }],
    lastSequence: 9,
  });
  store.vouch();
  store.close();
  const bytes = readFileBytes(fs, `${DIRECTORY}/MANIFEST-000001`);
  return {
    current: Buffer.from(readFileBytes(fs, `${DIRECTORY}/CURRENT`)).toString('latin1'),
    manifest: Buffer.from(bytes)
      .toString('hex')
      .replaceAll(/(.{48})/g, '$1\n'),
  };
}

describe('the format of a manifest', () => {
  test('is the one that was written down', () => {
    const { current, manifest } = writeDatabase();
    if (process.env['UPDATE'] === '1') {
      writeFileSync(CURRENT, current);
      writeFileSync(MANIFEST, manifest);
    }
    expect(current).toBe(readFileSync(CURRENT, 'latin1'));
    expect(manifest).toBe(readFileSync(MANIFEST, 'utf8'));
  });

  test('is read from the written-down bytes', () => {
    const fs = freshDirectory();
    const hex = readFileSync(MANIFEST, 'utf8').replaceAll('\n', '');
    putFile(fs, `${DIRECTORY}/CURRENT`, readFileSync(CURRENT));
    putFile(fs, `${DIRECTORY}/MANIFEST-000001`, Buffer.from(hex, 'hex'));
    const { state, edits, truncated } = readManifest(fs, DIRECTORY);
    expect(truncated).toBeNull();
    expect(edits).toBe(3);
    expect(state).toMatchObject({ hashSeed: [3, 4], lastSequence: 9, owner: { epoch: 1 } });
    expect(state.version.runs).toEqual([
      { id: 1, level: 0, tables: [table(5, 'a', 'b')], bytes: 5000, entries: 50 },
    ]);
  });
});
