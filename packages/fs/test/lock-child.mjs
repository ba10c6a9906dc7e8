// A process that locks a directory: node lock-child.mjs <mode> <directory> <kind> [number]

import cluster from 'node:cluster';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { lockDirectory } from '@lsm/fs';

const [mode, directory, kind, number] = process.argv.slice(2);
const modes = { hold, block, contend, exit: exitHolding, cluster: runCluster };
await modes[mode]();

/** Holds the lock until it is killed or its input ends. */
async function hold() {
  process.stdout.write(`${await outcome()}\n`);
  process.stdin.resume();
}

/** Holds the lock and never comes back to its event loop. */
async function block() {
  process.stdout.write(`${await outcome()}\n`);
  setTimeout(() => {
    for (;;) {}
  }, 1);
}

/** Ends without giving the lock back; the lock must not keep the process alive. */
async function exitHolding() {
  process.stdout.write(`${await outcome()}\n`);
}

/** Takes and gives back the lock many times; the file `owner` proves that it is alone. Sometimes kills itself. */
async function contend() {
  let owned = 0;
  for (let round = 0; round < Number(number); round++) {
    let lock;
    try {
      lock = await lockDirectory(directory, { kind });
    } catch (error) {
      if (error.code !== 'LSM_LOCKED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 3));
      continue;
    }
    owned++;
    proveAlone();
    // Dies holding the lock, but not the file: whoever finds the file has met a living owner.
    if (Math.random() < 1 / Number(number)) process.kill(process.pid, 'SIGKILL');
    lock.release();
  }
  process.stdout.write(`owned ${owned}\n`);
}

function proveAlone() {
  const path = `${directory}/owner`;
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    process.stdout.write(`two owners: ${process.pid} met ${readFileSync(path, 'utf8')}\n`);
    process.exit(3);
  }
  unlinkSync(path);
}

/** Two cluster workers lock the same directory; prints what each met. */
async function runCluster() {
  if (cluster.isWorker) {
    process.send(await outcome());
    return;
  }
  const outcomes = [];
  for (let i = 0; i < 2; i++) {
    cluster.fork().on('message', (message) => {
      outcomes.push(message);
      if (outcomes.length < 2) return;
      process.stdout.write(`${outcomes.toSorted((a, b) => (a < b ? -1 : 1)).join(' ')}\n`);
      process.exit();
    });
  }
}

async function outcome() {
  try {
    const lock = await lockDirectory(directory, { kind });
    return `locked:${lock.kind}`;
  } catch (error) {
    return error.code;
  }
}
