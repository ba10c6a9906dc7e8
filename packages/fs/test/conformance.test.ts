import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryFileSystem, nodeFileSystem } from '@lsm/fs';
import { fileSystemConformance } from '@lsm/testkit';
import { afterAll, describe, expect, it } from 'vitest';

const tools = { describe, it, expect };
const directory = mkdtempSync(join(tmpdir(), 'lsm-conformance-'));
afterAll(() => rmSync(directory, { recursive: true }));

fileSystemConformance({ name: 'node', fs: nodeFileSystem(), directory }, tools);

const memory = memoryFileSystem();
memory.makeDirectorySync('/data/here');
fileSystemConformance({ name: 'memory', fs: memory, directory: '/data/here' }, tools);

const relative = memoryFileSystem();
fileSystemConformance({ name: 'memory, relative paths', fs: relative, directory: '' }, tools);
