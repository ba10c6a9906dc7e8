/** A list of 32-bit words that grows by doubling: how the builders collect hashes without an object for each key. */

const FIRST_CAPACITY = 64;

/** Words in order of {@link WordList.push}. */
export class WordList {
  /** The words; those from {@link length} on are zero. Replaced when the list grows. */
  words: Int32Array = new Int32Array(FIRST_CAPACITY);
  /** Words pushed so far. */
  length = 0;

  /** Appends one word. */
  push(word: number): void {
    if (this.length === this.words.length) this.#grow();
    this.words[this.length++] = word;
  }

  #grow(): void {
    const grown = new Int32Array(this.words.length * 2);
    grown.set(this.words);
    this.words = grown;
  }
}
