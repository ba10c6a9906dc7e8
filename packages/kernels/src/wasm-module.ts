/**
 * The compiled kernels: two modules (an imported memory's kind is part of a module's type), each compiled at most
 * once per process, on first use; an instance per memory.
 */
import { SHARED_KERNELS } from './generated/shared-kernels.ts';
import { UNSHARED_KERNELS } from './generated/unshared-kernels.ts';
import type { KernelFunctions } from './kernel-functions.ts';

/** By kind of memory: unshared, shared. `null`: this platform can't. */
const modules: (WebAssembly.Module | null | undefined)[] = [undefined, undefined];

/** Whether this platform has threads' shared memory at all. */
export const SHARING: boolean = typeof SharedArrayBuffer === 'function';

/** Whether this platform runs the compiled kernels; false also where it knows no SIMD. */
export function wasmAvailable(shared: boolean): boolean {
  return typeof WebAssembly === 'object' && moduleFor(shared) !== null;
}

/** An instance of the kernels over `memory`; call only if they are available for its kind. */
export function wasmFunctions(memory: WebAssembly.Memory, shared: boolean): KernelFunctions {
  const module = moduleFor(shared) as WebAssembly.Module;
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return instance.exports as unknown as KernelFunctions;
}

function moduleFor(shared: boolean): WebAssembly.Module | null {
  const index = shared ? 1 : 0;
  let module = modules[index];
  if (module === undefined) {
    module = compile(shared ? SHARED_KERNELS : UNSHARED_KERNELS);
    modules[index] = module;
  }
  return module;
}

function compile(text: string): WebAssembly.Module | null {
  const characters = atob(text);
  const binary = new Uint8Array(characters.length);
  for (let i = 0; i < binary.length; i++) binary[i] = characters.charCodeAt(i);
  try {
    return new WebAssembly.Module(binary);
  } catch {
    // A platform without SIMD or bulk memory: the twins take over.
    return null;
  }
}
