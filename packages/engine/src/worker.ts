/** Entry of the worker thread; everything that it does is in worker-loop.ts. */
import { workerData } from 'node:worker_threads';
import type { WorkerStart } from './jobs/worker-executor.ts';
import { serveJobs } from './jobs/worker-loop.ts';

serveJobs(workerData as WorkerStart);
