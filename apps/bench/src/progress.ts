/**
 * The display while a bench runs: what is under way, its rate, and when all will be done. On a terminal one line that
 * changes; elsewhere a line per run, so that logs stay short. Everything goes to standard error.
 */
import { progress as progressBar } from '@clack/prompts';
import { formatCount, formatSeconds } from './report/format.ts';
import type { RunProgress } from './run/phase-runner.ts';

/** What the bench tells its display. */
export interface Display {
  /** `runs` will follow. */
  begin(runs: number): void;
  runBegins(title: string): void;
  phaseBegins(phase: string, operations: number, progress: RunProgress): void;
  runEnds(seconds: number): void;
  /** A message that stays. */
  note(message: string): void;
  end(): void;
}

const REFRESH_MS = 250;

/** The display for this terminal. */
export function createDisplay(quiet: boolean): Display {
  if (quiet) return quietDisplay();
  return process.stderr.isTTY ? new TerminalDisplay() : lineDisplay();
}

function nothing(): void {}

function writeLine(text: string): void {
  process.stderr.write(`${text}\n`);
}

function quietDisplay(): Display {
  return {
    begin: nothing,
    runBegins: nothing,
    phaseBegins: nothing,
    runEnds: nothing,
    note: writeLine,
    end: nothing,
  };
}

function lineDisplay(): Display {
  const estimate = new Estimate();
  let title = '';
  return {
    begin: (runs) => estimate.begin(runs),
    runBegins: (next) => {
      title = next;
    },
    phaseBegins: nothing,
    runEnds: (seconds) => {
      estimate.runEnds();
      writeLine(`${estimate.place()} ${title}: ${formatSeconds(seconds)}, ${estimate.rest()}`);
    },
    note: writeLine,
    end: nothing,
  };
}

class TerminalDisplay implements Display {
  readonly #estimate = new Estimate();
  #bar: ReturnType<typeof progressBar> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #title = '';

  begin(runs: number): void {
    this.#estimate.begin(runs);
    this.#bar = progressBar({ max: runs, size: 20, output: process.stderr });
    this.#bar.start('starting');
  }

  runBegins(title: string): void {
    this.#title = title;
  }

  phaseBegins(phase: string, operations: number, progress: RunProgress): void {
    this.#stop();
    const start = performance.now();
    const first = progress.operations;
    this.#timer = setInterval(() => {
      const done = progress.operations - first;
      const rate = (done / (performance.now() - start)) * 1000;
      const share = Math.min(100, Math.round((done / operations) * 100));
      this.#bar?.message(
        `${this.#title} · ${phase} ${share} % · ${formatCount(rate)}/s · ${this.#estimate.rest()}`,
      );
    }, REFRESH_MS);
    this.#timer.unref();
  }

  runEnds(): void {
    this.#stop();
    this.#estimate.runEnds();
    this.#bar?.advance(1, `${this.#title} · ${this.#estimate.rest()}`);
  }

  note(message: string): void {
    process.stderr.write(`\n${message}\n`);
  }

  end(): void {
    this.#stop();
    this.#bar?.stop('measured');
    this.#bar = null;
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Time left by the mean of the runs so far. */
class Estimate {
  #runs = 0;
  #done = 0;
  #start = 0;

  begin(runs: number): void {
    this.#runs = runs;
    this.#done = 0;
    this.#start = performance.now();
  }

  runEnds(): void {
    this.#done++;
  }

  place(): string {
    return `[${this.#done}/${this.#runs}]`;
  }

  rest(): string {
    if (this.#done === 0) return 'time left unknown yet';
    const each = (performance.now() - this.#start) / 1000 / this.#done;
    return `${formatSeconds(each * (this.#runs - this.#done))} left`;
  }
}
