/** The threads and processes that tests start load TypeScript without Node's own stripper (see strip-types.cjs). */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

const program = `
  import('@lsm/engine').then(({ open }) => {
    const stripper = process.moduleLoadList.filter((name) => name.includes('amaro'));
    console.log(typeof open, require.resolve('@lsm/engine').endsWith('.ts'), stripper.length);
  });`;
const flags = ['--conditions=@lsm/source'];

test('a process loads sources without the stripper', () => {
  const words = [...flags, '--input-type=commonjs', '-e', program];
  const { stdout } = spawnSync(process.execPath, words, { cwd: import.meta.dirname });
  expect(String(stdout).trim()).toBe('function true 0');
});

test('a thread loads sources without the stripper', async () => {
  const worker = new Worker(program, { eval: true, execArgv: flags, stdout: true });
  let text = '';
  worker.stdout.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(worker, 'exit');
  expect(text.trim()).toBe('function true 0');
});
