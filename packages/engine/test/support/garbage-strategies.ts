/**
 * Strategies that are wrong, each in one way, and one that is wrong in all of them, drawn at random.
 *
 * Beside its fault each merges its two newest runs when there are more than three, so that there is a tree to harm.
 * `outcome` says what the engine has to make of it:
 * - `quarantined`: it breaks the contract, or is refused without end; `reason` is what its author is told.
 * - `harmless`: what it says is no breach: a hint that makes no sense is left out, an answer is read once, a refused task
 *   among others that may run is forgotten.
 */
import type { CompactionPlan, CompactionStrategy, Health, Random, TreeSnapshot } from '@lsm/core';

/** One way to be wrong. */
export interface Fault {
  readonly outcome: 'quarantined' | 'harmless';
  readonly reason?: RegExp;
  /** What `plan` returns; `sound` is what a strategy without fault would. */
  plan?(snapshot: TreeSnapshot, sound: CompactionPlan, random: Random): unknown;
  assess?(snapshot: TreeSnapshot, sound: Health): unknown;
  flush?(snapshot: TreeSnapshot): unknown;
  predict?(): unknown;
}

type Loose = Record<string, unknown>;

const CALM: Health = { debtBytes: 0, pressure: 0, delay: 'none', quiescent: true };
const encoder = new TextEncoder();

/** Merges the two newest runs if there are more than three. */
function soundPlan({ runs, inProgress, limits }: TreeSnapshot): CompactionPlan {
  const full = runs.filter((run) => run.tables.length > 0);
  if (full.length <= 3 || inProgress.length > 0) return { tasks: [] };
  const [newer, older] = full;
  const inputs = [...newer!.tables, ...older!.tables].map(({ id }) => id);
  const shape = { tableBytes: limits.tableBytes };
  return {
    tasks: [{ kind: 'merge', inputs, to: { into: older!.id }, shape, reason: 'pair', score: 1 }],
  };
}

function soundHealth(snapshot: TreeSnapshot): Health {
  const { tasks } = soundPlan(snapshot);
  return { ...CALM, quiescent: tasks.length === 0 && snapshot.inProgress.length === 0 };
}

const idsOf = (snapshot: TreeSnapshot): number[] =>
  snapshot.runs.flatMap(({ tables }) => tables.map(({ id }) => id));

/** A task on all tables of the newest run, changed. */
function task(snapshot: TreeSnapshot, changes: Loose): Loose {
  const newest = snapshot.runs.find(({ tables }) => tables.length > 0);
  return {
    kind: 'merge',
    inputs: newest?.tables.map(({ id }) => id) ?? [1],
    to: { into: newest?.id ?? 1 },
    shape: { tableBytes: 16_384 },
    reason: 'garbage',
    score: 1,
    ...changes,
  };
}

/** A fault of single tasks, planned whenever there is a tree. */
const badTask = (
  reason: RegExp,
  changes: (snapshot: TreeSnapshot, random: Random) => unknown,
): Fault => ({
  outcome: 'quarantined',
  reason,
  plan: (snapshot, sound, random) =>
    snapshot.runs.length === 0 ? sound : { tasks: [changes(snapshot, random)] },
});

/** A fault of the sound plan's tasks that is to be read over. */
const oddTask = (change: (sound: Loose, snapshot: TreeSnapshot) => unknown): Fault => ({
  outcome: 'harmless',
  plan: (snapshot, sound) => ({
    tasks: sound.tasks.map((one) => change(one as unknown as Loose, snapshot)),
  }),
});

const thrower = (thrown: unknown) => (): never => {
  throw thrown;
};

/** Small, but its parts are shared so often that it unfolds into 2^60 of them. */
function bomb(): unknown {
  let value: unknown = 1;
  for (let i = 0; i < 60; i++) value = [value, value];
  return value;
}

function cycle(): unknown {
  const value: Loose = {};
  value['self'] = value;
  return value;
}

/** Kept between calls, as no strategy may. */
const kept: TreeSnapshot[] = [];
const keptTasks: Loose[] = [];

