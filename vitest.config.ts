import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Inherited by the processes that run the tests, and by the threads and processes which these start.
const stripTypes: string = fileURLToPath(new URL('tooling/strip-types.cjs', import.meta.url));
const flags: string = `--no-strip-types --require=${JSON.stringify(stripTypes)}`;
process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} ${flags}`.trim();

// "@lsm/source" makes every workspace package resolve to its TypeScript source: no build is needed to test.
// Vitest reads the two lists separately (in-process modules and modules that it would load from node_modules).
const conditions = ['@lsm/source', 'node', 'module', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'tooling/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/long/**'],
    // Generated histories take seconds on a busy machine; a test that hangs still ends.
    testTimeout: 30_000,
    coverage: { include: ['packages/*/src/**'] },
  },
});
