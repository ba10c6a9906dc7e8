/**
 * Checks the lock's protocol against all interleavings of its contenders.
 *
 * Each step of a contender (a call of LockClaims) waits for the scheduler. A schedule is the list of choices made; the
 * search repeats the run for each schedule, depth first, and skips a state that it has seen: names on disk, who lives,
 * and all that each contender has observed. A contender may die at any step.
 */
import { seededRandom } from '@lsm/core';
import { describe, expect, it } from 'vitest';
import { type LockClaim, type LockClaims, takeDirectory } from '../src/lock-protocol.ts';

interface Name {
  /** Who made it; −1: a process that died long ago. */
  readonly owner: number;
  /** Whether one can see that its owner lives; false between the two steps of a claim. */
  ready: boolean;
}

type Outcome = 'runs' | 'owns' | 'released' | 'gave up' | 'died';

class Contender implements LockClaims {
  readonly observed: string[] = [];
  outcome: Outcome = 'runs';
  /** What it is about to do, until the scheduler lets it. */
  waiting: (() => void) | null = null;
  readonly #world: World;
  readonly #id: number;

  constructor(world: World, id: number) {
    this.#world = world;
    this.#id = id;
  }

  generations(): Promise<number[]> {
    return this.#step(() => [...this.#world.names.keys()].toSorted((a, b) => a - b));
  }

  isAlive(generation: number): Promise<boolean> {
    return this.#step(() => this.#world.isAlive(generation));
  }

  async claim(generation: number): Promise<LockClaim | null> {
    const { names, claimsInTwoSteps } = this.#world;
    const name: Name = { owner: this.#id, ready: !claimsInTwoSteps };
    const made = await this.#step(() => {
      if (names.has(generation)) return false;
      names.set(generation, name);
      return true;
    });
    if (!made) return null;
    if (claimsInTwoSteps) {
      await this.#step(() => {
        name.ready = true;
      });
    }
    const release = (): void => {
      if (names.get(generation) === name) names.delete(generation);
    };
    const holds = (): Promise<boolean> => this.#step(() => names.get(generation) === name);
    return { generation, kind: 'model', holds, release };
  }

  remove(generation: number): Promise<void> {
    return this.#step(() => {
      this.#world.remove(generation, this.#id);
    });
  }

  pause(): Promise<void> {
    return this.#step(() => {});
  }

  #step<T>(action: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.waiting = () => {
        this.waiting = null;
        const result = action();
        this.observed.push(JSON.stringify(result) ?? '');
        resolve(result);
      };
    });
  }
}

class World {
  readonly names = new Map<number, Name>();
  readonly contenders: Contender[];
  readonly claimsInTwoSteps: boolean;
  readonly violations: string[] = [];

  constructor(count: number, dead: readonly number[], claimsInTwoSteps: boolean) {
    for (const generation of dead) this.names.set(generation, { owner: -1, ready: true });
    this.claimsInTwoSteps = claimsInTwoSteps;
    this.contenders = Array.from({ length: count }, (_, id) => new Contender(this, id));
  }

  isAlive(generation: number): boolean {
    const name = this.names.get(generation);
    if (name === undefined || name.owner < 0 || !name.ready) return false;
    return this.contenders[name.owner]!.outcome !== 'died';
  }

  remove(generation: number, by: number): void {
    const name = this.names.get(generation);
    if (name !== undefined && this.contenders[name.owner]?.outcome === 'owns') {
      this.violations.push(`${by} removed the name of the owner ${name.owner}`);
    }
    this.names.delete(generation);
  }

  /** Also counts those who are about to own: they removed other names already. */
  get owners(): number {
    return this.contenders.filter(({ outcome }) => outcome === 'owns').length;
  }

  key(): string {
    const names = [...this.names]
      .toSorted((a, b) => a[0] - b[0])
      .map(([g, { owner, ready }]) => `${g}:${owner}${ready}`);
    const minds = this.contenders.map((c) => `${c.outcome}(${c.observed.join()})`);
    return `${names.join()} | ${minds.join(' ')}`;
  }
}