const PLAN_FAULTS: Readonly<Record<string, Fault>> = {
  'throws an error': {
    outcome: 'quarantined',
    reason: /^plan threw Error: not today$/,
    plan: thrower(new Error('not today')),
  },
  'throws nothing': {
    outcome: 'quarantined',
    reason: /^plan threw undefined$/,
    plan: thrower(undefined),
  },
  'throws what has no text': {
    outcome: 'quarantined',
    reason: /^plan threw something that can't be shown$/,
    plan: thrower(Object.create(null)),
  },
  'returns nothing': {
    outcome: 'quarantined',
    reason: /^plan has to return an object with a list of tasks/,
    plan: () => undefined,
  },
  'returns a number as tasks': {
    outcome: 'quarantined',
    reason: /list of tasks/,
    plan: () => ({ tasks: 7 }),
  },
  'is asynchronous': {
    outcome: 'quarantined',
    reason: /plan returned a promise/,
    plan: (_, sound) => Promise.resolve(sound),
  },
  'is asynchronous and fails': {
    outcome: 'quarantined',
    reason: /plan returned a promise/,
    plan: () => Promise.reject(new Error('later')),
  },
  'has a getter that throws': {
    outcome: 'quarantined',
    reason: /^plan threw Error: trap$/,
    plan: () => ({
      get tasks(): never {
        throw new Error('trap');
      },
    }),
  },
  'writes into the snapshot': {
    outcome: 'quarantined',
    reason: /^plan threw TypeError/,
    plan: (snapshot) => {
      (snapshot.runs as unknown[]).length = 0;
      return { tasks: [] };
    },
  },
  'writes into a table': {
    outcome: 'quarantined',
    reason: /^plan threw TypeError/,
    plan: (snapshot, sound) => {
      for (const run of snapshot.runs)
        for (const one of run.tables) (one as { bytes: number }).bytes = 0;
      return snapshot.runs.length === 0 ? sound : { tasks: [] };
    },
  },
  'writes into keys': {
    outcome: 'harmless',
    plan: (snapshot, sound, random) => {
      for (const run of snapshot.runs) {
        for (const { minKey, maxKey } of run.tables) {
          minKey.fill(random.next());
          maxKey?.fill(random.next());
        }
      }
      return sound;
    },
  },
  'keeps snapshots and writes into them later': {
    outcome: 'harmless',
    plan: (snapshot, sound) => {
      kept.push(snapshot);
      const old = kept[Math.max(0, kept.length - 5)]!;
      for (const run of old.runs) for (const { minKey } of run.tables) minKey.fill(255);
      try {
        (old.runs as unknown[]).length = 0;
      } catch {
        // It is frozen.
      }
      return sound;
    },
  },
  'changes its tasks when they run': {
    outcome: 'harmless',
    plan: (snapshot, sound) => {
      for (const old of keptTasks.splice(0)) {
        (old['inputs'] as number[]).length = 0;
        old['to'] = null;
        old['shape'] = null;
        old['kind'] = 'drop';
      }
      const tasks = sound.tasks.map((one) => ({ ...one, inputs: [...one.inputs] }));
      keptTasks.push(...tasks);
      return { tasks, version: snapshot.version };
    },
  },
  'answers otherwise each time it is read': oddTask((sound, snapshot) => {
    let reads = 0;
    const inputs = sound['inputs'];
    return {
      ...sound,
      get kind() {
        return reads++ === 0 ? 'merge' : 'drop';
      },
      get inputs() {
        return reads++ < 3 ? inputs : idsOf(snapshot);
      },
    };
  }),
  'plans the same a million times': {
    outcome: 'quarantined',
    reason: /16 tasks in a row were refused, the last by A1: Task \d+ already has/,
    plan: (_, sound) => ({ tasks: sound.tasks.flatMap((one) => Array(1_000_000).fill(one)) }),
  },
};

