/** An immutable version of the tree together with the open files behind it; readers hold one while they need it. */
import type { Version } from '@lsm/manifest';
import { RunView } from './run-view.ts';
import type { TableFile } from './table-file.ts';

/** What reads go through: the runs, newest first. */
export class TreeView {
  readonly version: Version;
  /** Runs that hold tables, newest first. */
  readonly runs: readonly RunView[];
  #references = 1;

  /** @param files - every table of the version by id; each is retained */
  constructor(version: Version, files: ReadonlyMap<number, TableFile>) {
    this.version = version;
    const runs: RunView[] = [];
    for (const run of version.runs) {
      if (run.tables.length === 0) continue;
      const members = run.tables.map((table) => files.get(table.id)!);
      for (const file of members) file.retain();
      runs.push(new RunView(run.id, run.level, members));
    }
    this.runs = runs;
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
