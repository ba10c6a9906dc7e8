/** What a database promises beside its content: checkpoints, the strategy, and damage that a clean close makes known. */
import { isLsmError } from '@lsm/core';
import { joinPath } from '@lsm/fs';
import { readManifest } from '@lsm/manifest';
import {
  formatEntries,
  ModelDatabase,
  type ModelWrite,
  type SimulatedFileSystem,
} from '@lsm/testkit';
import { DIRECTORY, openSimulated, type SimulationOptions } from './simulated-database.ts';

/** What a script notes of it. `done` false: it is about to happen. */
export type PromiseFact =
  | { readonly checkpoint: string; readonly done: boolean }
  | { readonly strategy: string; readonly done: boolean }
  | { readonly closed: true };

type AnyFact = PromiseFact | { readonly writes: readonly ModelWrite[] } | object;

/**
 * Checks what was promised.
 *
 * @param original - stays as it is
 * @throws if it does not hold
 */
export async function expectPromises(
  original: SimulatedFileSystem,
  notes: readonly AnyFact[],
  options: SimulationOptions,
): Promise<void> {
  if (!notes.some((fact) => 'checkpoint' in fact || 'strategy' in fact || 'closed' in fact)) return;
  const image = original.fork();
  await expectCheckpoint(image, notes, options);
  expectStrategy(image, notes);
  if ('closed' in (notes.at(-1) ?? {})) await expectDamageNoticed(image, options);
}

/** A checkpoint is whole or has no name, and once acknowledged it has one. */
async function expectCheckpoint(
  image: SimulatedFileSystem,
  notes: readonly AnyFact[],
  options: SimulationOptions,
): Promise<void> {
  const model = new ModelDatabase();
  let target = '';
  let commit = 0;
  let isDone = false;
  for (const fact of notes) {
    if ('writes' in fact) model.commit(fact.writes);
    if (!('checkpoint' in fact)) continue;
    if (!fact.done) commit = model.commits;
    target = fact.checkpoint;
    isDone = fact.done;
  }
  if (target === '') return;
  if (image.statSync(target) === null) {
    if (isDone) throw new Error('The checkpoint is gone');
    return;
  }
  const copy = await openSimulated(image, options, target);
  const found = formatEntries([...copy.db.entries()]);
  const wanted = formatEntries(model.entries({}, commit));
  if (found !== wanted) throw new Error(`The checkpoint holds ${found} instead of ${wanted}`);
  await copy.run(copy.db.verify());
  await copy.close();
}

/** The strategy is the last acknowledged one, or one that was asked for later. */
function expectStrategy(image: SimulatedFileSystem, notes: readonly AnyFact[]): void {
  let legal: string[] = [];
  let isKnown = false;
  for (const fact of notes) {
    if (!('strategy' in fact)) continue;
    if (fact.done) legal = [];
    if (fact.done) isKnown = true;
    legal.push(fact.strategy);
  }
  if (!isKnown) return;
  const { name } = readManifest(image, DIRECTORY).state.strategy!;
  if (!legal.includes(name)) throw new Error(`The strategy is ${name} instead of ${legal.join()}`);
}

/** After a clean close, damage to the end of the log is told from a torn write. */
async function expectDamageNoticed(
  image: SimulatedFileSystem,
  options: SimulationOptions,
): Promise<void> {
  const { logEnd, replayFrom } = readManifest(image, DIRECTORY).state;
  if (logEnd === null) throw new Error('The clean close is not recorded');
  if (logEnd.number < replayFrom.number) return;
  const path = joinPath(DIRECTORY, `${String(logEnd.number).padStart(6, '0')}.log`);
  image.flip(path, logEnd.end - 1, 0x10);
  try {
    const database = await openSimulated(image, options);
    await database.close();
  } catch (error) {
    if (isLsmError(error, 'LSM_CORRUPTION')) return;
    throw error;
  }
  throw new Error('Damage to the end of a log that was closed cleanly is not noticed');
}
