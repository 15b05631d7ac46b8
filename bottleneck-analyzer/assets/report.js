// Draws the page's charts from the data embedded in it.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("plimsoll-data").textContent);
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (i) => ink("--c" + (i % 8));
  const digits = (v) => (Math.abs(v) >= 99.95 ? v.toFixed(0) : Math.abs(v) >= 9.995 ? v.toFixed(1) : v.toFixed(2)).replace(/\.0+$|(\.\d*?)0+$/, "$1");
  const scaled = (v, steps) => {
    const [size, unit] = steps.find(([s]) => Math.abs(v) >= s) || steps[steps.length - 1];
    return digits(v / size) + unit;
  };
  const decimal = [[1e6, " M"], [1e3, " k"], [1, ""]];
  const binary = [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]];
  const show = {
    ns: (v) => scaled(v, [[1e9, " s"], [1e6, " ms"], [1e3, " µs"], [1, " ns"]]),
    ratio: (v) => digits(v * 100) + " %",
    per_s: (v) => scaled(v, decimal) + "/s",
    bytes_per_s: (v) => scaled(v, binary) + "/s",
    cores: (v) => digits(v),
    count: (v) => scaled(v, decimal),
  };
  const percentile = (x) => {
    const nines = Math.max(0, Math.ceil(Math.log10(x)) - 2);
    return (100 - 100 / x).toFixed(Math.min(nines, 4)) + " %";
  };
  const written = {
    seconds: (v) => digits(v) + " s",
    linear: (v) => digits(v),
    log2: (v) => digits(v),
    percentile,
  };

  // One x column for all lines; where a line has no point it is skipped, where it has a null it
  // shows a gap.
  const table = (chart) => {
    const tables = [];
    for (const line of chart.lines) {
      tables.push(line.peak ? [line.x, line.y, line.peak] : [line.x, line.y]);
    }
    if (chart.x_scale === "seconds") tables.push([[0, data.end_s]]);
    const keepNulls = tables.map((t) => t.map(() => 1));
    return uPlot.join(tables, keepNulls);
  };

  const series = (chart) => {
    const all = [{ label: chart.x_label, value: (u, v) => (v == null ? "–" : written[chart.x_scale](v)) }];
    const bands = [];
    const value = (u, v) => (v == null ? "–" : show[chart.unit](v));
    const dots = chart.x_scale === "log2";
    chart.lines.forEach((line, i) => {
      all.push({ label: line.label, stroke: colour(i), width: 2, value, points: dots ? { show: true, size: 7, fill: colour(i) } : { show: false } });
      if (line.peak) {
        all.push({ label: line.label + ", peak", stroke: colour(i) + "55", width: 1, value, points: { show: false } });
        bands.push({ series: [all.length - 1, all.length - 2], fill: colour(i) + "22" });
      }
    });
    return { all, bands };
  };

  const shade = (chart) => (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.fillStyle = ink("--band");
    for (const band of chart.bands) {
      const left = u.valToPos(band.from, "x", true);
      const right = u.valToPos(band.to, "x", true);
      const wide = Math.max(right - left, 4);
      ctx.fillRect(right - left < 4 ? left - 2 : left, u.bbox.top, wide, u.bbox.height);
    }
    ctx.restore();
  };

  // A line across each chart of time with the mark's name beside it; where there is no room for
  // the name the line stays, and the list below the charts tells it.
  const marked = (chart) => (u) => {
    if (chart.x_scale !== "seconds") return;
    const { ctx, bbox } = u;
    const dot = devicePixelRatio || 1;
    const rows = [0, 0, 0];
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = 12 * dot + "px system-ui, sans-serif";
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.lineWidth = dot;
    ctx.setLineDash([4 * dot, 3 * dot]);
    ctx.strokeStyle = ink("--ink");
    for (const mark of data.marks) {
      const x = Math.round(u.valToPos(mark.at_s, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const name = mark.name.length > 28 ? mark.name.slice(0, 27) + "…" : mark.name;
      const wide = ctx.measureText(name).width + 8 * dot;
      const left = Math.max(bbox.left, Math.min(x, bbox.left + bbox.width - wide));
      const row = rows.findIndex((end) => end <= left);
      if (row < 0) continue;
      const top = bbox.top + (2 + 17 * row) * dot;
      ctx.globalAlpha = 0.7;
      ctx.fillStyle = ink("--card");
      ctx.fillRect(left + dot, top, wide - 2 * dot, 16 * dot);
      ctx.globalAlpha = 1;
      ctx.fillStyle = ink("--ink");
      ctx.fillText(name, left + 4 * dot, top + 2 * dot);
      rows[row] = left + wide;
    }
    ctx.restore();
  };

  const scales = (chart) => {
    const xs = chart.lines.flatMap((l) => l.x);
    const x = { time: false };
    if (chart.x_scale === "log2") {
      Object.assign(x, { distr: 3, log: 2, range: [Math.min(...xs) / 1.15, Math.max(...xs) * 1.15] });
    } else if (chart.x_scale === "percentile") {
      Object.assign(x, { distr: 3, log: 10, range: [1, Math.max(...xs) * 1.1] });
    }
    const y = chart.y_log ? { distr: 3 } : { range: (u, lo, hi) => [0, chart.unit === "ratio" ? Math.max(1, hi || 0) : (hi || 1) * 1.08] };
    return { x, y };
  };

  const axes = (chart) => {
    const look = { stroke: ink("--quiet"), grid: { stroke: ink("--rule"), width: 1 }, ticks: { stroke: ink("--rule"), width: 1 }, font: "12px system-ui, sans-serif" };
    const x = { ...look, values: (u, ticks) => ticks.map((v) => (v == null ? "" : written[chart.x_scale](v))) };
    if (chart.x_scale === "log2") {
      const settings = [...new Set(chart.lines.flatMap((l) => l.x))].sort((a, b) => a - b);
      x.splits = () => settings.filter((v, i) => settings.length <= 9 || i % Math.ceil(settings.length / 9) === 0);
      x.filter = (u, splits) => splits;
    }
    if (chart.x_scale === "percentile") {
      x.splits = () => [1, 2, 10, 100, 1000, 10000, 100000].filter((v) => v <= Math.max(...chart.lines.flatMap((l) => l.x)));
      x.filter = (u, splits) => splits;
    }
    const y = { ...look, size: 74, values: (u, ticks) => ticks.map((v) => (v == null ? "" : show[chart.unit](v))) };
    return [x, y];
  };

  const drawn = new Map();
  let zooming = false;
  const together = (chart) => (u, key) => {
    if (key !== "x" || !chart.group || zooming) return;
    zooming = true;
    const { min, max } = u.scales.x;
    for (const [other, plot] of drawn) {
      if (plot !== u && other.group === chart.group) plot.setScale("x", { min, max });
    }
    zooming = false;
  };

  const draw = (chart) => {
    const place = document.getElementById(chart.id);
    if (!place || chart.lines.length === 0) return;
    const { all, bands } = series(chart);
    const options = {
      width: Math.max(240, place.clientWidth),
      height: chart.group ? 210 : 270,
      series: all,
      bands,
      scales: scales(chart),
      axes: axes(chart),
      cursor: chart.group ? { sync: { key: chart.group }, drag: { x: true, y: false } } : { drag: { x: true, y: false } },
      hooks: { drawClear: [shade(chart)], draw: [marked(chart)], setScale: [together(chart)] },
    };
    const old = drawn.get(chart);
    if (old) old.destroy();
    drawn.set(chart, new uPlot(options, table(chart), place));
  };

  const drawAll = () => data.charts.forEach(draw);
  drawAll();

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    for (const [chart, plot] of drawn) {
      plot.setSize({ width: Math.max(240, document.getElementById(chart.id).clientWidth), height: plot.height });
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let closed = [];
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((d) => (d.open = true));
    drawAll();
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    closed.forEach((d) => (d.open = false));
    drawAll();
  });
})();
