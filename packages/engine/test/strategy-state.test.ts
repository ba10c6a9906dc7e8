import { expect, test } from 'vitest';
import { StrategyState } from '../src/background/strategy-state.ts';

test('the state of a plan is kept with the first of its tasks that is committed', () => {
  const state = new StrategyState('first');
  expect(state.keptWith(99)).toBe('first');
  state.planned('one');
  state.admitted(1);
  state.admitted(2);
  state.planned('two');
  state.admitted(3);
  expect(state.current).toBe('two');
  expect(state.keptWith(1)).toBe('one');
  state.committed(1);
  // What is committed without a plan, by hand, keeps what is kept.
  expect(state.keptWith(99)).toBe('one');
  expect(state.keptWith(3)).toBe('two');
  state.aborted(3);
  expect(state.keptWith(2)).toBe('one');
});

test('a task that ends late does not bring an older state back', () => {
  const state = new StrategyState('first');
  state.planned('one');
  state.admitted(1);
  state.planned(undefined);
  state.admitted(2);
  state.planned('three');
  state.admitted(3);
  expect(state.keptWith(2)).toBe('one');
  state.committed(3);
  expect(state.keptWith(1)).toBe('three');
  state.committed(1);
  expect(state.keptWith(99)).toBe('three');
  expect(state.current).toBe('three');
});
