/**
 * Admission: which tasks the engine lets a strategy run. These rules, and not the strategy, keep data safe.
 *
 * The tree is a list of rows (runs), newest first. A task moves its inputs, each in some row, into one target row p.
 * - A1 the task is well-formed; its inputs exist, each once, and no running task has them.
 * - A2 no-jump: between an input's row and row p no other table overlaps the input, in either direction.
 * - A3 fit: no other table of row p overlaps what will be put there; the target exists, its tag fits its neighbours.
 * - A4 disjoint in flight: the regions of running tasks do not meet. A region is, for each input, its range in the
 *   rows from its own to p, and in row p the hull of all inputs. A flush comes on top and meets nothing.
 * - A5 what is moved is disjoint. A6 what is dropped leaves nothing older behind that it hid, and the tree allows loss;
 *   what range deletes hide from everybody may go without that (D7, covered-tables.ts).
 * - A7 the outputs fit on the disk. A8 (task-ledger.ts) the strategy makes progress.
 *
 * A2 with A4 is what makes re-checking at commit needless: nothing that could matter can have changed.
 */
import type { CompactionTask, Placement, RunId, TableId, TaskId } from '@lsm/core';
import {
  areDisjoint,
  hullOf,
  type KeyRange,
  overlapBounds,
  rangesOverlap,
  totalBytes,
} from './key-range.ts';

/** A table as admission sees it; `TableInfo` and the manifest's metadata have this shape. */
export interface TableView extends KeyRange {
  readonly id: TableId;
  readonly bytes: number;
}

/** A run as admission sees it: tables disjoint and in key order. */
export interface RunView<T extends TableView = TableView> {
  readonly id: RunId;
  readonly level: number;
  readonly tables: readonly T[];
}

/** Name of an admission rule. */
export type AdmissionRule = 'A1' | 'A2' | 'A3' | 'A4' | 'A5' | 'A6' | 'A7' | 'A8';

/** Why a task was not admitted. */
export interface Rejection {
  readonly rule: AdmissionRule;
  /** One sentence for events and tests. */
  readonly message: string;
}

/** A running task as the rules see it; `TaskInfo` has this shape. */
export interface RunningTask {
  readonly id: TaskId;
  readonly kind: CompactionTask['kind'];
  readonly inputs: readonly TableId[];
  readonly target: RunId;
  readonly inputBytes: number;
}

/** What the rules need to know beside the tree. */
export interface AdmissionContext {
  /** Free disk space, bytes; default infinite. */
  readonly freeDiskBytes?: number;
  /** Bytes of disk that merges leave free; default 0. */
  readonly reserveBytes?: number;
  /** Whether `drop` tasks are allowed; default false. */
  readonly lossy?: boolean;
  /** Whether range deletes that stay hide all that a `drop` takes from all readers (covered-tables.ts); default false. */
  readonly hidden?: boolean;
}

/**
 * Switches that turn single rules off, to prove that tests notice. Never turn one off outside of a test.
 *
 * @internal
 */
export interface AdmissionRules {
  /** A1: inputs exist and are named once. */
  readonly inputsExist: boolean;
  /** A1: no running task has them. */
  readonly inputsIdle: boolean;
  /** A2: `off`; or only for inputs that go to an older, or to a newer, row. */
  readonly noJump: 'both' | 'older' | 'newer' | 'off';
  /** A3: `off`; or the inputs' own ranges instead of their hull. */
  readonly fit: 'hull' | 'inputs' | 'off';
  /** A3: tags do not fall from newer to older. */
  readonly tags: boolean;
  /** A4: `off`; or only part of it. */
  readonly inFlight: 'full' | 'hulls' | 'staircases' | 'off';
  readonly disjointMoves: boolean;
  /** A6: a tree has to allow loss. */
  readonly lossAllowed: boolean;
  readonly dropSuffix: boolean;
  /** A7: `off`; or without what running tasks need. */
  readonly disk: 'full' | 'alone' | 'off';
}

