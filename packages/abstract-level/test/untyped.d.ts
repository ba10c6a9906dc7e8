/** Two packages without types, as far as the suite's run needs them. */

declare module 'tape' {
  interface Harness {
    (name: string, run: (t: unknown) => unknown): void;
    createStream(options: { objectMode: true }): NodeJS.ReadableStream;
    onFinish(listener: () => void): void;
  }
  const tape: { createHarness(): Harness };
  export default tape;
}

declare module 'abstract-level/test/index.js' {
  const suite: (options: { test: unknown; factory: (options?: object) => unknown }) => void;
  export default suite;
}
