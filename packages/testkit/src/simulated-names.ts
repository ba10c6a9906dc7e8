/**
 * The names of a simulated file system: which exist now, which surely exist after a crash, and the changes between.
 *
 * A change (make, link, rename, unlink) belongs to the directory that holds the name, a rename between directories to
 * both, and is atomic. Syncing a directory makes its changes durable; the directory's own name is a change of its
 * parent. Changes that were not synced survive a crash each for itself.
 */
import { parentPath } from '@lsm/fs';
import type { SimulatedFile } from './simulated-file.ts';

/** What a name leads to; `null`: a directory. */
export type SimulatedNode = SimulatedFile | null;

/** A change of names. */
export interface NameChange {
  readonly kind: 'make' | 'link' | 'rename' | 'unlink';
  /** The name; for a rename the old one. */
  readonly path: string;
  /** For a rename the new name, else empty. */
  readonly target: string;
  readonly node: SimulatedNode;
}

/** Names and nodes; keys are normalized paths. */
export type NameMap = ReadonlyMap<string, SimulatedNode>;

/** The key of the directory that holds a normalized path. */
export function directoryOf(path: string): string {
  const parent = parentPath(path);
  return parent === '.' ? '' : parent;
}

/** The present, the durable and the pending names. */
export class SimulatedNames {
  readonly #current: Map<string, SimulatedNode>;
  #durable: NameMap;
  #pending: readonly NameChange[] = [];

  /** @param names - first names, all durable */
  constructor(names: NameMap = new Map()) {
    this.#current = new Map(names);
    this.#current.set('/', null);
    this.#current.set('', null);
    this.#durable = new Map(this.#current);
  }

  /** What exists now. */
  get current(): NameMap {
    return this.#current;
  }

  /** What surely survives a crash; never changed in place. */
  get durable(): NameMap {
    return this.#durable;
  }

  /** Changes since, oldest first; never changed in place. */
  get pending(): readonly NameChange[] {
    return this.#pending;
  }

  /** Makes a change now, durable later. */
  change(change: NameChange): void {
    applyChange(this.#current, change);
    this.#pending = [...this.#pending, change];
  }

  /** Makes the pending changes of one directory (`null`: of all) durable. */
  sync(directory: string | null): void {
    const rest: NameChange[] = [];
    const durable = new Map(this.#durable);
    for (const change of this.#pending) {
      const mine =
        directory === null ||
        directoryOf(change.path) === directory ||
        (change.kind === 'rename' && directoryOf(change.target) === directory);
      if (mine) applyChange(durable, change);
      else rest.push(change);
    }
    this.#durable = durable;
    this.#pending = rest;
  }
}

/** Applies a change to names that may lack the changes before it. */
export function applyChange(names: Map<string, SimulatedNode>, change: NameChange): void {
  const present = names.has(change.path) && names.get(change.path) === change.node;
  switch (change.kind) {
    case 'make':
    case 'link':
      names.set(change.path, change.node);
      break;
    case 'rename':
      if (present) names.delete(change.path);
      names.set(change.target, change.node);
      if (change.node === null) moveMembers(names, change.path, change.target);
      break;
    case 'unlink':
      if (present) names.delete(change.path);
      break;
  }
}

/** What a renamed directory holds goes with it. */
function moveMembers(names: Map<string, SimulatedNode>, from: string, to: string): void {
  const prefix = `${from}/`;
  for (const [path, node] of [...names]) {
    if (!path.startsWith(prefix)) continue;
    names.delete(path);
    names.set(`${to}/${path.slice(prefix.length)}`, node);
  }
}
