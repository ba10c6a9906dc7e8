/** Which run of the operating system this is; so that a log can tell "no power was lost" from "unknown". */
import { readFileSync } from 'node:fs';

let known: string | undefined;

/** A string that changes with every boot of the machine; empty if the system does not tell (only Linux does). */
export function bootId(): string {
  known ??= readBootId();
  return known;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
