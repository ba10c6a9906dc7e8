// Compiles assembly/*.ts to WebAssembly and writes the modules as base64 text to src/generated/.
//
//   node build-wasm.mjs           writes the files
//   node build-wasm.mjs --check   writes nothing; exit code 1 if a file isn't what would be written
//
// Two modules from the same source, because an imported memory's kind (shared or not) is part of a module's type.
// The text is committed: installation builds nothing, and the same compiler gives the same bytes.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FLAVOURS = [
  { name: 'SHARED_KERNELS', file: 'shared-kernels.ts', flags: ['--sharedMemory'] },
  { name: 'UNSHARED_KERNELS', file: 'unshared-kernels.ts', flags: [] },
];

const root = fileURLToPath(new URL('.', import.meta.url));
const check = process.argv.includes('--check');

/** The module's bytes. */
async function compile(flags) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      '--outFile',
      'kernels.wasm',
      '--importMemory',
      '--noExportMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      '65536',
      '--enable',
      'threads,simd,bulk-memory',
      '--runtime',
      'stub',
      '-O3',
      '--noAssert',
      '--converge',
      ...flags,
    ],
    {
      readFile: (name, base) => {
        try {
          return readFileSync(new URL(name, `file://${fileBase(base)}`), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null) throw new Error(`${stderr.toString()}\n${error.message}`);
  return binary;
}

/** The folder that the compiler resolves names against, with a slash at its end. */
function fileBase(base) {
  return base === '.' || base === undefined
    ? root
    : base.startsWith('/')
      ? `${base}/`
      : `${root}${base}/`;
}

/** A TypeScript file that exports the bytes as text in lines of at most 96 columns. */
function source(name, binary) {
  const text = Buffer.from(binary).toString('base64');
  const lines = text.match(/.{1,90}/g).map((line) => `  '${line}'`);
  return [
    '// Generated from assembly/ by build-wasm.mjs: do not edit.',
    `/** The kernels' module (${binary.length} bytes of WebAssembly), as base64. */`,
    `export const ${name}: string =`,
    `${lines.join(' +\n')};`,
    '',
  ].join('\n');
}

let stale = false;
mkdirSync(`${root}src/generated`, { recursive: true });
for (const { name, file, flags } of FLAVOURS) {
  const path = `${root}src/generated/${file}`;
  const text = source(name, await compile(flags));
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch {
    // Not there yet: it is stale.
  }
  if (present === text) continue;
  stale = true;
  if (!check) writeFileSync(path, text);
  process.stdout.write(`${check ? 'stale' : 'written'}: src/generated/${file}\n`);
}
if (check && stale) process.exitCode = 1;
