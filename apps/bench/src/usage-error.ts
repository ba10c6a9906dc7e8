/** A mistake in the flags, the config file or the input: shown as one message, exit code 2. */

/** See the head of the file. */
export class UsageError extends Error {
  /** @param message - what is wrong and what would be right */
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
