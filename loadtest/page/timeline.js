// The charts over time. All runs share the time axis and the scale of each quantity, so that they can be compared.

const most = (numbers) => numbers.reduce((high, number) => Math.max(high, number), 0);
const runs = report.runs;
const HEADROOM = 1.12;

/** The rates of a run's timeline, and the middle of each interval. */
function rates({ timeline }) {
  const seconds = timeline.bucketSeconds || 1;
  return [
    timeline.offered.map((_, index) => (index + 0.5) * seconds),
    ...["offered", "admitted", "rejected", "broken"].map((kind) =>
      timeline[kind].map((count) => count / seconds),
    ),
  ];
}

function timeRange() {
  let [from, to] = [0, 1];
  for (const { timeline, server, slots } of runs) {
    to = Math.max(to, timeline.offered.length * (timeline.bucketSeconds || 1));
    for (const samples of [server?.samples, slots?.samples]) {
      if (!samples?.at.length) continue;
      from = Math.min(from, samples.at[0]);
      to = Math.max(to, samples.at.at(-1));
    }
  }
  return [from, to];
}

const time = { x: { range: timeRange() } };
const timeAxis = (says) => ({
  values: (_, ticks) => ticks.map((tick) => `${tick}${NARROW}s`),
  space: 56,
  legend: { label: "time", value: (_, value) => (value == null ? "" : says(value)) },
});
const tickCount = (tick) => (Number.isInteger(tick) ? format.count : format.rate)(tick);
const countAxis = { values: (_, ticks) => ticks.map(tickCount), space: 32, size: 46 };
const upTo = (high) => ({ range: [0, Math.max(1, high * HEADROOM)] });

const mostRates = runs.map((run) => most(rates(run).slice(1).map(most)));

/** Whether each run's rates have a scale of their own: one run may have a hundred times as many broken requests as the
 * other has admitted ones. */
let ownScale = false;

function scaleSwitch() {
  if (runs.length < 2) return null;
  const box = el("input", { type: "checkbox", class: "own-scale" });
  box.addEventListener("change", () => {
    ownScale = box.checked;
    for (const other of document.querySelectorAll(".own-scale")) other.checked = ownScale;
    drawAll();
  });
  return el("label", { class: "switch" }, box, "each run on its own scale");
}

const mostConnections = most(
  runs.flatMap(({ server }) => (server ? [server.maxConnections, ...server.samples.used] : [])),
);
const mostSlots = most(
  runs.flatMap(({ slots }) => (slots ? [slots.size, ...slots.samples.inUse] : [])),
);

function timelineBlock(run, index) {
  const title = "Requests a second";
  const seconds = run.timeline.bucketSeconds || 1;
  const data = rates(run);
  const about = [
    "Offered when they began",
    report.settings.arrival.kind === "open" ? " or were due" : "",
    ", the others when their answer came. Stretches of ",
    shown(`runs.${index}.timeline.bucketSeconds`, format.seconds),
    ".",
  ];
  if (!data[0].length) return block(title, about, missing("No request was started."));
  return block(
    title,
    about,
    scaleSwitch(),
    chart({
      name: `${index}.timeline`,
      label: `Offered, admitted, rejected and broken requests a second, over time. The highest
        rates are ${data.slice(1).map(most).map(format.rate).join(", ")}.`,
      height: 220,
      data,
      lines: ["offered", "admitted", "rejected", "broken"].map((line) => ({
        label: line,
        line,
        says: format.rate,
      })),
      ...time,
      y: () => upTo(ownScale ? mostRates[index] : most(mostRates)),
      axes: [
        timeAxis((middle) => `${middle - seconds / 2}–${middle + seconds / 2}${NARROW}s`),
        countAxis,
      ],
      sync: `run ${index}`,
    }),
  );
}

/** A chart of samples of connections or slots, with their limits. */
function samplesChart(index, name, label, samples, lines, high, marks) {
  return chart({
    name: `${index}.${name}`,
    label,
    height: 170,
    data: [samples.at, ...lines.map(({ values }) => values)],
    lines: lines.map((line) => ({ ...line, says: format.count })),
    ...time,
    y: upTo(high),
    axes: [timeAxis((seconds) => `${seconds.toFixed(1)}${NARROW}s`), countAxis],
    marks,
    sync: `run ${index}`,
  });
}

/** A missing part: it was not requested, or failed with the message at this path. */
function unknown(title, notAsked, failed, path) {
  return block(
    title,
    "",
    at(path) == null ? missing(notAsked) : missing(failed, shown(path, format.text)),
  );
}

function connectionsBlock({ server }, index) {
  const title = "Connections of the server";
  if (!server) {
    return unknown(
      title,
      "No address of the database was given: its connections were not watched.",
      "The database could not be watched: ",
      `runs.${index}.serverFailure`,
    );
  }
  const { samples, maxConnections } = server;
  const isToldApart = samples.service.length > 0;
  const about = isToldApart
    ? "Samples of all that were open, and of those to the service's database."
    : "Samples of all that were open. The account may not see whose they are: it lacks PROCESS.";
  if (!samples.at.length) return block(title, about, missing("No sample was taken."));
  return block(
    title,
    about,
    samplesChart(
      index,
      "connections",
      `Connections over time: at most ${most(samples.used)}, against the server's limit of
        ${maxConnections}.`,
      samples,
      [
        { label: "all", line: "used", values: samples.used },
        isToldApart && { label: "the service's", line: "part", values: samples.service },
      ].filter(Boolean),
      mostConnections,
      [{ value: maxConnections, label: `max_connections ${format.count(maxConnections)}` }],
    ),
  );
}

function slotsBlock({ slots }, index) {
  const title = "Slots of the pool";
  if (!slots) {
    return unknown(
      title,
      "No table was given: the pool's slots were not watched.",
      "The pool's table could not be read: ",
      `runs.${index}.slotsFailure`,
    );
  }
  const { samples, size, standard } = slots;
  const about = "Samples of leases out, expired ones included.";
  if (!samples.at.length) return block(title, about, missing("No sample was taken."));
  return block(
    title,
    about,
    samplesChart(
      index,
      "slots",
      `Slots in use over time: at most ${most(samples.inUse)}, of ${standard} standard ones and
        ${size} in all.`,
      samples,
      [
        { label: "in use", line: "used", values: samples.inUse },
        { label: "of them expired", line: "broken", values: samples.expired },
      ],
      mostSlots,
      [
        { value: size, label: `size ${format.count(size)}` },
        { value: standard, label: `standard ${format.count(standard)}`, below: true },
      ],
    ),
  );
}
