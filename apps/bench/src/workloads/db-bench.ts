/**
 * Workloads named after those of LevelDB's db_bench. Those that read load the data first, in random order, and let
 * the store settle, so that tables and not memory are read.
 */
import { uniformChooser } from '../distributions.ts';
import { permutation } from '../random.ts';
import { loadPhase } from './load.ts';
import { Steps } from './steps.ts';
import type { Phase, Workload, WorkloadContext } from './workload.ts';

const SEEK_ENTRIES = 10;
const BATCH_ENTRIES = 1000;
/** readhot reads this share of the keys. */
const HOT_SHARE = 0.01;
const SEEKS_SHARE = 0.1;

type MakePhase = (context: WorkloadContext, steps: Steps) => Phase;

/** The workloads, by name. */
export const dbBench: readonly Workload[] = [
  fresh('fillseq', 'puts in key order', (context, steps) => {
    const order = context.data.sorted();
    return writes(context, 'fillseq', 'put in key order', (i) => steps.put(order[i]!));
  }),
  fresh('fillrandom', 'puts in random order', (context, steps) => {
    const order = permutation(context.data.count, context.draws);
    return writes(context, 'fillrandom', 'put', (i) => steps.put(order[i]!));
  }),
  fresh('fillawait', 'puts in random order, each awaited', (context, steps) => {
    const order = permutation(context.data.count, context.draws);
    return {
      ...writes(context, 'fillawait', 'await put', (i) => steps.put(order[i]!)),
      calls: 'await put',
      inFlight: 1,
    };
  }),
  fresh('fillbatch', `batches of ${BATCH_ENTRIES} in random order`, (context, steps) => {
    const order = permutation(context.data.count, context.draws);
    return {
      name: 'fillbatch',
      operations: Math.ceil(context.data.count / BATCH_ENTRIES),
      calls: `await batch of ${BATCH_ENTRIES}`,
      settle: true,
      countsEntries: true,
      step: (i) => steps.batch(order, i * BATCH_ENTRIES, BATCH_ENTRIES),
    };
  }),
  loaded('overwrite', 'puts of keys that exist', (context, steps) =>
    writes(context, 'overwrite', 'put', () => steps.put(anyIndex(context))),
  ),
  loaded('deleterandom', 'deletes in random order', (context, steps) => {
    const order = permutation(context.data.count, context.draws);
    return writes(context, 'deleterandom', 'del', (i) => steps.remove(order[i]!));
  }),
  loaded('readrandom', 'lookups of keys that exist', (context, steps) =>
    reads(context, steps, 'readrandom', () => steps.get(anyIndex(context))),
  ),
  loaded('readmissing', 'lookups of keys that do not exist', (context, steps) => ({
    ...reads(context, steps, 'readmissing', () => steps.miss(anyIndex(context))),
    touches: 'filters',
  })),
  loaded('readhot', 'lookups among 1 % of the keys', (context, steps) => {
    const hot = uniformChooser(
      Math.max(1, Math.floor(context.data.count * HOT_SHARE)),
      context.draws,
    );
    const order = permutation(context.data.count, context.draws);
    return reads(context, steps, 'readhot', () => steps.get(order[hot.next()]!));
  }),
  loaded('seekrandom', `seeks, each with ${SEEK_ENTRIES} entries`, (context, steps) => ({
    ...scans('seekrandom', Math.ceil(context.sizes.operations * SEEKS_SHARE), () =>
      steps.scanFrom(anyIndex(context), SEEK_ENTRIES),
    ),
    calls: `entries({gte, limit: ${SEEK_ENTRIES}})`,
  })),
  loaded('scan', 'one scan over everything, forward', (_, steps) =>
    scans('scan', 1, () => steps.scanAll(false)),
  ),
  loaded('scanreverse', 'one scan over everything, backward', (_, steps) =>
    scans('scanreverse', 1, () => steps.scanAll(true)),
  ),
  loaded('readwhilewriting', 'lookups while another loop overwrites', readWhileWriting),
];

function anyIndex({ data, draws }: WorkloadContext): number {
  return draws.below(data.count);
}

function fresh(name: string, title: string, make: MakePhase): Workload {
  return { name, title, phases: (context) => [make(context, new Steps(context))] };
}

function loaded(name: string, title: string, make: MakePhase): Workload {
  return {
    name,
    title,
    phases: (context) => {
      const steps = new Steps(context);
      return [loadPhase(context, steps), make(context, steps)];
    },
  };
}

function writes(context: WorkloadContext, name: string, call: string, step: Phase['step']): Phase {
  const { inFlight } = context.sizes;
  return {
    name,
    operations: context.data.count,
    calls: `${call}, ${inFlight} in flight`,
    inFlight,
    settle: true,
    step,
  };
}

function reads({ sizes }: WorkloadContext, steps: Steps, name: string, step: Phase['step']): Phase {
  return { name, operations: sizes.operations, calls: steps.readCall, touches: 'tables', step };
}

function scans(name: string, operations: number, step: Phase['step']): Phase {
  return {
    name,
    operations,
    calls: 'entries()',
    touches: 'tables',
    countsEntries: true,
    step,
  };
}

/** The writer yields the thread after each put, so that it takes turns with the reads. */
function readWhileWriting(context: WorkloadContext, steps: Steps): Phase {
  // A put that waits for back-pressure is not readable yet, so its key is not asked for until it is acknowledged.
  const writer = { pending: -1, stopped: false };
  const writeUntilStopped = async (): Promise<void> => {
    while (!writer.stopped) {
      writer.pending = anyIndex(context);
      await steps.put(writer.pending);
      writer.pending = -1;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  };
  const readableIndex = (): number => {
    const index = anyIndex(context);
    return index === writer.pending ? (index + 1) % context.data.count : index;
  };
  return {
    ...reads(context, steps, 'readwhilewriting', () => steps.get(readableIndex())),
    calls: `${steps.readCall}, beside a loop of await put`,
    touches: 'mixed',
    background: () => {
      const ended = writeUntilStopped();
      return () => {
        writer.stopped = true;
        return ended;
      };
    },
  };
}
