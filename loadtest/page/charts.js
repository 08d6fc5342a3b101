// The charts. They are redrawn when the colours or the paper change, because uPlot reads both once.

/** All charts of the page, by name, such as "0.timeline". */
window.charts = {};

/** The styles of lines: those of a chart differ by more than colour. */
const LINES = {
  offered: { colour: "--offered", width: 1.5, dash: [5, 4], marker: "dashed" },
  admitted: { colour: "--admitted", width: 2.25, marker: "solid" },
  rejected: { colour: "--rejected", width: 2, dash: [9, 3], marker: "dashed" },
  broken: { colour: "--broken", width: 2, dash: [2, 3], marker: "dotted" },
  used: { colour: "--used", width: 2.25, fill: true, marker: "solid" },
  part: { colour: "--part", width: 1.75, dash: [3, 3], marker: "dotted" },
  limit: { colour: "--ink", width: 1.25, dash: [8, 4], marker: "dashed" },
};

const definitions = [];

/**
 * An element for a chart. A definition has a name, a label for screen readers, a height, data (x first), lines
 * ({ label, line, says }), the scales x and y (y may be a function, called at each drawing), axes, marks, and the
 * charts that share its cursor.
 */
function chart(definition) {
  const place = el("div", { class: "chart" });
  definitions.push({ ...definition, place });
  return place;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axis(more) {
  return {
    stroke: colour("--soft"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  };
}

/** Labelled lines across a chart: { axis, value, label, below }. */
function drawMarks(marks) {
  return ({ ctx, bbox, valToPos }) => {
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textAlign = "right";
    ctx.lineJoin = "round";
    for (const { value, label, below } of marks) {
      const y = valToPos(value, "y", true);
      ctx.beginPath();
      ctx.setLineDash(LINES.limit.dash.map((length) => length * ratio));
      ctx.lineWidth = LINES.limit.width * ratio;
      ctx.strokeStyle = colour(LINES.limit.colour);
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.setLineDash([]);
      // An outline in the background colour keeps a label legible on a line.
      ctx.lineWidth = 4 * ratio;
      ctx.strokeStyle = colour("--surface");
      ctx.fillStyle = colour("--ink");
      ctx.textBaseline = below ? "top" : "bottom";
      const place = [label, bbox.left + bbox.width - 6 * ratio, y + (below ? 4 : -3) * ratio];
      ctx.strokeText(...place);
      ctx.fillText(...place);
    }
    ctx.restore();
  };
}

function series({ label, line, says }) {
  const style = LINES[line];
  const stroke = colour(style.colour);
  return {
    label,
    stroke,
    width: style.width,
    dash: style.dash,
    fill: style.fill ? `color-mix(in srgb, ${stroke} 12%, transparent)` : undefined,
    points: { show: false },
    spanGaps: true,
    value: (_, value) => (value == null ? "" : says(value)),
  };
}

function draw({ name, label, height, data, lines, x, y, axes, marks, sync, place }, width) {
  window.charts[name]?.destroy();
  const options = {
    width,
    height,
    padding: [8, 18, 0, 0],
    scales: { x: { time: false, ...x }, y: typeof y === "function" ? y() : y },
    axes: [axis({ size: 26, ...axes[0] }), axis(axes[1])],
    series: [axes[0].legend, ...lines.map(series)],
    legend: {
      markers: { width: 2, dash: (_, index) => index > 0 && LINES[lines[index - 1].line].marker },
    },
    cursor: {
      y: false,
      drag: { setScale: false, x: false, y: false },
      points: { size: 7 },
      sync: sync && { key: sync, scales: ["x", null], setSeries: false },
    },
    hooks: { draw: [drawMarks(marks ?? [])] },
  };
  const made = new uPlot(options, data, place);
  const canvas = made.root.querySelector("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  made.marks = marks ?? [];
  window.charts[name] = made;
}

/** The width of a printed chart in CSS pixels: an A4 page without its margins. */
const PAPER = 620;
let onPaper = false;

function drawAll() {
  for (const definition of definitions) {
    draw(definition, onPaper ? PAPER : definition.place.clientWidth);
  }
}

/** Draws all charts, and redraws them when their appearance must change. */
function watchCharts() {
  drawAll();
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const { name, height } = definitions.find(({ place }) => place === target);
      const width = Math.floor(contentRect.width);
      if (!onPaper && width > 0 && window.charts[name].width !== width) {
        window.charts[name].setSize({ width, height });
      }
    }
  });
  for (const { place } of definitions) sizes.observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  const paper = (now) => {
    if (onPaper === now) return;
    onPaper = now;
    // The event for printing comes while the colours are still those of the screen.
    document.documentElement.classList.toggle("paper", now);
    drawAll();
  };
  matchMedia("print").addEventListener("change", ({ matches }) => paper(matches));
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
}
