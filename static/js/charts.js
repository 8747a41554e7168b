// Draws <table data-chart="bars|lines"> with uPlot; the table stays for screen readers, printing and copying.
(() => {
  "use strict";
  const HEIGHT = 190;
  const drawn = new Map(); // table → uPlot

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function read(table) {
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    const values = heads.map((_, index) => rows.map((row) => {
      const text = row.cells[index + 1].dataset.value;
      return text === "" || text === "None" ? null : Number(text);
    }));
    return {
      isStacked: table.dataset.chart === "bars",
      unit: table.dataset.unit,
      x: rows.map((row) => Number(row.cells[0].dataset.x)),
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      series: heads.map((head, index) => ({
        label: head.textContent.trim(), tone: head.dataset.tone, values: values[index],
      })),
    };
  }

  // Stacked bars are drawn from the tallest sum down, each covering the lower part of the one before.
  function stacked(series) {
    const sums = [];
    series.forEach(({ values }, index) => {
      sums.push(values.map((value, row) => (value ?? 0) + (index ? sums[index - 1][row] : 0)));
    });
    return sums;
  }

  function tooltip(chart) {
    const box = document.createElement("div");
    box.className = "sb-chart-tip";
    box.hidden = true;
    const when = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    return {
      hooks: {
        init: (plot) => plot.over.append(box),
        setCursor: (plot) => {
          const index = plot.cursor.idx;
          if (index == null || plot.cursor.left < 0) { box.hidden = true; return; }
          const lines = chart.series.map(({ label, tone, values }) => {
            const line = document.createElement("div");
            const swatch = document.createElement("span");
            swatch.className = `sb-swatch sb-series-${tone}`;
            const value = document.createElement("b");
            value.textContent = `${values[index] ?? "none"}${chart.unit ? ` ${chart.unit}` : ""}`;
            line.append(swatch, `${label} `, value);
            return line;
          });
          const title = document.createElement("div");
          title.className = "sb-chart-tip-title";
          title.textContent = when.format(chart.x[index] * 1000);
          box.replaceChildren(title, ...lines);
          box.hidden = false;
          const left = plot.valToPos(chart.x[index], "x");
          const isRight = left > plot.over.clientWidth / 2;
          box.style.left = isRight ? "auto" : `${left + 14}px`;
          box.style.right = isRight ? `${plot.over.clientWidth - left + 14}px` : "auto";
        },
      },
    };
  }

  function draw(table) {
    const place = table.closest(".sb-chart").querySelector("[data-chart-plot]");
    drawn.get(table)?.destroy();
    const chart = read(table);
    if (!chart.x.length) return;
    const axis = {
      stroke: color("--sb-text-muted"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: color("--sb-border"), width: 1 }, ticks: { show: false },
    };
    const paths = chart.isStacked ? uPlot.paths.bars({ size: [0.7, 28], radius: 0.12 }) : uPlot.paths.linear();
    const series = chart.series.map(({ label, tone }) => {
      const stroke = color(`--sb-series-${tone}`);
      return chart.isStacked
        ? { label, paths, fill: stroke, width: 0, points: { show: false } }
        : { label, paths, stroke, width: 2, points: { show: false } };
    });
    const columns = chart.isStacked ? stacked(chart.series) : chart.series.map(({ values }) => values);
    if (chart.isStacked) { series.reverse(); columns.reverse(); }
    const step = chart.x.length > 1 ? chart.x[1] - chart.x[0] : 3600;
    const options = {
      width: place.clientWidth, height: HEIGHT, legend: { show: false }, padding: [8, 8, 0, 0],
      cursor: { y: false, points: { show: !chart.isStacked }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: (_plot, from, to) => [from - step * 0.6, to + step * 0.6] },
        y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 4)] },
      },
      axes: [
        { ...axis, grid: { show: false }, values: [
          [3600 * 24, "{D} {MMM}", null, null, null, null, null, null, 1],
          [3600, "{HH}:00", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
          [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
        ] },
        { ...axis, size: 44, values: (_plot, ticks) => ticks.map((tick) => (
          tick >= 1e6 ? `${tick / 1e6} M` : tick >= 1e4 ? `${tick / 1e3} k` : String(tick))) },
      ],
      series: [{}, ...series],
      plugins: [tooltip(chart)],
    };
    place.replaceChildren();
    drawn.set(table, new uPlot(options, [chart.x, ...columns], place));
  }

  function drawAll(root = document) {
    for (const [table, plot] of drawn) {
      if (table.isConnected) continue;
      plot.destroy();
      drawn.delete(table);
    }
    for (const table of root.querySelectorAll("table[data-chart]")) {
      draw(table);
      watch.observe(table.closest(".sb-chart").querySelector("[data-chart-plot]"));
    }
  }

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target.closest(".sb-chart").querySelector("table[data-chart]"));
      if (plot && target.clientWidth && plot.width !== target.clientWidth) {
        plot.setSize({ width: target.clientWidth, height: HEIGHT });
      }
    }
  });

  document.addEventListener("signalbox:theme", () => drawAll());
  document.body.addEventListener("htmx:load", (event) => {
    if (event.detail.elt !== document.body) drawAll(event.detail.elt);
  });
  drawAll();
})();
