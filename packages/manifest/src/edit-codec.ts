/**
 * The bytes of a version edit: tagged fields in any order, each `tag varint · length varint · payload`.
 *
 * ```
 * tag  field           payload (v = varint, b = length and bytes, u32/u64 little-endian)
 *   1  format          v version · v required feature bits · v optional feature bits      first record only
 *   2  added table     v keyspace · v run · table metadata (table-metadata.ts)            repeated
 *   3  removed table   v keyspace · v table                                               repeated
 *   4  moved table     v keyspace · v run · v table                                       repeated
 *   5  run list        v keyspace · v count · (v id · v level) × count, newest first
 *   6  last sequence   v
 *   7  next number     v
 *   8  next run id     v
 *   9  replay from     v segment · u32 id low · u32 id high
 *  10  log end         u8 1 · v segment · u32 id low · u32 id high · v offset;  u8 0: open
 *  11  strategy        b name · v format version · b settings (JSON) · b state (JSON)
 *  12  settings        b JSON
 *  13  owner           v epoch · v nonce
 *  14  hash seed       u32 · u32
 * ```
 * On disk: never renumber. A tag of 64 and above may be skipped by who does not know it; an unknown tag below is
 * LSM_UNSUPPORTED_FORMAT. Specification: docs/formats/manifest.md.
 */
import { ByteReader, ByteWriter, corruption, isLsmError, type Json, LsmError } from '@lsm/core';
import { readTableMetadata, type TableMetadata, writeTableMetadata } from './table-metadata.ts';
import type { OwnerRecord, StrategyRecord, VersionEdit } from './version-edit.ts';

/** Version of all file formats together. */
export const FORMAT_VERSION = 1;
/** Required feature bits that this version knows: none yet. */
const KNOWN_FEATURES = 0;
/** Tags from here on are optional. */
const OPTIONAL_TAGS = 64;

const Tag = {
  format: 1,
  added: 2,
  removed: 3,
  moved: 4,
  runs: 5,
  lastSequence: 6,
  nextNumber: 7,
  nextRunId: 8,
  replayFrom: 9,
  logEnd: 10,
  strategy: 11,
  settings: 12,
  owner: 13,
  hashSeed: 14,
} as const;

/**
 * Encodes an edit.
 *
 * @param first - whether it is the first record of its manifest, which names the format
 */
export function encodeEdit(edit: VersionEdit, first = false): Uint8Array {
  const out = new ByteWriter();
  const field = (tag: number, fill: (writer: ByteWriter) => void): void => {
    const writer = new ByteWriter();
    fill(writer);
    out.varint(tag).bytes(writer.finish());
  };
  const number = (tag: number, value: number | undefined): void => {
    if (value !== undefined) field(tag, (w) => w.varint(value));
  };
  if (first) field(Tag.format, (w) => w.varint(FORMAT_VERSION).varint(0).varint(0));
  writeTreeFields(edit, field);
  number(Tag.lastSequence, edit.lastSequence);
  number(Tag.nextNumber, edit.nextNumber);
  number(Tag.nextRunId, edit.nextRunId);
  const { replayFrom, logEnd, strategy, settings, owner, hashSeed } = edit;
  if (replayFrom !== undefined) {
    field(Tag.replayFrom, (w) =>
      w.varint(replayFrom.number).u32(replayFrom.idLow).u32(replayFrom.idHigh),
    );
  }
  if (logEnd !== undefined) {
    field(Tag.logEnd, (w) => {
      if (logEnd === null) w.u8(0);
      else w.u8(1).varint(logEnd.number).u32(logEnd.idLow).u32(logEnd.idHigh).varint(logEnd.end);
    });
  }
  if (strategy !== undefined) {
    field(Tag.strategy, (w) =>
      w
        .string(strategy.name)
        .varint(strategy.formatVersion)
        .string(JSON.stringify(strategy.settings))
        .string(JSON.stringify(strategy.state)),
    );
  }
  if (settings !== undefined) field(Tag.settings, (w) => w.string(JSON.stringify(settings)));
  if (owner !== undefined) field(Tag.owner, (w) => w.varint(owner.epoch).varint(owner.nonce));
  if (hashSeed !== undefined) field(Tag.hashSeed, (w) => w.u32(hashSeed[0]).u32(hashSeed[1]));
  return out.finish();
}

type WriteField = (tag: number, fill: (writer: ByteWriter) => void) => void;

function writeTreeFields({ added, removed, moved, runs }: VersionEdit, field: WriteField): void {
  for (const { run, table } of added ?? []) {
    field(Tag.added, (w) => writeTableMetadata(w.varint(0).varint(run), table));
  }
  for (const table of removed ?? []) field(Tag.removed, (w) => w.varint(0).varint(table));
  for (const { run, table } of moved ?? []) {
    field(Tag.moved, (w) => w.varint(0).varint(run).varint(table));
  }
  if (runs === undefined) return;
  field(Tag.runs, (w) => {
    w.varint(0).varint(runs.length);
    for (const { id, level } of runs) w.varint(id).varint(level);
  });
}

