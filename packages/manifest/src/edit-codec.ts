/**
 * Encodes and decodes version edits, the payloads of a manifest's frames.
 *
 * ```
 * edit = fields in ascending order of tag; each tag (varint), length (varint), content (v = varint, s = string)
 * tag  content
 *   2  v format version; only in the first edit of a manifest, and the first field of it
 *   4  v required feature bits      6  v optional feature bits
 *   8  u32 u32 hash seed           10  v owner epoch, u32 u32 nonce
 *  12  v keyspace of the changes below; absent = 0
 *  14  v count, (v run, v level)*: all runs, newest first
 *  16  v count, (v table)*: tables that leave their runs
 *  18  v run, table (table-metadata.ts): a table that joins a run; repeated
 *  20  v last sequence             22  v next file number          24  v next run
 *  26  v replay-from segment, u32 u32 id (0: none existed)
 *  28  u8 0, or u8 1, v segment, u32 u32 id, v offset: where the log was cleanly closed
 *  30  s strategy name, v format version, s settings (JSON), s state (JSON)
 *  32  s settings (JSON)
 * ```
 * Even tags have to be understood (tagged-fields.ts). On disk: never renumber.
 */
import { ByteReader, ByteWriter, corruption, type Json, LsmError } from '@lsm/core';
import type { SegmentIdentity } from '@lsm/wal';
import { decodeTable, encodeTable } from './table-metadata.ts';
import { isOptionalTag, readField, readFlag, unknownTag, writeField } from './tagged-fields.ts';
import { type AddedTable, FORMAT_VERSION, type VersionEdit } from './version-edit.ts';

const TAG_ADDED_TABLE = 18;

/** An edit under construction. */
type Draft = { -readonly [K in keyof VersionEdit]: VersionEdit[K] } & {
  addedTables?: AddedTable[];
};

type Decode = (reader: ByteReader, draft: Draft, file: string | undefined) => void;

/** A field that stands at most once in an edit. */
interface SingleField {
  readonly tag: number;
  /** The content, or `null` if the edit doesn't have the field. */
  readonly encode: (edit: VersionEdit) => Uint8Array | null;
  readonly decode: Decode;
}

type Present<K extends keyof VersionEdit> = Exclude<VersionEdit[K], undefined>;

function field<K extends keyof VersionEdit>(
  tag: number,
  name: K,
  write: (writer: ByteWriter, value: Present<K>) => void,
  read: (reader: ByteReader, file: string | undefined) => Present<K>,
): SingleField {
  return {
    tag,
    encode(edit) {
      const value = edit[name];
      if (value === undefined) return null;
      const writer = new ByteWriter();
      write(writer, value as Present<K>);
      return writer.finish();
    },
    decode(reader, draft, file) {
      (draft as Record<K, Present<K>>)[name] = read(reader, file);
    },
  };
}

const writeVarint = (writer: ByteWriter, value: number): void => {
  writer.varint(value);
};
const readVarint = (reader: ByteReader): number => reader.varint();

/** In ascending order of tag. */
const SINGLE_FIELDS: readonly SingleField[] = [
  field(2, 'formatVersion', writeVarint, (reader, file) => requireVersion(reader.varint(), file)),
  field(4, 'requiredFeatures', writeVarint, (reader, file) =>
    requireFeatures(reader.varint(), file),
  ),
  field(6, 'optionalFeatures', writeVarint, readVarint),
  field(
    8,
    'hashSeed',
    (writer, [low, high]) => writer.u32(low).u32(high),
    (reader) => [reader.u32() | 0, reader.u32() | 0],
  ),
  field(
    10,
    'owner',
    (writer, owner) => writer.varint(owner.epoch).u32(owner.nonceLow).u32(owner.nonceHigh),
    (reader) => ({
      epoch: reader.varint(),
      nonceLow: reader.u32() | 0,
      nonceHigh: reader.u32() | 0,
    }),
  ),
  field(12, 'keyspace', writeVarint, (reader, file) => requireKeyspace(reader.varint(), file)),
  field(
    14,
    'runs',
    (writer, runs) => {
      writer.varint(runs.length);
      for (const { id, level } of runs) writer.varint(id).varint(level);
    },
    (reader) => readList(reader, () => ({ id: reader.varint(), level: reader.varint() })),
  ),
  field(
    16,
    'removedTables',
    (writer, ids) => {
      writer.varint(ids.length);
      for (const id of ids) writer.varint(id);
    },
    (reader) => readList(reader, () => reader.varint()),
  ),
  field(20, 'lastSequence', writeVarint, readVarint),
  field(22, 'nextNumber', writeVarint, readVarint),
  field(24, 'nextRunId', writeVarint, readVarint),
  field(26, 'replayFrom', writeIdentity, readIdentity),
  field(
    28,
    'logEnd',
    (writer, end) => {
      if (end === null) writer.u8(0);
      else writeIdentity(writer.u8(1), end).varint(end.end);
    },
    (reader, file) =>
      readFlag(reader, file) ? { ...readIdentity(reader), end: reader.varint() } : null,
  ),
  field(
    30,
    'strategy',
    (writer, { name, formatVersion, settings, state }) => {
      writer.string(name).varint(formatVersion);
      writer.string(JSON.stringify(settings)).string(JSON.stringify(state));
    },
    (reader, file) => ({
      name: reader.string(),
      formatVersion: reader.varint(),
      settings: readJson(reader, file),
      state: readJson(reader, file),
    }),
  ),
  field(32, 'settings', (writer, settings) => writer.string(JSON.stringify(settings)), readJson),
];