const TASK_FAULTS: Readonly<Record<string, Fault>> = {
  'gives null as a task': badTask(/Task 0 of the plan has to be an object/, () => null),
  'gives a task of an unknown kind': badTask(/has to have a kind/, (snapshot) =>
    task(snapshot, { kind: 'eat' }),
  ),
  'gives no inputs': badTask(/list of table numbers/, (snapshot) =>
    task(snapshot, { inputs: undefined }),
  ),
  'gives an empty list of inputs': badTask(/16 tasks in a row were refused.*A1.*no inputs/, (s) =>
    task(s, { inputs: [] }),
  ),
  'gives tables for numbers': badTask(/no table number/, (snapshot) =>
    task(snapshot, { inputs: [{ id: 1 }] }),
  ),
  'gives a million inputs': badTask(/names 1000000 tables/, (snapshot) =>
    task(snapshot, { inputs: Array(1_000_000).fill(1) }),
  ),
  'names tables that do not exist': badTask(/refused, the last by A1: 1 inputs are not/, (s) =>
    task(s, { inputs: [1e9] }),
  ),
  'names a table twice': badTask(/A1|names 2 tables/, (snapshot) => {
    const [first] = idsOf(snapshot);
    return task(snapshot, { inputs: [first, first] });
  }),
  'names a run that does not exist': badTask(/A3: There is no run/, (snapshot) =>
    task(snapshot, { to: { into: 1e9 } }),
  ),
  'names no target': badTask(/where its tables go/, (snapshot) => task(snapshot, { to: {} })),
  'jumps over runs': badTask(/refused, the last by A/, (snapshot) => {
    const runs = snapshot.runs.filter(({ tables }) => tables.length > 0);
    const oldest = runs.at(-1)!;
    const inputs = [runs[0]!, oldest].flatMap(({ tables }) => tables.map(({ id }) => id));
    return task(
      snapshot,
      runs.length < 3 ? { inputs: [1e9] } : { inputs, to: { into: oldest.id } },
    );
  }),
  'moves tables over others': badTask(/refused, the last by A/, (snapshot) =>
    task(snapshot, { kind: 'move', to: { into: snapshot.runs.at(-1)!.id } }),
  ),
  'drops without leave': badTask(/A6: This tree does not allow loss/, (snapshot) =>
    task(snapshot, { kind: 'drop', inputs: idsOf(snapshot) }),
  ),
  'puts old data on top': badTask(/refused, the last by A/, (snapshot) => {
    const { id, tables } = snapshot.runs.at(-1)!;
    const to = { newRun: { level: 0, before: snapshot.runs[0]!.id } };
    const inputs = snapshot.runs[0]!.id === id ? [1e9] : tables.map((table) => table.id);
    return task(snapshot, { inputs, to });
  }),
  'has NaN as score': badTask(/number as score/, (snapshot) =>
    task(snapshot, { score: Number.NaN }),
  ),
  'has no reason': badTask(/text as reason/, (snapshot) => task(snapshot, { reason: undefined })),
  'wants tables of 0 bytes': badTask(/refused, the last by A1/, (snapshot) =>
    task(snapshot, { shape: { tableBytes: 0 } }),
  ),
  'wants tables of −5 bytes': badTask(/refused, the last by A1/, (snapshot) =>
    task(snapshot, { shape: { tableBytes: -5 } }),
  ),
  'wants tables of NaN bytes': badTask(/refused, the last by A1/, (snapshot) =>
    task(snapshot, { shape: { tableBytes: Number.NaN } }),
  ),
  'says nothing of tables': badTask(/how its outputs are cut/, (snapshot) =>
    task(snapshot, { shape: 'large' }),
  ),
  'wants the level 10^9': badTask(/from 0 to 1000/, (snapshot) =>
    task(snapshot, { kind: 'move', to: { newRun: { level: 1e9, before: null } } }),
  ),
  'wants the level 1.5': badTask(/from 0 to 1000/, (snapshot) =>
    task(snapshot, { to: { newRun: { level: 1.5, before: null } } }),
  ),
  'rewrites the same for ever': badTask(/A8: The same task has just been done/, (snapshot) =>
    task(snapshot, { kind: 'rewrite' }),
  ),
  'rewrites everything, each time otherwise': badTask(/A8/, (snapshot, random) => {
    const { tables } = snapshot.runs.at(-1)!;
    const shape = { tableBytes: 8192 + (random.next() % 30_000) };
    return task(snapshot, { kind: 'rewrite', inputs: tables.map(({ id }) => id), shape });
  }),
  'moves for ever': badTask(/A5|A8/, (snapshot) => {
    const oldest = snapshot.runs.at(-1)!;
    const inputs = oldest.tables.map(({ id }) => id);
    const to = { newRun: { level: oldest.level, before: null } };
    return task(snapshot, { kind: 'move', inputs, to });
  }),
  'names busy tables beside what may run': {
    outcome: 'harmless',
    plan: (snapshot, sound) => {
      const busy = snapshot.inProgress.map((one) => task(snapshot, { inputs: one.inputs }));
      return { tasks: [...busy, ...sound.tasks, ...sound.tasks] };
    },
  },
  'wants tables of one byte': oddTask((sound) => ({ ...sound, shape: { tableBytes: 1 } })),
  'wants one table, however large': oddTask((sound) => ({
    ...sound,
    shape: { tableBytes: Number.POSITIVE_INFINITY },
  })),
  'cuts at keys out of order': oddTask((sound) => ({
    ...sound,
    shape: { tableBytes: 16_384, cutKeys: [encoder.encode('b'), encoder.encode('a')] },
  })),
  'cuts at foreign and endless keys': oddTask((sound) => ({
    ...sound,
    shape: { tableBytes: 16_384, cutKeys: [new Uint8Array(0), new Uint8Array(100_000)] },
  })),
  'cuts at what are no keys': oddTask((sound) => ({
    ...sound,
    shape: { tableBytes: 16_384, cutKeys: ['a', null, 5], cutNear: 'a', maxOverlapBytes: 'b' },
  })),
  'cuts at every border of another run': oddTask((sound, snapshot) => ({
    ...sound,
    shape: { tableBytes: 8192, cutNear: snapshot.runs.at(-1)!.id, maxOverlapBytes: 1e-9 },
  })),
};

