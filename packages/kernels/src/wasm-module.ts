/**
 * The compiled kernels: two modules (an imported memory's kind is part of a module's type), each compiled at most
 * once per process, on first use; an instance per memory.
 */
import { SHARED_KERNELS } from './generated/shared-kernels.ts';
import { UNSHARED_KERNELS } from './generated/unshared-kernels.ts';
import type { KernelFunctions } from './kernel-functions.ts';

let sharedModule: WebAssembly.Module | undefined;
let unsharedModule: WebAssembly.Module | undefined;

/** Whether this platform runs the compiled kernels; false also where it knows no SIMD. */
export function wasmAvailable(): boolean {
  if (typeof WebAssembly !== 'object') return false;
  unsharedModule ??= compile(UNSHARED_KERNELS);
  return unsharedModule !== undefined;
}

/** Whether memories can be shared between threads here. */
export function sharingAvailable(): boolean {
  if (typeof SharedArrayBuffer !== 'function') return false;
  sharedModule ??= compile(SHARED_KERNELS);
  return sharedModule !== undefined;
}

/** An instance of the kernels over `memory`; call only if the platform has them. */
export function wasmFunctions(memory: WebAssembly.Memory, shared: boolean): KernelFunctions {
  const module = shared
    ? (sharedModule ??= compile(SHARED_KERNELS))
    : (unsharedModule ??= compile(UNSHARED_KERNELS));
  const instance = new WebAssembly.Instance(module as WebAssembly.Module, { env: { memory } });
  return instance.exports as unknown as KernelFunctions;
}

function compile(text: string): WebAssembly.Module | undefined {
  const characters = atob(text);
  const binary = new Uint8Array(characters.length);
  for (let i = 0; i < binary.length; i++) binary[i] = characters.charCodeAt(i);
  try {
    return new WebAssembly.Module(binary);
  } catch {
    // A platform without SIMD or bulk memory: the twins take over.
    return undefined;
  }
}
