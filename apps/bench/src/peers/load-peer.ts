/** Loads a peer's package from the folder apps/bench/peers, where `bench:peers` installs them. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../usage-error.ts';

const folder = new URL('../../peers/', import.meta.url);

/** Where peers are resolved from. */
export const peersFile: string = fileURLToPath(new URL('package.json', folder));

/** Whether a package is there. */
export function peerInstalled(name: string): boolean {
  return existsSync(new URL(`node_modules/${name}/package.json`, folder));
}

/**
 * Loads a package.
 *
 * @throws UsageError saying how to install it
 */
export function loadPeer(name: string): unknown {
  if (!peerInstalled(name)) {
    throw new UsageError(
      `${name} is not installed; run: npm install --ignore-scripts --prefix apps/bench/peers`,
    );
  }
  return createRequire(peersFile)(name);
}
