import { hybrid } from '@lsm/compaction-hybrid';
import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';

compactionStrategyConformance(() => hybrid(), { describe, it, expect });
