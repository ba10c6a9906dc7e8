/** The loop of the worker thread: takes jobs, works in slices, looks for urgent ones in between. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { LsmError } from '@lsm/core';
import { nodeFileSystem, openLifeline, systemClock, systemRandom } from '@lsm/fs';
import { encodeError } from './executor.ts';
import { JobQueue } from './job-queue.ts';
import {
  BEATS,
  LIFELINE,
  REPLIES,
  type WorkerReply,
  type WorkerRequest,
  type WorkerStart,
} from './worker-executor.ts';

const SLICE_MS = 8;

/** Serves jobs from a port until told to close. */
export function serveJobs(start: WorkerStart): void {
  const { port, signal, fileSystem } = start;
  if (fileSystem !== 'node') {
    throw new LsmError('LSM_INTERNAL', `A worker cannot open the file system "${fileSystem}".`);
  }
  const lifeline = openLifeline();
  if (lifeline !== null) {
    Atomics.store(signal, LIFELINE + 1, lifeline.mark);
    Atomics.store(signal, LIFELINE, lifeline.descriptor + 1);
  }
  Atomics.add(signal, BEATS, 1);
  const clock = systemClock();
  const reply = (message: WorkerReply): void => {
    port.postMessage(message);
    Atomics.add(signal, REPLIES, 1);
    Atomics.notify(signal, REPLIES);
  };
  const queue = new JobQueue(
    { fileSystem: nodeFileSystem(), clock, random: systemRandom() },
    clock,
    (id, end) => {
      if ('result' in end) reply({ id, result: end.result });
      else reply({ id, error: encodeError(end.error) });
    },
  );
  const state = { closed: false };
  const accept = (request: WorkerRequest): void => {
    if ('close' in request) state.closed = true;
    else queue.add(request.id, request.job);
  };
  const work = (): void => {
    while (!queue.idle && !state.closed) {
      queue.runSlice(SLICE_MS, () => state.closed);
      Atomics.add(signal, BEATS, 1);
      drain(port, accept);
    }
    if (state.closed) {
      queue.abandon();
      port.close();
    }
  };
  port.on('message', (request: WorkerRequest) => {
    accept(request);
    work();
  });
}

function drain(port: MessagePort, accept: (request: WorkerRequest) => void): void {
  for (;;) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    accept(received.message as WorkerRequest);
  }
}
