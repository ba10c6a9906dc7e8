import { defineConfig } from 'vitest/config';

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
