// Latencies.

const KINDS = ["admitted", "rejected", "broken"];
const latenciesOf = (run) => KINDS.filter((kind) => run[kind].latency);

/** A logarithmic axis of shares: 99 % is as far from 90 % as that from 0 %. */
const rank = (share) => 1 / (1 - share);
const RANKS = new Map([
  [1, "0"],
  [2, `50${NARROW}%`],
  [10, `90${NARROW}%`],
  [100, `99${NARROW}%`],
  [1000, `99.9${NARROW}%`],
]);

/** The powers of ten around all latencies of all runs. */
function latencyRange() {
  const all = runs.flatMap((run) =>
    latenciesOf(run).flatMap((kind) => run[kind].latency.distribution.map(({ ms }) => ms)),
  ).filter((ms) => ms > 0);
  if (!all.length) return [1, 10];
  const low = 10 ** Math.floor(Math.log10(all.reduce((a, b) => Math.min(a, b))));
  const high = 10 ** Math.ceil(Math.log10(most(all)));
  return [low, high > low ? high : low * 10];
}

const [fastest, slowest] = latencyRange();
const decades = Array.from({ length: Math.round(Math.log10(slowest / fastest)) + 1 }, (_, power) =>
  Number((fastest * 10 ** power).toPrecision(3)),
);
const latencyTicks =
  decades.length > 3
    ? decades
    : decades.flatMap((decade) => [1, 2, 5].map((times) => times * decade)).filter((ms) => ms <= slowest);

function distributionChart(run, index) {
  const kinds = latenciesOf(run);
  const shares = [
    ...new Set(kinds.flatMap((kind) => run[kind].latency.distribution.map(({ share }) => share))),
  ].sort((a, b) => a - b);
  const column = (kind) => {
    const points = new Map(run[kind].latency.distribution.map(({ share, ms }) => [share, ms]));
    // A logarithmic axis has no zero.
    return shares.map((share) => points.get(share) || null);
  };
  return chart({
    name: `${index}.latency`,
    label: `The distribution of latencies. ${kinds
      .map((kind) => `99 % of the ${kind} took ${format.ms(run[kind].latency.p99Ms)} or less.`)
      .join(" ")}`,
    height: 230,
    data: [shares.map(rank), ...kinds.map(column)],
    lines: kinds.map((kind) => ({ label: kind, line: kind, says: format.ms })),
    x: { distr: 3, log: 10, range: [1, 1000] },
    y: { distr: 3, log: 10, range: [fastest, slowest] },
    axes: [
      {
        splits: () => [...RANKS.keys()],
        filter: (_, ticks) => ticks,
        values: (_, ticks) => ticks.map((tick) => RANKS.get(tick)),
        legend: {
          label: "share",
          value: (_, x) =>
            x == null ? "" : `${Number(((1 - 1 / x) * 100).toFixed(2))}${NARROW}%`,
        },
      },
      {
        size: 54,
        splits: () => latencyTicks,
        filter: (_, ticks) => ticks,
        values: (_, ticks) =>
          ticks.map((ms) => (ms >= 1000 ? `${ms / 1000}${NARROW}s` : `${ms}${NARROW}ms`)),
      },
    ],
  });
}

/** The percentiles of groups of classes: [name of the group or null, path of their parent, kinds]. */
function percentiles(caption, groups) {
  const columns = [
    ["p50", "p50Ms"],
    ["p95", "p95Ms"],
    ["p99", "p99Ms"],
    ["p99.9", "p999Ms"],
    ["max", "maxMs"],
  ];
  return table(
    caption,
    ["", ...columns.map(([title]) => title)],
    ...groups.map(([name, path, kinds]) => ({
      name,
      rows: kinds.map((kind) => [
        swatch(kind),
        ...columns.map(([, key]) => shown(`${path}.${kind}.latency.${key}`, format.ms)),
      ]),
    })),
  );
}

function latencyBlock(run, index) {
  const open = report.settings.arrival.kind === "open";
  const kinds = latenciesOf(run);
  return block(
    "Latency",
    open
      ? "The share of the answers that took no longer, counted from the time at which each request was due."
      : [
          "The share of the answers that took no longer, in a closed loop: requests that a slow " +
            "service kept from being made are in none of these (coordinated omission).",
        ],
    kinds.length
      ? el(
          "div",
          { class: "beside" },
          distributionChart(run, index),
          el(
            "div",
            {},
            percentiles("Percentiles of the latencies", [[null, `runs.${index}`, KINDS]]),
            run.lateness && lateness(index),
          ),
        )
      : missing("There was no answer to take the time of."),
  );
}

/** The name of a kind of answer with its line in the charts. */
function swatch(kind) {
  return [el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), kind];
}

function lateness(index) {
  return el(
    "p",
    { class: "about" },
    "Sent late: ",
    shown(`runs.${index}.lateness.late`, format.count),
    " requests by more than 100 ms, the latest by ",
    shown(`runs.${index}.lateness.maxMs`, format.ms),
    ". That is part of their latency. Due and never sent, for want of a free user: ",
    shown(`runs.${index}.lateness.unsent`, format.count),
    ".",
  );
}