const stateFault = (
  state: unknown,
  reason = /state of a strategy has to be plain JSON/,
): Fault => ({
  outcome: 'quarantined',
  reason,
  plan: (_, sound) => ({
    ...sound,
    state: typeof state === 'function' ? (state as () => unknown)() : state,
  }),
});

const STATE_FAULTS: Readonly<Record<string, Fault>> = {
  'keeps a map': stateFault(new Map([[1, 2]])),
  'keeps NaN': stateFault({ at: Number.NaN }),
  'keeps a function': stateFault({ at: () => 1 }),
  'keeps a cycle': stateFault(cycle),
  'keeps a megabyte': stateFault({ text: 'x'.repeat(1 << 20) }, /too large/),
  'keeps a small thing that unfolds into 2^60': stateFault(bomb, /too large/),
  'keeps a promise': stateFault(() => Promise.reject(new Error('later')), /promise/),
  'keeps what it changes later': {
    outcome: 'harmless',
    plan: (_, sound) => {
      const state: Loose = { at: 1 };
      queueMicrotask(() => {
        state['self'] = state;
      });
      return { ...sound, state };
    },
  },
};

const JUDGE_FAULTS: Readonly<Record<string, Fault>> = {
  'judges by throwing': {
    outcome: 'quarantined',
    reason: /^assess threw RangeError: no$/,
    assess: thrower(new RangeError('no')),
  },
  'judges nothing': {
    outcome: 'quarantined',
    reason: /^assess has to return \{/,
    assess: () => null,
  },
  'judges in a promise': {
    outcome: 'quarantined',
    reason: /assess returned a promise/,
    assess: (_, sound) => Promise.resolve(sound),
  },
  'writes into running tasks': {
    outcome: 'quarantined',
    reason: /^assess threw TypeError/,
    assess: (snapshot, sound) => {
      for (const one of snapshot.inProgress) (one.inputs as number[]).length = 0;
      return sound;
    },
  },
  'judges NaN': {
    outcome: 'quarantined',
    reason: /numbers of at least 0/,
    assess: (_, sound) => ({ ...sound, pressure: Number.NaN }),
  },
  'delays in its own way': {
    outcome: 'quarantined',
    reason: /delay of 'none', 'slow' or 'stop'/,
    assess: (_, sound) => ({ ...sound, delay: 'maybe' }),
  },
  'judges by numbers whether it is at rest': {
    outcome: 'quarantined',
    reason: /true or false/,
    assess: (_, sound) => ({ ...sound, quiescent: 1 }),
  },
  'wants to be asked at a text': {
    outcome: 'quarantined',
    reason: /replanAt/,
    assess: (_, sound) => ({ ...sound, replanAt: 'soon' }),
  },
  'stops writers for ever and does nothing': {
    outcome: 'harmless',
    plan: () => ({ tasks: [] }),
    assess: () => ({ debtBytes: 1e300, pressure: 1e300, delay: 'stop', quiescent: false }),
  },
  'wants to be asked all the time': {
    outcome: 'harmless',
    assess: (snapshot, sound) => ({ ...sound, replanAt: snapshot.now - 1e9 }),
  },
  'hints by throwing': {
    outcome: 'quarantined',
    reason: /^flush threw Error: no hint$/,
    flush: thrower(new Error('no hint')),
  },
  'hints nothing': {
    outcome: 'quarantined',
    reason: /flush has to return/,
    flush: () => undefined,
  },
  'hints in a promise': {
    outcome: 'quarantined',
    reason: /flush returned a promise/,
    flush: () => Promise.reject(new Error('later')),
  },
  'hints at foreign keys': {
    outcome: 'harmless',
    flush: () => ({ splitKeys: [encoder.encode('zz'), encoder.encode('a'), 'b'] }),
  },
  'predicts by throwing': { outcome: 'harmless', predict: thrower(new Error('no idea')) },
};

/** Every single fault by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  ...PLAN_FAULTS,
  ...TASK_FAULTS,
  ...STATE_FAULTS,
  ...JUDGE_FAULTS,
};

/** A strategy whose answers `pick` may spoil, call by call. */
function spoilt(name: string, random: Random, pick: () => Fault | undefined): CompactionStrategy {
  return {
    name,
    formatVersion: 1,
    settings: {},
    plan(snapshot) {
      const sound = soundPlan(snapshot);
      return (pick()?.plan?.(snapshot, sound, random) ?? sound) as CompactionPlan;
    },
    assess(snapshot) {
      const sound = soundHealth(snapshot);
      return (pick()?.assess?.(snapshot, sound) ?? sound) as Health;
    },
    flush(snapshot) {
      return pick()?.flush?.(snapshot) ?? {};
    },
    predict: () => pick()?.predict?.() as never,
  };
}

/** A strategy with one fault, always. */
export function faulty(name: string, random: Random): CompactionStrategy {
  const fault = FAULTS[name]!;
  const strategy = spoilt(name, random, () => fault);
  // Nothing is as good as what is there: only what a fault says counts.
  return {
    ...strategy,
    ...(fault.plan === undefined
      ? {}
      : { plan: (s) => fault.plan!(s, soundPlan(s), random) as CompactionPlan }),
    ...(fault.assess === undefined
      ? {}
      : { assess: (s) => fault.assess!(s, soundHealth(s)) as Health }),
    ...(fault.flush === undefined ? {} : { flush: (s) => fault.flush!(s) as never }),
  };
}

/** A task drawn at random: some are legal, most are not. */
function anyTask(snapshot: TreeSnapshot, random: Random): Loose {
  const { runs } = snapshot;
  const pick = <T>(list: readonly T[]): T => list[random.next() % list.length]!;
  const first = random.next() % runs.length;
  const last = Math.min(runs.length - 1, first + (random.next() % 3));
  const share = 1 + (random.next() % 3);
  const inputs = runs
    .slice(first, last + 1)
    .flatMap(({ tables }) => tables)
    .filter(() => random.next() % share === 0)
    .map(({ id }) => id);
  const before = random.next() % 4 === 0 ? null : (runs[last + 1]?.id ?? null);
  const level = pick([runs[last]!.level, runs[last]!.level, random.next() % 9, 1000]);
  const into = { into: pick(runs.slice(first, last + 1)).id };
  return task(snapshot, {
    kind: pick(['merge', 'merge', 'merge', 'move', 'rewrite', 'drop']),
    inputs,
    to: random.next() % 2 === 0 ? into : { newRun: { level, before } },
    shape: {
      tableBytes: pick([1, 8192, 16_384, 1e9]),
      cutNear: pick(runs).id,
      maxOverlapBytes: pick([0, 1, 20_000]),
    },
    score: pick([-1, 0, 1, 1e9]),
  });
}

const RANDOM_TASKS: Fault = {
  outcome: 'harmless',
  plan: (snapshot, sound, random) => {
    if (snapshot.runs.length === 0) return sound;
    const tasks = Array.from({ length: random.next() % 5 }, () => anyTask(snapshot, random));
    return { tasks: [...tasks, ...sound.tasks] };
  },
};

/** A strategy whose answers are garbage now and then, of any kind. */
export function garbage(random: Random): CompactionStrategy {
  const faults = Object.values(FAULTS);
  // Breaches of the contract end a strategy at once: rare, so that what is refused or read over has its time, too.
  const mild = faults.filter(
    ({ outcome, reason }) => outcome === 'harmless' || /A\d/.test(`${reason}`),
  );
  return spoilt('garbage', random, () => {
    const dice = random.next() % 100;
    if (dice < 30) return undefined;
    if (dice < 70) return RANDOM_TASKS;
    const from = dice < 94 ? mild : faults;
    return from[random.next() % from.length];
  });
}
