import { fileSystemConformance, SimulatedFileSystem } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

const tools = { describe, it, expect };

const strict = new SimulatedFileSystem();
strict.makeDirectorySync('/data');
fileSystemConformance({ name: 'simulated', fs: strict, directory: '/data' }, tools);

const ordered = new SimulatedFileSystem({ names: 'ordered', defer: setImmediate });
fileSystemConformance({ name: 'simulated, ordered', fs: ordered, directory: '' }, tools);
