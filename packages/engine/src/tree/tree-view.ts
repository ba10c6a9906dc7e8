/** An immutable version of the tree together with the open files behind it; readers hold one while they need it. */
import type { Run, Version } from '@lsm/manifest';
import { RunView } from './run-view.ts';
import type { TableFile } from './table-file.ts';

/** What reads go through: the runs, newest first. */
export class TreeView {
  readonly version: Version;
  /** The version's runs that hold tables, newest first. */
  readonly shown: readonly Run[];
  /** The same, for reads. */
  readonly runs: readonly RunView[];
  #references = 1;

  /**
   * @param files - every table of the version by id; each is retained
   * @param before - the view that this one replaces: runs that both have are seen through the same eyes
   */
  constructor(version: Version, files: ReadonlyMap<number, TableFile>, before?: TreeView) {
    this.version = version;
    const known = new Map<Run, RunView>();
    for (const [i, run] of (before?.shown ?? []).entries()) known.set(run, before!.runs[i]!);
    this.shown = version.runs.filter((run) => run.tables.length > 0);
    this.runs = this.shown.map(
      (run) =>
        known.get(run) ??
        new RunView(
          run.id,
          run.level,
          run.tables.map((table) => files.get(table.id)!),
        ),
    );
    for (const run of this.runs) for (const file of run.files) file.retain();
  }

  /** Holds the view. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** Lets go; the last one lets go of the files. */
  release(): void {
    this.#references--;
    if (this.#references > 0) return;
    for (const run of this.runs) for (const file of run.files) file.release();
  }
}
