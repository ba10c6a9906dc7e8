/**
 * What a strategy pays where: amplification of writes against that of reads and of space, in the plane. A variant that
 * lies nearer to the origin on both axes is better; those that no other beats on both are the choices there are.
 */
import type { AmplificationResult, ExperimentResult } from '../results.ts';
import type { ScatterChart } from './charts.ts';

const AXES: readonly {
  readonly suffix: string;
  readonly title: string;
  readonly label: string;
  readonly read: (amplification: AmplificationResult) => number | null;
}[] = [
  {
    suffix: 'read',
    title: 'Writes against reads',
    label: 'blocks from files per lookup',
    read: (amplification) => amplification.readBlocksPerLookup,
  },
  {
    suffix: 'runs',
    title: 'Writes against runs',
    label: 'runs asked per lookup',
    read: (amplification) => amplification.runsPerLookup,
  },
  {
    suffix: 'space',
    title: 'Writes against space',
    label: 'space amplification',
    read: (amplification) => amplification.space,
  },
];

/** The trade-offs of one workload; none where amplification was not counted, or there is nothing to compare. */
export function tradeOffCharts(
  { variants, runs }: ExperimentResult,
  workload: string,
  id: string,
): ScatterChart[] {
  return AXES.flatMap(({ suffix, title, label, read }): ScatterChart[] => {
    const series = variants.map(({ name }) => ({
      name,
      points: runs
        .filter((run) => run.workload === workload && run.variant === name)
        .flatMap(({ amplification }) => {
          const y = amplification === null ? null : read(amplification);
          return amplification === null || y === null ? [] : [{ x: amplification.write, y }];
        }),
    }));
    if (series.filter(({ points }) => points.length > 0).length < 2) return [];
    return [
      {
        kind: 'scatter',
        id: `${id}-trade-off-${suffix}`,
        title,
        xLabel: 'write amplification',
        yLabel: label,
        series,
      },
    ];
  });
}