/** @internal */
export const ALL_ADMISSION_RULES: AdmissionRules = {
  inputsExist: true,
  inputsIdle: true,
  noJump: 'both',
  fit: 'hull',
  tags: true,
  inFlight: 'full',
  disjointMoves: true,
  lossAllowed: true,
  dropSuffix: true,
  disk: 'full',
};

/** Highest tag: strategies may walk through all levels of a tree that another one left, whatever they are. */
const LEVEL_MAX = 1000;

interface Input {
  readonly table: TableView;
  readonly row: number;
}

interface Located {
  readonly task: CompactionTask;
  /** The tree, with the target in its place even if it is yet to be made. */
  readonly rows: readonly RunView[];
  readonly inputs: readonly Input[];
  readonly ids: ReadonlySet<TableId>;
  readonly target: number;
}

/** A piece of the plane of rows and keys. */
interface Region extends KeyRange {
  readonly first: number;
  readonly last: number;
  readonly isHull: boolean;
}

/**
 * Checks rules A1–A7.
 *
 * @param runs - the tree, newest first, reserved runs included
 * @param running - tasks that were admitted and have not ended
 * @param task - what a strategy asks for; may be anything at all
 * @param rules - test only, see {@link AdmissionRules}
 * @returns `null` if the task may run; else the rule that it breaks
 */
export function admit(
  runs: readonly RunView[],
  running: readonly RunningTask[],
  task: CompactionTask,
  context: AdmissionContext = {},
  rules: AdmissionRules = ALL_ADMISSION_RULES,
): Rejection | null {
  const flaw = malformed(task);
  if (flaw !== null) return { rule: 'A1', message: flaw };
  const located = locate(runs, running, task, rules);
  if ('rule' in located) return located;
  // Nothing of it can be seen, so neither what is older nor what is at work beside it depends on it.
  if (task.kind === 'drop' && context.hidden === true) return null;
  return (
    checkNoJump(located, rules.noJump) ??
    checkFit(located, rules.fit) ??
    (rules.disjointMoves ? checkMove(located) : null) ??
    checkDrop(located, context, rules) ??
    (rules.inFlight === 'off' ? null : checkInFlight(located, running, rules.inFlight)) ??
    checkDisk(located, running, context, rules.disk)
  );
}

/** A1, form: a task comes from anybody's code, and the rules below take its parts for what they should be. */
function malformed(task: CompactionTask): string | null {
  if (typeof task !== 'object' || task === null) return 'The task is not an object.';
  if (!['merge', 'move', 'drop', 'rewrite'].includes(task.kind)) return 'The task has no kind.';
  if (!Array.isArray(task.inputs) || task.inputs.length === 0) return 'The task has no inputs.';
  if (task.kind === 'merge' || task.kind === 'rewrite') {
    const { shape } = task;
    if (typeof shape !== 'object' || shape === null || !(shape.tableBytes > 0)) {
      return 'The task does not say how large its tables shall be.';
    }
  }
  if (task.kind === 'merge' || task.kind === 'move') return malformedPlacement(task.to);
  return null;
}

function malformedPlacement(to: Placement): string | null {
  if (typeof to !== 'object' || to === null) return 'The task has no target.';
  if ('into' in to) return null;
  const level = to.newRun?.level;
  if (!Number.isInteger(level) || level < 0 || level > LEVEL_MAX) {
    return `The level of the new run is not an integer from 0 to ${LEVEL_MAX}.`;
  }
  return null;
}

