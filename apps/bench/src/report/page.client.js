/**
 * The script of the report page: draws the charts that stand as JSON in the page with uPlot, in the colours of the
 * style sheet, again when the colour scheme changes. Runs in the browser; no imports, no network.
 */
/* eslint-disable unicorn/consistent-function-scoping -- one closed script: nothing may leak into the page */
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent);
  let drawn = [];
  /** Pixels beside a plot, the same for all, so that charts below each other line up; as in page.css. */
  const LEFT = 76;
  const RIGHT = 16;

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

  /** A latency with the unit that fits. */
  const duration = (us) => {
    if (us >= 1e6) return `${short(us / 1e6)} s`;
    return us >= 1e3 ? `${short(us / 1e3)} ms` : `${short(us)} µs`;
  };

  /** Of the places on a logarithmic axis the powers of ten, all others make a grey wall; 2 and 5 where that is few. */
  const powers = (_, splits) => {
    const keep = (steps) =>
      splits.map((split) => {
        const step = split / 10 ** Math.floor(Math.log10(split) + 1e-9);
        return steps.some((one) => Math.abs(step - one) < 1e-6) ? split : null;
      });
    const tens = keep([1]);
    return tens.filter((split) => split !== null).length < 3 ? keep([1, 2, 5]) : tens;
  };
  const logarithmicLook = () => {
    const look = axisLook();
    return {
      ...look,
      filter: powers,
      grid: { ...look.grid, filter: powers },
      ticks: { show: false },
    };
  };
  const labelled = (format) => (_, splits) =>
    splits.map((split) => (split === null ? '' : format(split)));

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
    const longest = Math.max(...chart.categories.map((name) => name.length));
    // 6.5 px is a wide guess of a letter, 90 px what stands beside the plot.
    const crowded = longest * 6.5 > (element.clientWidth - 90) / chart.categories.length;
    const format = chart.unit === 'µs' ? duration : short;
    const whiskers = (u) => drawWhiskers(u, chart, width, floor);
    return new uPlot(
      {
        title: `${chart.title} (${chart.logarithmic ? 'logarithmic' : chart.unit})`,
        width: element.clientWidth,
        height: 250 + (crowded ? longest * 3 : 0),
        padding: [null, RIGHT, 0, 0],
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
            ticks: { show: false },
            size: crowded ? 30 + longest * 3 : 34,
            rotate: crowded ? 28 : 0,
          },
          {
            ...(chart.logarithmic ? logarithmicLook() : axisLook()),
            size: LEFT,
            values: labelled(format),
          },
        ],
        series: [
          {
            label: ' ',
            value: (_, x) => (x === null ? '' : chart.categories[Math.floor(x / width)]),
          },
          ...chart.series.map((one, index) => ({
            label: one.name,
            fill: seriesColor(index),
            stroke: seriesColor(index),
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars({ size: [0.9, 80] }),
            fillTo: floor,
            value: (u, _value, _series, i) =>
              i === null ? '' : format(one.median[Math.floor(i / width)]),
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
      // The axes leave their own alignment behind.
      u.ctx.textAlign = 'left';
      u.ctx.textBaseline = 'alphabetic';
      let free = 0;
      for (const phase of chart.phases) {
        const left = Math.max(free, u.valToPos(phase.from, 'x', true) + 3 * devicePixelRatio);
        const right = left + u.ctx.measureText(phase.name).width;
        if (right > u.valToPos(phase.to, 'x', true)) continue;
        u.ctx.fillText(phase.name, left, u.bbox.top + 12 * devicePixelRatio);
        free = right + 6 * devicePixelRatio;
      }
      u.ctx.restore();
    };
    return new uPlot(
      {
        title: chart.title,
        width: element.clientWidth,
        height: 190,
        padding: [null, RIGHT, null, 0],
        scales: {
          x: { time: false, range: [0, chart.secondsMax] },
          y: { range: [0, chart.valueMax * 1.1] },
        },
        axes: [
          { ...axisLook(), values: (_, splits) => splits.map((s) => `${+s.toFixed(2)} s`) },
          { ...axisLook(), size: LEFT, values: (_, splits) => splits.map(short) },
        ],
        series: [
          { label: ' ', value: (_, x) => (x === null ? '' : `${x.toFixed(2)} s`) },
          {
            label: chart.unit,
            stroke: seriesColor(chart.color),
            width: 1.5,
            spanGaps: false,
            value: (_, value) => (value === null || value === undefined ? '' : short(value)),
          },
        ],
        hooks: { drawClear: [background], draw: [names] },
      },
      [chart.seconds, chart.values],
      element,
    );
  }

  function drawScatter(chart, element) {
    const all = chart.series
      .flatMap(({ points }, series) => points.map(({ x, y }) => ({ x, y, series })))
      .sort((a, b) => a.x - b.x);
    const end = (name) => Math.max(...all.map((point) => point[name])) * 1.2 || 1;
    const axis = (label) => ({ ...axisLook(), label, labelSize: 22, values: labelled(short) });
    return new uPlot(
      {
        title: chart.title,
        width: element.clientWidth,
        height: 280,
        padding: [null, RIGHT, 0, 0],
        scales: { x: { time: false, range: [0, end('x')] }, y: { range: [0, end('y')] } },
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        axes: [axis(chart.xLabel), { ...axis(chart.yLabel), size: 48 }],
        series: [
          {},
          ...chart.series.map((one, index) => ({
            label: one.name,
            stroke: seriesColor(index),
            paths: () => null,
            // Rings of several sizes, so that equal points are seen all.
            points: {
              show: true,
              size: 7 + 4 * index,
              width: 2,
              stroke: seriesColor(index),
              fill: 'transparent',
            },
          })),
        ],
      },
      [
        all.map(({ x }) => x),
        ...chart.series.map((_, index) =>
          all.map(({ y, series }) => (series === index ? y : null)),
        ),
      ],
      element,
    );
  }

  function drawTail(chart, element) {
    const percent = (share) => `${+(share * 100).toPrecision(3)} %`;
    return new uPlot(
      {
        title: chart.title,
        width: element.clientWidth,
        height: 230,
        padding: [null, RIGHT, 0, 0],
        scales: {
          x: { time: false, distr: 3, range: [chart.usMin / 1.3, chart.usMax * 1.3] },
          y: { distr: 3, range: [chart.shareMin / 1.5, 1] },
        },
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        axes: [
          { ...logarithmicLook(), values: labelled(duration) },
          { ...logarithmicLook(), size: 64, values: labelled(percent) },
        ],
        series: [
          {},
          ...chart.series.map((one, index) => ({
            label: one.name,
            stroke: seriesColor(index),
            width: 1.5,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      [chart.us, ...chart.series.map((one) => one.shares)],
      element,
    );
  }

  const drawers = { bars: drawBars, time: drawTime, scatter: drawScatter, tail: drawTail };

  function drawAll() {
    for (const plot of drawn) plot.destroy();
    drawn = charts.map((chart) => drawers[chart.kind](chart, document.getElementById(chart.id)));
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
