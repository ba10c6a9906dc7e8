/** The oracle of a cursor: a list that does not change, and a position in it. */
import { compareBytes } from '@lsm/core';
import type { CursorUnderTest } from './database-under-test.ts';
import type { ModelEntry } from './model-database.ts';
import type { CallForm } from './operations.ts';

/** A position in the entries that a range had when the cursor was made. */
export class ModelCursor {
  readonly #entries: readonly ModelEntry[];
  readonly #reverse: boolean;
  #position = 0;

  /**
   * @param entries - ascending, handed over
   * @param reverse - whether to go through them from the end
   */
  constructor(entries: readonly ModelEntry[], reverse: boolean) {
    this.#entries = reverse ? entries.toReversed() : entries;
    this.#reverse = reverse;
  }

  /** The next entry, or `undefined` at the end. */
  next(): ModelEntry | undefined {
    const entry = this.#entries[this.#position];
    if (entry !== undefined) this.#position++;
    return entry;
  }

  /** Moves before the first entry at or beyond `key` in the cursor's direction. */
  seek(key: Uint8Array): void {
    const index = this.#entries.findIndex(([other]) => {
      const order = compareBytes(other, key);
      return this.#reverse ? order <= 0 : order >= 0;
    });
    this.#position = index < 0 ? this.#entries.length : index;
  }
}

/**
 * Takes entries from both and compares them.
 *
 * @returns a line for the transcript
 * @throws if they differ
 */
export async function compareModelCursor(
  cursor: CursorUnderTest,
  expected: ModelCursor,
  { count, form }: { readonly count: number; readonly form: CallForm },
): Promise<string> {
  const found = await take(cursor, count, form);
  const wanted: ModelEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry = expected.next();
    if (entry !== undefined) wanted.push(entry);
  }
  const text = found.map(format).join(' ');
  const wantedText = wanted.map(format).join(' ');
  if (text !== wantedText) throw new Error(`cursor gave [${text}], expected [${wantedText}]`);
  return text;
}

/** An even count is taken entry by entry, an odd one as a batch. */
async function take(cursor: CursorUnderTest, count: number, form: CallForm): Promise<ModelEntry[]> {
  if (count % 2 === 1) {
    return form === 'sync' ? cursor.nextBatchSync(count) : cursor.nextBatch(count);
  }
  const entries: ModelEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry = form === 'sync' ? cursor.nextSync() : await cursor.next();
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

function format([key, value]: ModelEntry): string {
  return `${key.join('.')}=${value.length}:${value.join('.').slice(0, 40)}`;
}
