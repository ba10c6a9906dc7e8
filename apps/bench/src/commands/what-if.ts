/** `what-if`: a trace over strategies in the simulator, as a table and as JSON. */
import { writeFileSync } from 'node:fs';
import { whatIf } from '@lsm/engine';
import { COSTS_LEGEND, renderCosts } from '../lab/costs-table.ts';
import { assumptionsOf, describeTrace, readTrace, strategiesOf } from '../lab/trace-file.ts';

/** Prints what each strategy would have cost. */
export function whatIfCommand(
  path: string,
  flags: Record<string, unknown>,
  print: (text: string) => void,
): void {
  const trace = readTrace(path);
  print(describeTrace(trace));
  const assumptions = assumptionsOf(flags);
  const rows = whatIf(trace, strategiesOf(flags), assumptions);
  print(renderCosts(rows));
  print(COSTS_LEGEND);
  if (flags['json'] !== undefined) {
    const { header, totals } = trace;
    const json = JSON.stringify({ format: 1, header, totals, assumptions, rows }, null, 2);
    writeFileSync(String(flags['json']), `${json}\n`);
  }
}
