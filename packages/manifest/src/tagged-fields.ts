/**
 * Fields that can be added later without breaking older readers: each is a tag (varint), a length (varint) and bytes.
 *
 * An even tag has to be understood: a reader that doesn't know it stops with LSM_UNSUPPORTED_FORMAT. An odd one may be
 * skipped.
 */
import { ByteReader, type ByteWriter, corruption, LsmError } from '@lsm/core';

/** A field as it was read. */
export interface TaggedField {
  readonly tag: number;
  /** Over the field's bytes, with offsets in the file. */
  readonly reader: ByteReader;
}

/** Writes one field. */
export function writeField(writer: ByteWriter, tag: number, content: Uint8Array): void {
  writer.varint(tag).bytes(content);
}

/**
 * Reads one field.
 *
 * @param base - offset in the file of the reader's first byte
 */
export function readField(reader: ByteReader, file: string | undefined, base: number): TaggedField {
  const tag = reader.varint();
  const length = reader.varint();
  const start = base + reader.offset;
  return { tag, reader: new ByteReader(reader.raw(length), file, start) };
}

/** Whether a reader that doesn't know the tag may go on. */
export function isOptionalTag(tag: number): boolean {
  return tag % 2 === 1;
}

/** Reads fields to the end, none of which this version knows. */
export function skipUnknownFields(reader: ByteReader, file: string | undefined): void {
  while (reader.remaining > 0) {
    const { tag } = readField(reader, file, 0);
    if (!isOptionalTag(tag)) throw unknownTag(tag, file);
  }
}

/** The error for a field that has to be understood and isn't. */
export function unknownTag(tag: number, file: string | undefined): LsmError {
  return new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `The manifest holds a field with tag ${tag}; use a newer version of this software`,
    { file },
  );
}

const float = new DataView(new ArrayBuffer(8));

/** Writes a 64-bit float. */
export function writeFloat(writer: ByteWriter, value: number): void {
  float.setFloat64(0, value, true);
  writer.u32(float.getUint32(0, true)).u32(float.getUint32(4, true));
}

/** Reads a 64-bit float. */
export function readFloat(reader: ByteReader): number {
  float.setUint32(0, reader.u32(), true);
  float.setUint32(4, reader.u32(), true);
  return float.getFloat64(0, true);
}

/** Reads one byte that is 0 or 1. */
export function readFlag(reader: ByteReader, file: string | undefined): boolean {
  const flag = reader.u8();
  if (flag > 1) throw corruption('A flag of the manifest is neither 0 nor 1', file);
  return flag === 1;
}
