/** Pictures of a database's files: taken, put into a fresh file system, compared. */
import type { FileSystem } from '@lsm/core';
import { joinPath, memoryFileSystem, readFileBytes } from '@lsm/fs';

/** File contents by name. */
export type Image = ReadonlyMap<string, Uint8Array>;

/** The files of a directory as they are now; locks aside. */
export function takeImage(fs: FileSystem, directory: string): Image {
  const image = new Map<string, Uint8Array>();
  for (const name of fs.listSync(directory).toSorted()) {
    if (name.startsWith('LOCK')) continue;
    const path = joinPath(directory, name);
    if (fs.statSync(path)!.directory) continue;
    image.set(name, new Uint8Array(readFileBytes(fs, path)));
  }
  return image;
}

/** A file system in memory that holds an image in a directory. */
export function restoreImage(image: Image, directory: string): FileSystem {
  const fs = memoryFileSystem();
  writeImage(fs, image, directory);
  return fs;
}

/** Writes an image into a directory, which is made. */
export function writeImage(fs: FileSystem, image: Image, directory: string): void {
  fs.makeDirectorySync(directory);
  for (const [name, bytes] of image) {
    const file = fs.openSync(joinPath(directory, name), 'create');
    file.writeSync(bytes, 0, bytes.length, 0);
    file.close();
  }
}

/** An image with one byte changed by exclusive or. */
export function flipped(image: Image, name: string, offset: number, mask: number): Image {
  const bytes = image.get(name)!.slice();
  bytes[offset]! ^= mask;
  return new Map([...image, [name, bytes]]);
}

/** An image with one file cut to `length`. */
export function truncated(image: Image, name: string, length: number): Image {
  return new Map([...image, [name, image.get(name)!.slice(0, length)]]);
}

/** An image without a file. */
export function without(image: Image, name: string): Image {
  const rest = new Map(image);
  rest.delete(name);
  return rest;
}

/** Name, size and content of every file as text, to compare. */
export function describeImage(image: Image): string[] {
  return [...image].map(([name, bytes]) => `${name}: ${Buffer.from(bytes).toString('hex')}`);
}