function locate(
  runs: readonly RunView[],
  running: readonly RunningTask[],
  task: CompactionTask,
  rules: AdmissionRules,
): Located | Rejection {
  const placed = place(runs, task, rules.tags);
  if ('rule' in placed) return placed;
  const ids = new Set(task.inputs);
  if (rules.inputsExist && ids.size !== task.inputs.length) {
    return { rule: 'A1', message: 'A table is named twice.' };
  }
  const busy = running.find((other) => other.inputs.some((id) => ids.has(id)));
  if (rules.inputsIdle && busy !== undefined) {
    return { rule: 'A1', message: `Task ${busy.id} already has one of the inputs.` };
  }
  const inputs = findInputs(placed.rows, ids);
  const missing = ids.size - inputs.length;
  if (inputs.length === 0 || (rules.inputsExist && missing > 0)) {
    return { rule: 'A1', message: `${missing} inputs are not in the tree.` };
  }
  const target = placed.target ?? inputs[0]!.row;
  if (task.kind === 'rewrite' && inputs.some((input) => input.row !== target)) {
    return { rule: 'A3', message: 'A rewrite stays within one run.' };
  }
  return { task, rows: placed.rows, inputs, ids, target };
}

function findInputs(rows: readonly RunView[], ids: ReadonlySet<TableId>): Input[] {
  const inputs: Input[] = [];
  for (let row = 0; row < rows.length; row++) {
    for (const table of rows[row]!.tables) if (ids.has(table.id)) inputs.push({ table, row });
  }
  return inputs;
}

/** The tree with the task's target in it; `target` `null`: the task has none of its own. */
function place(
  runs: readonly RunView[],
  task: CompactionTask,
  checksTags: boolean,
): { readonly rows: readonly RunView[]; readonly target: number | null } | Rejection {
  if (task.kind === 'drop' || task.kind === 'rewrite') return { rows: runs, target: null };
  const to = task.to;
  if ('into' in to) {
    const target = runs.findIndex((run) => run.id === to.into);
    if (target < 0) return { rule: 'A3', message: `There is no run ${to.into}.` };
    return { rows: runs, target };
  }
  const { level, before } = to.newRun;
  const target = before === null ? runs.length : runs.findIndex((run) => run.id === before);
  if (target < 0) return { rule: 'A3', message: `There is no run ${before} to stand before.` };
  const newer = runs[target - 1];
  const older = runs[target];
  const isTooHigh = newer !== undefined && newer.level > level;
  const isTooLow = older !== undefined && older.level < level;
  if (checksTags && (isTooHigh || isTooLow)) {
    return { rule: 'A3', message: `A run of level ${level} does not fit between its neighbours.` };
  }
  return { rows: runs.toSpliced(target, 0, { id: -1, level, tables: [] }), target };
}

/** The first table of a row that overlaps a range and is no input. */
function unselected(
  row: RunView,
  range: KeyRange,
  ids: ReadonlySet<TableId>,
): TableView | undefined {
  const [start, end] = overlapBounds(row.tables, range);
  for (let i = start; i < end; i++) {
    if (!ids.has(row.tables[i]!.id)) return row.tables[i];
  }
  return undefined;
}

/** A2: else old data would come to stand before new data, or new data behind old, and a read stops at the first it finds. */
function checkNoJump(
  { task, rows, inputs, ids, target }: Located,
  direction: AdmissionRules['noJump'],
): Rejection | null {
  if (task.kind === 'drop' || direction === 'off') return null;
  for (const { table, row } of inputs) {
    if (direction !== 'both' && (direction === 'older') !== row < target) continue;
    const first = Math.min(row, target) + 1;
    const last = Math.max(row, target) - 1;
    for (let between = first; between <= last; between++) {
      const passed = unselected(rows[between]!, table, ids);
      if (passed !== undefined) {
        return { rule: 'A2', message: `Table ${table.id} would jump over table ${passed.id}.` };
      }
    }
  }
  return null;
}

/** A3: outputs may fill the gaps between inputs, and a run must stay disjoint: a read looks into one table of it. */
function checkFit(
  { task, rows, inputs, ids, target }: Located,
  by: AdmissionRules['fit'],
): Rejection | null {
  if (task.kind === 'drop' || by === 'off') return null;
  const tables = inputs.map((input) => input.table);
  const ranges = task.kind === 'move' || by === 'inputs' ? tables : [hullOf(tables)];
  for (const range of ranges) {
    const hit = unselected(rows[target]!, range, ids);
    if (hit !== undefined) {
      return { rule: 'A3', message: `Table ${hit.id} of the target would overlap the outputs.` };
    }
  }
  return null;
}