/** Choice n < count: contender n makes its step; n ≥ count: contender n − count dies. */
async function replay(world: World, schedule: readonly number[]): Promise<void> {
  for (const [id, contender] of world.contenders.entries()) {
    contend(world, contender, id).catch((error: unknown) => world.violations.push(String(error)));
  }
  await settle();
  const count = world.contenders.length;
  for (const choice of schedule) {
    const contender = world.contenders[choice % count]!;
    if (choice >= count) {
      contender.outcome = 'died';
      contender.waiting = null;
    } else contender.waiting?.();
    await settle();
  }
}

async function contend(world: World, contender: Contender, id: number): Promise<void> {
  const claim = await takeDirectory(contender);
  if (contender.outcome !== 'runs') return;
  contender.outcome = typeof claim === 'number' ? 'gave up' : 'owns';
  if (world.owners > 1) world.violations.push(`${id} owns beside another`);
  if (typeof claim === 'number') return;
  await contender.pause();
  claim.release();
  contender.outcome = 'released';
}

/** Lets every promise that follows from a step settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await Promise.resolve();
}

interface Search {
  readonly states: number;
  readonly ends: Set<string>;
}

async function searchAll(
  make: () => World,
  deathsMax: number,
  stepsMax: number,
  statesMax: number,
): Promise<Search> {
  const seen = new Set<string>();
  const ends = new Set<string>();
  const stack: number[][] = [[]];
  const random = seededRandom(1);
  while (stack.length > 0 && seen.size < statesMax) {
    // Any of the waiting schedules, so that a bounded search sees early and late steps alike.
    const at = random.next() % stack.length;
    [stack[at], stack[stack.length - 1]] = [stack.at(-1)!, stack[at]!];
    const schedule = stack.pop()!;
    const world = make();
    await replay(world, schedule);
    if (world.violations.length > 0) {
      throw new Error(`Schedule ${schedule.join(' ')}: ${world.violations.join('; ')}`);
    }
    const key = world.key();
    if (seen.has(key)) continue;
    seen.add(key);
    const count = world.contenders.length;
    const deaths = schedule.filter((choice) => choice >= count).length;
    let isEnd = true;
    for (const [id, contender] of world.contenders.entries()) {
      if (contender.waiting === null) continue;
      isEnd = false;
      if (schedule.length < stepsMax) stack.push([...schedule, id]);
      if (deaths < deathsMax && schedule.length < stepsMax) stack.push([...schedule, id + count]);
    }
    if (isEnd) ends.add(world.contenders.map(({ outcome }) => outcome).join(' '));
  }
  return { states: seen.size, ends };
}

/** Bound of one search; three contenders have more states than that. */
const STATES_MAX = 20_000;

describe('takeDirectory', () => {
  const starts = [{ dead: [] }, { dead: [1] }, { dead: [1, 2] }];

  for (const claimsInTwoSteps of [false, true]) {
    const how = claimsInTwoSteps ? 'made and then filled' : 'made at once';
    it.each(starts)(
      `lets at most one of two own, claims ${how}, dead names $dead`,
      async ({ dead }) => {
        const make = (): World => new World(2, dead, claimsInTwoSteps);
        const { states, ends } = await searchAll(make, 1, 26, STATES_MAX);
        // All states there are: neither bound was reached.
        expect(states).toBeGreaterThan(300);
        expect(states).toBeLessThan(STATES_MAX);
        expect([...ends].sort()).toEqual([
          'died gave up',
          'died released',
          'gave up died',
          'gave up released',
          'released died',
          'released gave up',
          'released released',
        ]);
      },
    );

    it(`lets at most one of three own in ${STATES_MAX} states, claims ${how}`, async () => {
      const make = (): World => new World(3, [1], claimsInTwoSteps);
      const { states } = await searchAll(make, 1, 30, STATES_MAX);
      expect(states).toBe(STATES_MAX);
    });
  }

  it('would let two own if a contender did not look again: the search has teeth', async () => {
    class Careless extends World {
      override isAlive(): boolean {
        return false;
      }
    }
    await expect(searchAll(() => new Careless(2, [1], false), 0, 26, STATES_MAX)).rejects.toThrow(
      /owns beside another|removed the name/,
    );
  });
});
