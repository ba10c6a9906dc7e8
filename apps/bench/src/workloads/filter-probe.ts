/**
 * For comparing filter settings on equal trees: the data is written in slices, each flushed and compacted before the
 * next, so that timing has no say in the tree's shape; then keys are looked up that don't exist but lie among those
 * that do, and keys that exist. The engine counts what its filters answered.
 *
 * 63 equal slices leave three runs on each of three tiers of a tiered tree of ratio 4: many filters to ask.
 */
import type { DataSet } from '../data/data-set.ts';
import { permutation } from '../random.ts';
import { Steps } from './steps.ts';
import type { OperationKind, Phase, Workload, WorkloadContext } from './workload.ts';

const LOAD_SLICES = 42;
const UPDATE_SLICES = 21;

/** Entries written by the workload: each once, every second one twice. */
export function filterEntries(data: DataSet): number {
  return data.count + Math.ceil(data.count / 2);
}

/** Bytes of the largest slice, about; a memtable has to hold it. */
export function filterSliceBytes(data: DataSet): number {
  let bytes = 0;
  for (let i = 0; i < data.count; i++) bytes += data.entryBytes(i, 2) + ENTRY_OVERHEAD_BYTES;
  return Math.ceil(bytes / LOAD_SLICES);
}

/** Of a record and its place in the memtable's index. */
const ENTRY_OVERHEAD_BYTES = 64;

/** See the head of the file. */
export const filterWorkload: Workload = {
  name: 'filters',
  title: 'write in slices, look up missing and present keys',
  phases: (context) => {
    const { data, draws, sizes } = context;
    const steps = new Steps(context);
    const order = permutation(data.count, draws);
    const updates = permutation(data.count, draws).subarray(0, Math.ceil(data.count / 2));
    return [
      slicePhase(context, steps, 'load', order, LOAD_SLICES),
      slicePhase(context, steps, 'update', updates, UPDATE_SLICES),
      {
        name: 'lookup missing',
        operations: sizes.operations,
        calls: `${steps.readCall} (uniform)`,
        touches: 'filters',
        step: () => steps.miss(draws.below(data.count)),
      },
      {
        name: 'lookup',
        operations: sizes.operations,
        calls: `${steps.readCall} (uniform)`,
        touches: 'tables',
        step: () => steps.get(draws.below(data.count)),
      },
    ];
  },
};

function slicePhase(
  { store }: WorkloadContext,
  steps: Steps,
  name: string,
  order: Uint32Array,
  slices: number,
): Phase {
  const length = Math.ceil(order.length / slices);
  return {
    name,
    operations: slices,
    calls: `await batch of ${length}, flush, idle`,
    countsEntries: true,
    step: async (slice): Promise<OperationKind> => {
      await steps.batch(order, slice * length, length);
      await store.flush();
      await store.idle();
      return 'batch';
    },
  };
}