/** A5: a move merges nothing, so that what overlaps would overlap within one run. */
function checkMove({ task, inputs, target }: Located): Rejection | null {
  if (task.kind !== 'move') return null;
  if (!areDisjoint(inputs.map((input) => input.table))) {
    return { rule: 'A5', message: 'Tables that overlap each other would be moved into one run.' };
  }
  if (inputs.some((input) => input.row === target)) {
    return { rule: 'A5', message: 'A table would be moved to where it is.' };
  }
  return null;
}

/** A6: older versions of what is dropped would come back. */
function checkDrop(
  { task, rows, inputs, ids }: Located,
  context: AdmissionContext,
  rules: AdmissionRules,
): Rejection | null {
  if (task.kind !== 'drop') return null;
  if (rules.lossAllowed && context.lossy !== true)
    return { rule: 'A6', message: 'This tree does not allow loss.' };
  if (!rules.dropSuffix) return null;
  for (const { table, row } of inputs) {
    for (let older = row + 1; older < rows.length; older++) {
      const left = unselected(rows[older]!, table, ids);
      if (left !== undefined) {
        return {
          rule: 'A6',
          message: `Table ${left.id} is older than table ${table.id} and stays.`,
        };
      }
    }
  }
  return null;
}

/** A4: otherwise A2 or A3, true now, might be false when the task ends. */
function checkInFlight(
  located: Located,
  running: readonly RunningTask[],
  part: 'full' | 'hulls' | 'staircases',
): Rejection | null {
  const { task, rows, inputs, target } = located;
  const mine = regionsOf(rows, task.kind, inputs, target);
  const wanted = (region: Region): boolean =>
    part === 'full' || region.isHull === (part === 'hulls');
  for (const other of running) {
    const theirs = regionsOf(
      rows,
      other.kind,
      findInputs(rows, new Set(other.inputs)),
      rows.findIndex((run) => run.id === other.target),
    );
    for (const a of mine.filter(wanted)) {
      for (const b of theirs.filter(wanted)) {
        if (a.first <= b.last && b.first <= a.last && rangesOverlap(a, b)) {
          return { rule: 'A4', message: `Task ${other.id} is at work in the same place.` };
        }
      }
    }
  }
  return null;
}

function regionsOf(
  rows: readonly RunView[],
  kind: CompactionTask['kind'],
  inputs: readonly Input[],
  target: number,
): Region[] {
  const last = rows.length - 1;
  const regions = inputs.map(({ table, row }): Region => {
    const { minKey, maxKey } = table;
    const end = kind === 'drop' ? last : target;
    return { minKey, maxKey, first: Math.min(row, end), last: Math.max(row, end), isHull: false };
  });
  if (kind === 'merge' || kind === 'rewrite') {
    const hull = hullOf(inputs.map((input) => input.table));
    regions.push({ ...hull, first: target, last: target, isHull: true });
  }
  return regions;
}

/** A7: outputs are written before inputs are deleted. */
function checkDisk(
  { task, inputs }: Located,
  running: readonly RunningTask[],
  context: AdmissionContext,
  counts: AdmissionRules['disk'],
): Rejection | null {
  if (counts === 'off' || (task.kind !== 'merge' && task.kind !== 'rewrite')) return null;
  let needed = totalBytes(inputs.map((input) => input.table)) + (context.reserveBytes ?? 0);
  for (const other of counts === 'full' ? running : []) {
    if (other.kind === 'merge' || other.kind === 'rewrite') needed += other.inputBytes;
  }
  const free = context.freeDiskBytes ?? Number.POSITIVE_INFINITY;
  if (needed <= free) return null;
  return { rule: 'A7', message: `The task needs ${needed} bytes of disk and ${free} are free.` };
}
