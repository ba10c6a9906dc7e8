/** The committed modules are what the compiler makes of assembly/ today. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('generating the modules again changes nothing', { timeout: 60_000 }, () => {
  const script = fileURLToPath(new URL('../build-wasm.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});
