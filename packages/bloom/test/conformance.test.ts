import { filterAllocatorConformance, pointIndexConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { monkey, POINT_INDEX_KINDS, perLevel, uniform } from '../src/index.ts';

const tools = { describe, it, expect };

for (const kind of POINT_INDEX_KINDS) pointIndexConformance(kind, tools);

filterAllocatorConformance(monkey(), tools, { keepsBudget: true });
filterAllocatorConformance(monkey({ hashIndex: false }), tools, { keepsBudget: true });
filterAllocatorConformance(perLevel([0.001, 0.01, 0.05]), tools, { keepsBudget: true });
filterAllocatorConformance(perLevel(['split-block', 'fuse8'], 'hash-index'), tools, {
  keepsBudget: true,
});
filterAllocatorConformance(uniform({ bitsPerKey: 10 }), tools, { keepsBudget: true });
