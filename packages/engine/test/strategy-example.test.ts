import { compactionStrategyConformance } from '@lsm/testkit';
import { describe, expect, it } from 'vitest';
import { similarPair } from './support/similar-pair.ts';

const tools = { describe, it, expect };
compactionStrategyConformance(() => similarPair(), tools);
compactionStrategyConformance(() => similarPair({ most: 12 }), tools);