/** An edit that is being read: members are filled in one by one. */
type Draft = { -readonly [K in keyof VersionEdit]: VersionEdit[K] };

/**
 * Decodes an edit.
 *
 * @param file - named in errors
 * @param offset - of the payload in `file`, for errors
 * @param first - whether it is the first record, which has to name the format
 * @throws LSM_CORRUPTION, LSM_UNSUPPORTED_FORMAT
 */
export function decodeEdit(
  payload: Uint8Array,
  file: string,
  offset: number,
  first = false,
): VersionEdit {
  const reader = new ByteReader(payload, file, offset);
  const draft: Draft = {};
  const added: { run: number; table: TableMetadata }[] = [];
  const removed: number[] = [];
  const moved: { run: number; table: number }[] = [];
  let hasFormat = false;
  while (reader.remaining > 0) {
    const tag = reader.varint();
    const base = offset + reader.offset;
    const field = new ByteReader(reader.bytes(), file, base);
    if (tag === Tag.format) {
      readFormat(field, file, base);
      hasFormat = true;
    } else if (tag === Tag.added) {
      readKeyspace(field, file, base);
      added.push({ run: field.varint(), table: readTableMetadata(field, file) });
    } else if (tag === Tag.removed) {
      readKeyspace(field, file, base);
      removed.push(field.varint());
    } else if (tag === Tag.moved) {
      readKeyspace(field, file, base);
      moved.push({ run: field.varint(), table: field.varint() });
    } else if (!readScalar(tag, field, draft, file, base)) {
      continue;
    }
    field.end();
  }
  if (first && !hasFormat) throw corruption('The first record names no format', file, offset);
  return {
    ...draft,
    ...(added.length > 0 ? { added } : {}),
    ...(removed.length > 0 ? { removed } : {}),
    ...(moved.length > 0 ? { moved } : {}),
  };
}

/** Reads one of the fields that occur once; false if the field may be skipped. */
function readScalar(
  tag: number,
  field: ByteReader,
  draft: Draft,
  file: string,
  base: number,
): boolean {
  switch (tag) {
    case Tag.runs:
      readKeyspace(field, file, base);
      draft.runs = readRuns(field);
      return true;
    case Tag.lastSequence:
      draft.lastSequence = field.varint();
      return true;
    case Tag.nextNumber:
      draft.nextNumber = field.varint();
      return true;
    case Tag.nextRunId:
      draft.nextRunId = field.varint();
      return true;
    case Tag.replayFrom:
      draft.replayFrom = readIdentity(field);
      return true;
    case Tag.logEnd:
      draft.logEnd =
        field.u8() === 0 ? null : { ...readIdentity(field), end: field.varint() };
      return true;
    case Tag.strategy:
      draft.strategy = readStrategy(field, file, base);
      return true;
    case Tag.settings:
      draft.settings = readJson(field, file, base);
      return true;
    case Tag.owner:
      draft.owner = readOwner(field);
      return true;
    case Tag.hashSeed:
      draft.hashSeed = [field.u32() | 0, field.u32() | 0];
      return true;
    default:
      if (tag >= OPTIONAL_TAGS) return false;
      throw unsupported(`The manifest holds a field of kind ${tag}`, file, base);
  }
}

function readFormat(field: ByteReader, file: string, base: number): void {
  const version = field.varint();
  const required = field.varint();
  field.varint();
  if (version > FORMAT_VERSION || (required & ~KNOWN_FEATURES) !== 0) {
    throw unsupported(`The database has format ${version}, features ${required}`, file, base);
  }
}

function readKeyspace(field: ByteReader, file: string, base: number): void {
  const keyspace = field.varint();
  if (keyspace !== 0) throw unsupported(`The database has a keyspace ${keyspace}`, file, base);
}

function readRuns(field: ByteReader): { id: number; level: number }[] {
  const count = field.varint();
  const runs: { id: number; level: number }[] = [];
  for (let i = 0; i < count; i++) runs.push({ id: field.varint(), level: field.varint() });
  return runs;
}

function readIdentity(field: ByteReader): { number: number; idLow: number; idHigh: number } {
  return { number: field.varint(), idLow: field.u32() | 0, idHigh: field.u32() | 0 };
}

function readStrategy(field: ByteReader, file: string, base: number): StrategyRecord {
  return {
    name: field.string(),
    formatVersion: field.varint(),
    settings: readJson(field, file, base),
    state: readJson(field, file, base),
  };
}

function readOwner(field: ByteReader): OwnerRecord {
  return { epoch: field.varint(), nonce: field.varint() };
}

function readJson(field: ByteReader, file: string, base: number): Json {
  try {
    return JSON.parse(field.string()) as Json;
  } catch (error) {
    if (isLsmError(error)) throw error;
    throw corruption('A field is not JSON', file, base);
  }
}

function unsupported(what: string, file: string, offset: number): LsmError {
  return new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `${what}, which this version does not know; use a newer one. Nothing was changed`,
    { file, offset },
  );
}
