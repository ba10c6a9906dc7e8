/** `advise`: which strategy suits a trace, in words, with the figures behind them. */
import { writeFileSync } from 'node:fs';
import { type AdviseOptions, advise } from '@lsm/engine';
import { COSTS_LEGEND, renderCosts } from '../lab/costs-table.ts';
import { assumptionsOf, describeTrace, readTrace, strategiesOf } from '../lab/trace-file.ts';

/** Prints ranking, reasons and what to give to `setCompaction`. */
export function adviseCommand(
  path: string,
  flags: Record<string, unknown>,
  print: (text: string) => void,
): void {
  const trace = readTrace(path);
  print(describeTrace(trace));
  const candidates = strategiesOf(flags);
  const weights = flags['weights'] as AdviseOptions['weights'];
  const advice = advise(trace, {
    ...assumptionsOf(flags),
    threshold: flags['threshold'] as number,
    ...(candidates === undefined ? {} : { candidates }),
    ...(weights === undefined ? {} : { weights }),
  });
  print(renderCosts(advice.ranking));
  print(COSTS_LEGEND);
  const { write, read, space } = advice.weights;
  const parts = [write, read, space].map((weight) => Number(weight.toFixed(2)));
  print(`Score: 1 is best in everything; weights of writes, reads, space ${parts.join(', ')}.\n`);
  for (const { name, reasons } of advice.ranking) {
    if (reasons.length > 0) print(`${name}: ${reasons.join('; ')}.`);
  }
  for (const { name, why } of advice.dropped) print(`${name}: left out, ${why}.`);
  print(`\n${advice.summary}`);
  if (advice.recommendation !== null) {
    print(`setCompaction(${JSON.stringify(advice.recommendation.setting)})`);
  }
  if (flags['json'] !== undefined) {
    writeFileSync(String(flags['json']), `${JSON.stringify({ format: 1, ...advice }, null, 2)}\n`);
  }
}
