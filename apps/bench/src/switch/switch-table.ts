/** A chain of switches as a table for the terminal. */
import Table from 'cli-table3';
import { digits, formatBytes, formatMicroseconds, formatSeconds } from '../report/format.ts';
import { brokenBounds, costOf, errorOf, latencyRatioOf } from './bounds.ts';
import type { SwitchStep } from './switch-chain.ts';

/** One line on a switch, for while the chain goes on. */
export function switchLine(step: SwitchStep): string {
  const { from, to, plan, liveBytes, during, operations } = step;
  const share = (bytes: number): string => digits(bytes / liveBytes);
  return [
    `${from} → ${to}:`,
    `${share(costOf(step))} of the data rewritten (forecast ${share(plan.extraWrittenBytes)}),`,
    `under load for ${formatSeconds(during.ms / 1000)} (forecast ${formatSeconds(plan.next.writesEndMs / 1000)}),`,
    `${operations} writes, p99.9 × ${digits(latencyRatioOf(step))}`,
  ].join(' ');
}

/** The table of all switches. `style` is off for files. */
export function renderSwitches(steps: readonly SwitchStep[], style = true): string {
  const table = new Table({
    head: [
      'switch',
      'rewritten, forecast',
      'counted',
      'off by, of it',
      'of the data',
      'largest task ÷ limit',
      'forecast',
      'under load for',
      'forecast',
      'p99.9 before',
      'during',
      '×',
      'from due time ×',
      'held back',
      '',
    ],
    colAligns: ['left', ...Array.from({ length: 13 }, () => 'right' as const), 'left'],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: style ? { head: ['bold'], border: ['grey'] } : { head: [], border: [] },
  });
  for (const step of steps) {
    const { plan, liveBytes, before, during } = step;
    const cost = costOf(step);
    const error = errorOf(step);
    table.push([
      `${step.from} → ${step.to}`,
      signedBytes(plan.extraWrittenBytes),
      signedBytes(cost),
      cost === 0 ? '–' : percent(error / Math.abs(cost)),
      percent(error / liveBytes),
      digits(step.largestTaskBytes / plan.maxTaskBytes),
      digits(plan.next.largestTaskBytes / plan.maxTaskBytes),
      formatSeconds(during.ms / 1000),
      formatSeconds(plan.next.writesEndMs / 1000),
      formatMicroseconds(before.call.p999Us),
      formatMicroseconds(during.call.p999Us),
      digits(latencyRatioOf(step)),
      digits(during.response.p999Us / before.response.p999Us),
      formatSeconds((step.stallMs + step.slowdownMs) / 1000),
      brokenBounds(step, true).join(', '),
    ]);
  }
  return table.toString();
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function signedBytes(bytes: number): string {
  return `${bytes < 0 ? '−' : ''}${formatBytes(Math.abs(bytes))}`;
}
