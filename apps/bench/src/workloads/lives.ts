/**
 * Lives that a database may lead, each of which a compaction strategy may take well or badly: keys overwritten evenly or
 * with favourites, a queue, entries that are kept for a time, lookups with few writes, scans.
 *
 * All but `queue` and `expiring` load the data in random order first. These two need data whose indexes are in the order
 * of their keys and which has room for more entries: generated data.
 */
import type { DataSet } from '../data/data-set.ts';
import { scatteredZipfianChooser } from '../distributions.ts';
import { UsageError } from '../usage-error.ts';
import { loadPhase } from './load.ts';
import { type StepResult, Steps } from './steps.ts';
import type { Phase, Workload, WorkloadContext } from './workload.ts';

const SHORT_SCAN_ENTRIES = 10;
const LONG_SCAN_ENTRIES = 1000;
/** `read-mostly`: shares of lookups of keys that exist, and of those that don't; the rest overwrites. */
const HIT_SHARE = 0.5;
const MISS_SHARE = 0.45;
/** `expiring`: what has expired is deleted so many times while all entries change once. */
const EXPIRIES = 60;

/** How long `expiring` keeps an entry, ms: as many as are loaded, one being written each ms. */
export function retentionMs(data: Pick<DataSet, 'count'>): number {
  return data.count;
}

/** The workloads, by name. */
export const lifeWorkloads: readonly Workload[] = [
  {
    name: 'uniform',
    title: 'overwrites, every key equally often',
    phases: (context) => {
      const { data, draws } = context;
      return overwriting(context, 'uniform', () => draws.below(data.count));
    },
  },
  {
    name: 'zipfian',
    title: 'overwrites, some keys far more often than others',
    phases: (context) => {
      const chooser = scatteredZipfianChooser(context.data.count, context.draws);
      return overwriting(context, 'zipfian', () => chooser.next());
    },
  },
  { name: 'queue', title: 'a queue: put at the end, get and delete at the front', phases: queue },
  {
    name: 'expiring',
    title: 'entries in the order of time, kept for a while',
    phases: expiring,
  },
  {
    name: 'read-mostly',
    title: '50 % lookups of keys that exist, 45 % of keys that do not, 5 % overwrites',
    phases: readMostly,
  },
  {
    name: 'scans',
    title: `scans of ${SHORT_SCAN_ENTRIES} and ${LONG_SCAN_ENTRIES}`,
    phases: scans,
  },
];

function overwriting(context: WorkloadContext, name: string, choose: () => number): Phase[] {
  const { sizes } = context;
  const steps = new Steps(context);
  return [
    loadPhase(context, steps),
    {
      name: 'overwrite',
      operations: sizes.operations,
      calls: `put (${name}), ${sizes.inFlight} in flight`,
      inFlight: sizes.inFlight,
      settle: true,
      goesOn: true,
      step: () => steps.put(choose()),
    },
  ];
}

/** Puts in key order up to the loaded entries: the backlog of the queue, or the first entries kept. */
function loadInOrder({ data, sizes }: WorkloadContext, step: Phase['step']): Phase {
  return {
    name: 'load',
    operations: data.count,
    calls: `put in key order, ${sizes.inFlight} in flight`,
    inFlight: sizes.inFlight,
    settle: true,
    prepares: true,
    step,
  };
}

/** How many entries may be added to those that are loaded; at least one. */
function roomOf({ data, sizes }: WorkloadContext, name: string): number {
  const room = Math.min(sizes.operations, data.capacity - data.count);
  if (room > 0 && data.name === 'generated') return room;
  throw new UsageError(`The workload "${name}" needs generated data (--data=generated).`);
}

/** The item that a step of the queue is about. */
function front(step: number): number {
  return Math.floor(step / 3);
}

function queue(context: WorkloadContext): Phase[] {
  const steps = new Steps(context);
  const items = Math.ceil(roomOf(context, 'queue') / 2);
  return [
    loadInOrder(context, (i) => steps.put(i)),
    {
      name: 'pass through',
      operations: 3 * items,
      calls: `await put, ${steps.readCall}, await del`,
      touches: 'mixed',
      settle: true,
      step: (i) => {
        if (i % 3 === 0) return steps.put(context.data.count + front(i));
        return i % 3 === 1 ? steps.get(front(i)) : steps.remove(front(i));
      },
    },
  ];
}

/** One entry a millisecond. What is too old is forgotten by the store, or deleted by a range delete now and then. */
function expiring(context: WorkloadContext): Phase[] {
  const { store, data, model } = context;
  const steps = new Steps(context);
  const operations = roomOf(context, 'expiring');
  const expireEvery = Math.max(1, Math.floor(data.count / EXPIRIES));
  const arrive = (index: number): StepResult => {
    store.advance?.(1);
    return steps.put(index);
  };
  const append = (i: number): StepResult => {
    if (store.expires === true) model.expire(i);
    else if (i % expireEvery === expireEvery - 1) return deleteThenPut(i);
    return arrive(data.count + i);
  };
  const deleteThenPut = async (i: number): Promise<'put'> => {
    await steps.removeSpan(i + 1 - expireEvery, i + 1);
    await arrive(data.count + i);
    return 'put';
  };
  return [
    loadInOrder(context, arrive),
    {
      name: 'append',
      operations,
      calls: `put in key order; range deletes, or the store drops by age`,
      settle: true,
      step: append,
    },
  ];
}

function readMostly(context: WorkloadContext): Phase[] {
  const { data, draws, sizes } = context;
  const steps = new Steps(context);
  return [
    loadPhase(context, steps),
    {
      name: 'read mostly',
      operations: Math.ceil(sizes.operations / 2),
      calls: `${steps.readCall} 95 %, await put 5 %`,
      touches: 'mixed',
      settle: true,
      goesOn: true,
      step: () => {
        const share = draws.fraction();
        const index = draws.below(data.count);
        if (share < HIT_SHARE) return steps.get(index);
        return share < HIT_SHARE + MISS_SHARE ? steps.miss(index) : steps.put(index);
      },
    },
  ];
}

function scans(context: WorkloadContext): Phase[] {
  const { data, draws, sizes } = context;
  const steps = new Steps(context);
  const scanning = (name: string, limit: number, share: number): Phase => ({
    name,
    operations: Math.max(5, Math.ceil(sizes.operations * share)),
    calls: `entries({gte, limit: ${limit}})`,
    touches: 'tables',
    countsEntries: true,
    step: () => steps.scanFrom(draws.below(data.count), limit),
  });
  return [
    loadPhase(context, steps),
    {
      name: 'update',
      operations: Math.ceil(sizes.operations / 4),
      calls: `put (uniform), ${sizes.inFlight} in flight`,
      inFlight: sizes.inFlight,
      settle: true,
      step: () => steps.put(draws.below(data.count)),
    },
    scanning('short scans', SHORT_SCAN_ENTRIES, 0.02),
    scanning('long scans', LONG_SCAN_ENTRIES, 0.0005),
  ];
}
