/** What a switch must not exceed. */
import type { ChainResult, SwitchStep } from './switch-chain.ts';

/** How far a forecast may be off, as a share of what it forecasts; and as a share of the live data, for small ones. */
const FORECAST_ERROR_MAX = 0.3;
const FORECAST_SLACK = 0.05;
/** p99.9 of writes during a switch ÷ before. */
const LATENCY_RATIO_MAX = 3;

/** Bytes that the switch cost, counted: with it, less without it. */
export function costOf({ writtenWith, writtenWithout }: SwitchStep): number {
  return writtenWith - writtenWithout;
}

/** How far the forecast was off, bytes: above 0 if it said too much. */
export function errorOf(step: SwitchStep): number {
  return step.plan.extraWrittenBytes - costOf(step);
}

/** p99.9 of writes during the switch ÷ before. */
export function latencyRatioOf({ before, during }: SwitchStep): number {
  return during.call.p999Us / before.call.p999Us;
}

/** The bounds that a switch broke, in words; `latency` off leaves time out, for runs too short to tell. */
export function brokenBounds(step: SwitchStep, latency: boolean): readonly string[] {
  const { plan, liveBytes, largestTaskBytes } = step;
  const broken: string[] = [];
  const allowed = Math.max(FORECAST_ERROR_MAX * Math.abs(costOf(step)), FORECAST_SLACK * liveBytes);
  if (!plan.next.isComplete || !plan.current.isComplete) broken.push('forecast without end');
  if (Math.abs(errorOf(step)) > allowed) broken.push('forecast');
  if (largestTaskBytes > plan.maxTaskBytes) broken.push('task size');
  if (latency && latencyRatioOf(step) > LATENCY_RATIO_MAX) broken.push('p99.9');
  return broken;
}

/** All that is wrong with a chain, one line each. */
export function complaintsOf(result: ChainResult, latency: boolean): readonly string[] {
  const lines = result.steps.flatMap((step) =>
    brokenBounds(step, latency).map((bound) => `${step.from} → ${step.to}: ${bound}`),
  );
  return [...lines, ...result.troubles];
}
