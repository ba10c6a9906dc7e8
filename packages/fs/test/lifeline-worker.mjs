// A worker that says where its lifeline is and then ends in the way it is told, or hangs.
import { workerData } from 'node:worker_threads';
import { openLifeline } from '@lsm/fs';

const { words, end } = workerData;
const { descriptor, mark } = openLifeline();
words[1] = descriptor;
words[2] = mark;
Atomics.store(words, 0, 1);
Atomics.notify(words, 0);
// Stands for a long call of the system: no JavaScript runs meanwhile.
Atomics.wait(words, 3, 0, end === 'hang' ? 60_000 : 50);
if (end === 'throw') throw new Error('on purpose');
if (end === 'exit') process.exit(1);
const held = [];
if (end === 'heap limit') for (;;) held.push(Array.from({ length: 1e5 }, () => ({})));
if (end === 'terminate') for (;;);
