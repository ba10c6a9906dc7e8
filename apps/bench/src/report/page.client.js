/**
 * The script of the report page: draws the charts that stand as JSON in the page with uPlot, in the colours of the
 * style sheet, again when the colour scheme changes. Runs in the browser; no imports, no network.
 */
/* eslint-disable unicorn/consistent-function-scoping -- one closed script: nothing may leak into the page */
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent);
  let drawn = [];

  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim() || '#888';
  const seriesColor = (index) => color(`--series-${(index % 8) + 1}`);
  const axisLook = () => ({
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1 },
  });

  const short = (value) => {
    if (value === null || value === undefined) return '–';
    const size = Math.abs(value);
    if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
    if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)} K`;
    return String(+value.toPrecision(3));
  };

  /** Each category is a group of places, one per variant and one left empty. */
  function barData(chart) {
    const width = chart.series.length + 1;
    const places = chart.categories.length * width;
    const xs = Array.from({ length: places }, (_, i) => i);
    const spread = (values, index) => {
      const column = Array.from({ length: places }, () => null);
      values.forEach((value, i) => {
        column[i * width + index] = value;
      });
      return column;
    };
    return { width, xs, columns: chart.series.map((one, i) => spread(one.median, i)) };
  }

  /** A line from the least to the most of the repeats, over each bar. */
  function drawWhiskers(u, chart, width, floor) {
    u.ctx.save();
    u.ctx.strokeStyle = color('--text');
    u.ctx.lineWidth = devicePixelRatio;
    chart.series.forEach((one, index) => {
      one.low.forEach((low, i) => {
        if (low === null || low === one.high[i]) return;
        const x = u.valToPos(i * width + index, 'x', true);
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.valToPos(Math.max(low, floor), 'y', true));
        u.ctx.lineTo(x, u.valToPos(Math.max(one.high[i], floor), 'y', true));
        u.ctx.stroke();
      });
    });
    u.ctx.restore();
  }

  function drawBars(chart, element) {
    const { width, xs, columns } = barData(chart);
    const values = chart.series.flatMap((one) => [...one.low, ...one.high]).filter((v) => v > 0);
    const most = Math.max(...values, Number.MIN_VALUE);
    const least = Math.min(...values, most);
    const floor = chart.logarithmic ? 10 ** Math.floor(Math.log10(least)) / 2 : 0;
    const middle = (chart.series.length - 1) / 2;
    const whiskers = (u) => drawWhiskers(u, chart, width, floor);
    return new uPlot(
      {
        title: `${chart.title} (${chart.unit}${chart.logarithmic ? ', logarithmic' : ''})`,
        width: element.clientWidth,
        height: 300,
        scales: {
          x: { time: false, range: [-1, xs.length - 1] },
          y: {
            distr: chart.logarithmic ? 3 : 1,
            range: [floor, chart.logarithmic ? most * 1.5 : Math.max(most * 1.1, 1e-9)],
          },
        },
        cursor: { drag: { x: false, y: false } },
        axes: [
          {
            ...axisLook(),
            grid: { show: false },
            splits: () => chart.categories.map((_, i) => i * width + middle),
            values: () => chart.categories,
            size: 90,
            rotate: -25,
          },
          {
            ...axisLook(),
            ...(chart.logarithmic ? { ticks: { show: false } } : {}),
            size: 70,
            values: (_, splits) => splits.map((split) => (split === null ? '' : short(split))),
          },
        ],
        series: [
          { label: 'phase', value: (_, x) => chart.categories[Math.floor(x / width)] ?? '–' },
          ...chart.series.map((one, index) => ({
            label: one.name,
            fill: seriesColor(index),
            stroke: seriesColor(index),
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars({ size: [0.9, 80] }),
            fillTo: floor,
            value: (u, _value, _series, i) =>
              i === null ? '–' : short(one.median[Math.floor(i / width)]),
          })),
        ],
        hooks: { draw: [whiskers] },
      },
      [xs, ...columns],
      element,
    );
  }

  function drawTime(chart, element) {
    const band = (u, from, to, fill) => {
      const left = u.valToPos(from, 'x', true);
      const right = u.valToPos(to, 'x', true);
      u.ctx.fillStyle = fill;
      u.ctx.fillRect(left, u.bbox.top, Math.max(devicePixelRatio, right - left), u.bbox.height);
    };
    const background = (u) => {
      u.ctx.save();
      chart.phases.forEach((phase, i) => {
        if (i % 2 === 0) band(u, phase.from, phase.to, color('--band'));
      });
      for (const stall of chart.stalls) band(u, stall.from, stall.to, color('--stall'));
      u.ctx.restore();
    };
    const names = (u) => {
      u.ctx.save();
      u.ctx.fillStyle = color('--muted');
      u.ctx.font = `${10 * devicePixelRatio}px sans-serif`;
      for (const phase of chart.phases) {
        const left = u.valToPos(phase.from, 'x', true);
        const room = u.valToPos(phase.to, 'x', true) - left;
        if (u.ctx.measureText(phase.name).width < room) {
          u.ctx.fillText(phase.name, left + 3, u.bbox.top + 12 * devicePixelRatio);
        }
      }
      u.ctx.restore();
    };
    return new uPlot(
      {
        title: chart.title,
        width: element.clientWidth,
        height: 190,
        scales: {
          x: { time: false, range: [0, chart.secondsMax] },
          y: { range: [0, chart.valueMax * 1.1] },
        },
        axes: [
          { ...axisLook(), values: (_, splits) => splits.map((s) => `${+s.toFixed(2)} s`) },
          { ...axisLook(), size: 70, values: (_, splits) => splits.map(short) },
        ],
        series: [
          { label: 'time', value: (_, x) => (x === null ? '–' : `${x.toFixed(2)} s`) },
          {
            label: chart.unit,
            stroke: seriesColor(chart.color),
            width: 1.5,
            spanGaps: false,
            value: (_, value) => short(value),
          },
        ],
        hooks: { drawClear: [background], draw: [names] },
      },
      [chart.seconds, chart.values],
      element,
    );
  }

  function drawAll() {
    for (const plot of drawn) plot.destroy();
    drawn = charts.map((chart) => {
      const element = document.getElementById(chart.id);
      return chart.kind === 'bars' ? drawBars(chart, element) : drawTime(chart, element);
    });
  }

  document.getElementById('scheme').addEventListener('click', () => {
    const root = document.documentElement;
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const now = root.dataset.scheme ?? (dark ? 'dark' : 'light');
    root.dataset.scheme = now === 'dark' ? 'light' : 'dark';
    drawAll();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  let resizing = 0;
  addEventListener('resize', () => {
    clearTimeout(resizing);
    resizing = setTimeout(drawAll, 150);
  });
  drawAll();
})();
