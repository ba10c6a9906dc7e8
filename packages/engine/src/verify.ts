/**
 * `db.verify()`: reads every byte that a reopened database would read, while this one goes on.
 *
 * 1. The manifest, up to where this writer left it, and `CURRENT`. 2. The segments of the log, each up to where it ends
 * at the moment of reading. 3. The tables of the version at the call, against what the manifest says of them.
 *
 * Each file of 1 and 2 is read within one turn, so that nothing is written to it meanwhile; a segment that is flushed
 * before its turn comes is left out, its data stands in a table. A reader's manifest and log may be a writer's who goes
 * on: what that one has replaced is left out as well.
 */
import { corruption, isLsmError } from '@lsm/core';
import { readManifest } from '@lsm/manifest';
import { readSegment, readSegmentHeader, type SegmentEnd } from '@lsm/wal';
import type { Core } from './database-core.ts';

/** What was checked. */
export interface VerifyReport {
  readonly tables: number;
  /** Data blocks of tables. */
  readonly blocks: number;
  /** Bytes of tables. */
  readonly bytes: number;
  /** Bytes and edits of the manifest. */
  readonly manifestBytes: number;
  readonly manifestEdits: number;
  readonly logSegments: number;
  /** Bytes and frames of the log's segments. */
  readonly logBytes: number;
  readonly logFrames: number;
}

type Report = { -readonly [name in keyof VerifyReport]: VerifyReport[name] };

/**
 * Checks manifest, log and tables, yielding to the event loop between files.
 *
 * @throws LSM_CORRUPTION with file and offset, LSM_UNSUPPORTED_FORMAT, LSM_IO; LSM_CLOSED if that happens meanwhile
 */
export async function verifyDatabase(core: Core): Promise<VerifyReport> {
  const report: Report = {
    tables: 0,
    blocks: 0,
    bytes: 0,
    manifestBytes: 0,
    manifestEdits: 0,
    logSegments: 0,
    logBytes: 0,
    logFrames: 0,
  };
  const pinned = core.pinSources();
  try {
    verifyManifest(core, report);
    for (const path of core.logs.ends.keys()) {
      await nextTurn(core);
      const end = core.logs.ends.get(path);
      if (end !== undefined) verifySegment(core, path, end, report);
    }
    for (const run of pinned.view.runs) {
      for (const { table, metadata, path } of run.files) {
        await nextTurn(core);
        const checked = table.verifyAll();
        if (table.properties.entries !== metadata.entries) {
          throw corruption(
            `The table holds ${table.properties.entries} entries, the manifest says ${metadata.entries}`,
            path,
          );
        }
        report.tables++;
        report.blocks += checked.blocks;
        report.bytes += checked.bytes;
      }
    }
  } finally {
    core.releaseSources(pinned);
  }
  return report;
}

async function nextTurn(core: Core): Promise<void> {
  await new Promise<void>((resolve) => core.clock.defer(resolve));
  core.checkOpen();
}

function verifyManifest({ fileSystem, directory, tree }: Core, report: Report): void {
  const { edits, segment } = readManifest(fileSystem, directory, {
    durableLength: tree.manifestBytes,
  });
  report.manifestBytes = segment.end;
  report.manifestEdits = edits;
}

function verifySegment(core: Core, path: string, segment: SegmentEnd, report: Report): void {
  const { fileSystem, settings } = core;
  if (settings.readOnly && !isStillThere(core, path, segment)) return;
  const { number, end } = segment;
  const contents = readSegment(fileSystem, path, { number, id: segment, end, durable: end });
  const { tail, frames } = contents;
  if (tail.state !== 'clean') throw corruption(tail.reason, path, tail.offset);
  report.logSegments++;
  report.logBytes += contents.end;
  report.logFrames += frames.length;
}

/** Whether a segment that was read at opening has neither been removed nor overwritten by another one. */
function isStillThere({ fileSystem }: Core, path: string, segment: SegmentEnd): boolean {
  try {
    const header = readSegmentHeader(fileSystem, path);
    const { idLow, idHigh } = header ?? segment;
    return idLow === segment.idLow && idHigh === segment.idHigh;
  } catch (error) {
    if (isLsmError(error, 'LSM_MISSING')) return false;
    throw error;
  }
}
