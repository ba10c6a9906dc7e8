import {
  booleanSetting,
  choiceSetting,
  integerSetting,
  isLsmError,
  nearestName,
  numberSetting,
  parseSettings,
  perLevel,
} from '@lsm/core';
import { describe, expect, it } from 'vitest';

const specs = {
  blockBytes: integerSetting(4096, 256, 65_536),
  ratio: numberSetting(4, 1, 100),
  readOnly: booleanSetting(false),
  mode: choiceSetting('os', ['memory', 'os', 'fsync']),
};

function failure(raw: unknown): string {
  try {
    parseSettings(specs, raw, 'open');
  } catch (error) {
    if (isLsmError(error, 'LSM_INVALID_ARGUMENT')) return error.message;
  }
  throw new Error('no LSM_INVALID_ARGUMENT');
}

describe('parseSettings', () => {
  it('completes with defaults and freezes', () => {
    const parsed = parseSettings(specs, { ratio: 2.5 }, 'open');
    expect(parsed).toEqual({ blockBytes: 4096, ratio: 2.5, readOnly: false, mode: 'os' });
    expect(Object.isFrozen(parsed)).toBe(true);
    expect(parseSettings(specs, undefined, 'open').blockBytes).toBe(4096);
  });

  it('names the nearest option for an unknown one', () => {
    expect(failure({ blockbytes: 512 })).toContain('did you mean "blockBytes"');
    expect(failure({ redOnly: true })).toContain('"readOnly"');
  });

  it('says what is wrong with a value', () => {
    expect(failure({ blockBytes: 12 })).toContain('256 to 65536');
    expect(failure({ blockBytes: 4096.5 })).toContain('integer');
    expect(failure({ ratio: Number.NaN })).toContain('number');
    expect(failure({ readOnly: 'yes' })).toContain('true or false');
    expect(failure({ mode: 'fsnc' })).toContain('did you mean "fsync"');
    expect(failure([])).toContain('object');
    expect(failure(null)).toContain('object');
  });
});

describe('perLevel', () => {
  it('repeats the last entry of a list and takes a single value for all', () => {
    expect([0, 1, 2, 9].map((level) => perLevel(['a', 'b'], level))).toEqual(['a', 'b', 'b', 'b']);
    expect(perLevel(7, 3)).toBe(7);
  });
});

describe('nearestName', () => {
  it('is null without candidates', () => {
    expect(nearestName('x', [])).toBeNull();
  });
});