const DECODERS: ReadonlyMap<number, Decode> = new Map<number, Decode>([
  ...SINGLE_FIELDS.map(({ tag, decode }) => [tag, decode] as const),
  [TAG_ADDED_TABLE, decodeAddedTable],
]);

/** Encodes an edit; equal edits give equal bytes. */
export function encodeEdit(edit: VersionEdit): Uint8Array {
  const writer = new ByteWriter();
  let tablesWritten = false;
  for (const { tag, encode } of SINGLE_FIELDS) {
    if (tag > TAG_ADDED_TABLE && !tablesWritten) {
      tablesWritten = true;
      writeAddedTables(writer, edit.addedTables ?? []);
    }
    const content = encode(edit);
    if (content !== null) writeField(writer, tag, content);
  }
  return writer.finish();
}

/**
 * Decodes an edit.
 *
 * @param bytes - borrowed for the call
 * @param file - named in errors
 * @param base - offset of `bytes[0]` in the file, for errors
 * @throws LSM_CORRUPTION if the bytes are impossible; LSM_UNSUPPORTED_FORMAT if they need a newer version
 */
export function decodeEdit(bytes: Uint8Array, file?: string, base = 0): VersionEdit {
  const reader = new ByteReader(bytes, file, base);
  const draft: Draft = {};
  let last = 0;
  while (reader.remaining > 0) {
    const at = base + reader.offset;
    const { tag, reader: content } = readField(reader, file, base);
    if (tag < last || (tag === last && tag !== TAG_ADDED_TABLE)) {
      throw corruption('The fields of an edit are out of order', file, at);
    }
    last = tag;
    const decode = DECODERS.get(tag);
    if (decode !== undefined) {
      decode(content, draft, file);
      content.end();
    } else if (!isOptionalTag(tag)) {
      throw unknownTag(tag, file);
    }
  }
  return draft;
}

function writeAddedTables(writer: ByteWriter, tables: readonly AddedTable[]): void {
  for (const { run, table } of tables) {
    const content = new ByteWriter().varint(run).raw(encodeTable(table)).finish();
    writeField(writer, TAG_ADDED_TABLE, content);
  }
}

function decodeAddedTable(reader: ByteReader, draft: Draft, file: string | undefined): void {
  const run = reader.varint();
  const table = decodeTable(reader, file);
  requireKeyspace(table.keyspace ?? 0, file);
  draft.addedTables ??= [];
  draft.addedTables.push({ run, table });
}

function writeIdentity(writer: ByteWriter, identity: SegmentIdentity): ByteWriter {
  return writer.varint(identity.number).u32(identity.idLow).u32(identity.idHigh);
}

function readIdentity(reader: ByteReader): SegmentIdentity {
  return { number: reader.varint(), idLow: reader.u32() | 0, idHigh: reader.u32() | 0 };
}

function readList<T>(reader: ByteReader, read: () => T): T[] {
  const count = reader.varint();
  const list: T[] = [];
  // Each element takes a byte at least, so the input bounds the loop whatever the count says.
  for (let i = 0; i < count; i++) list.push(read());
  return list;
}

function readJson(reader: ByteReader, file: string | undefined): Json {
  const text = reader.string();
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw corruption('A setting in the manifest is not JSON', file);
  }
}

function requireVersion(version: number, file: string | undefined): number {
  if (version === FORMAT_VERSION) return version;
  throw unsupported(`The database has format version ${version}`, file);
}

function requireFeatures(bits: number, file: string | undefined): number {
  if (bits === 0) return bits;
  throw unsupported(`The database uses features with the bits 0x${bits.toString(16)}`, file);
}

function requireKeyspace(keyspace: number, file: string | undefined): number {
  if (keyspace === 0) return keyspace;
  throw unsupported(`The database has a keyspace ${keyspace}`, file);
}

function unsupported(what: string, file: string | undefined): LsmError {
  return new LsmError('LSM_UNSUPPORTED_FORMAT', `${what}; use a newer version of this software`, {
    file,
  });
}
