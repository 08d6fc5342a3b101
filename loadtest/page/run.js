// One run.

const RUN_NAMES = {
  bypassed: "Without admission",
  on: "With admission",
  asDeployed: "As deployed",
};

/** One of the main numbers. */
function tile(name, bad, number, ...about) {
  return el(
    "div",
    { class: bad ? "tile bad" : "tile" },
    el("dt", {}, name),
    el("dd", { class: "number" }, number),
    el("dd", { class: "about" }, about),
  );
}

function answersTile(index, kind, bad) {
  const path = `runs.${index}.${kind}`;
  return tile(
    swatch(kind),
    bad,
    shown(`${path}.count`, format.count),
    shown(`${path}.perSecond`, format.rate),
    " a second",
  );
}

function tiles(run, index) {
  const path = `runs.${index}`;
  const { server, slots } = run;
  return el(
    "dl",
    { class: "tiles" },
    answersTile(index, "admitted"),
    answersTile(index, "rejected"),
    answersTile(index, "broken", run.broken.count > 0),
    tile(
      "refused by the server",
      run.refused > 0,
      shown(`${path}.refused`, format.count),
      shown(`${path}.refusedCallers`, format.count),
      " reported by callers (1040)",
    ),
    tile(
      "peak connections",
      server && server.peakUsed >= server.maxConnections,
      shown(`${path}.server.peakUsed`, format.count),
      server
        ? ["of ", shown(`${path}.server.maxConnections`, format.count), " allowed"]
        : "not watched",
    ),
    tile(
      "slot utilisation",
      false,
      shown(`${path}.slots.utilisation.mean`, format.share),
      slots?.utilisation
        ? [
            "of the standard slots, for ",
            shown(`${path}.slots.utilisation.seconds`, format.seconds),
            " of demand",
          ]
        : slots
          ? run.admission === "bypassed"
            ? "no slots are taken past the controller"
            : "never enough demand to tell"
          : "not watched",
    ),
  );
}

function reasons(title, path) {
  const rows = at(path);
  return el(
    "div",
    {},
    el("h4", {}, title),
    rows.length
      ? table(title, ["reason", "count"], {
          rows: rows.map((_, index) => [
            shown(`${path}.${index}.reason`, format.text),
            shown(`${path}.${index}.count`, format.count),
          ]),
        })
      : missing("None."),
  );
}

function examples(path) {
  const rows = at(path);
  if (!rows.length) return null;
  return el(
    "div",
    { class: "examples" },
    el("h4", {}, "The first of some reasons to break"),
    el(
      "ul",
      {},
      rows.map((_, index) =>
        el(
          "li",
          {},
          shown(`${path}.${index}.reason`, format.text),
          el("pre", {}, shown(`${path}.${index}.detail`, format.text)),
        ),
      ),
    ),
  );
}

function reasonsBlock(run, index) {
  return block(
    "Reasons",
    "Why requests were rejected, and why they broke.",
    el(
      "div",
      { class: "halves" },
      reasons("Rejected", `runs.${index}.rejected.reasons`),
      reasons("Broken", `runs.${index}.broken.reasons`),
    ),
    examples(`runs.${index}.broken.examples`),
  );
}

const patience = ({ honourRetryAfter }) => (honourRetryAfter ? "patient" : "impatient");

function clientsBlock(run, index) {
  if (!run.clients.length) {
    return block("Patient and impatient clients", "", missing("All clients did the same."));
  }
  const named = run.clients.map((client, number) => [client, `runs.${index}.clients.${number}`]);
  return block(
    "Patient and impatient clients",
    "Those that stayed away as long as Retry-After said, and those that asked again at once.",
    table(
      "Answers by kind of client",
      ["clients", "users", ...KINDS],
      {
        rows: named.map(([client, path]) => [
          patience(client),
          shown(`${path}.users`, format.count),
          ...KINDS.map((kind) => [
            shown(`${path}.${kind}.count`, format.count),
            el("span", { class: "minor" }, shown(`${path}.${kind}.perSecond`, format.rate), "/s"),
          ]),
        ]),
      },
    ),
    percentiles(
      "Percentiles of the latencies, by kind of client",
      named.map(([client, path]) => [
        patience(client),
        path,
        KINDS.filter((kind) => client[kind].latency),
      ]),
    ),
  );
}

function countersBlock({ server, slots }, index) {
  const count = (name, path) => [name, shown(`runs.${index}.${path}`, format.count)];
  return block(
    "Counters",
    "What the server and the pool's table say themselves.",
    el(
      "div",
      { class: "halves" },
      el(
        "div",
        {},
        el("h4", {}, "Server"),
        server
          ? pairs([
              ["version", shown(`runs.${index}.server.version`, format.text)],
              count("max_connections", "server.maxConnections"),
              count("Max_used_connections before", "server.maxUsedBefore"),
              count("Max_used_connections after", "server.maxUsedAfter"),
              [
                "peak in use",
                shown(`runs.${index}.server.peakUsed`, format.count),
                el("small", {}, " sampled: "),
                el("small", {}, shown(`runs.${index}.server.peakIsSampled`, format.yes)),
              ],
              count("peak of the samples", "server.peakThreads"),
              count("peak of the service's", "server.peakService"),
              count("Aborted_connects, grown by", "server.abortedConnects"),
              count("…_max_connections errors", "server.connectionErrorsMaxConnections"),
            ])
          : missing("Not watched."),
      ),
      el(
        "div",
        {},
        el("h4", {}, "Pool"),
        slots
          ? pairs([
              ["name", shown(`runs.${index}.slots.pool`, format.text)],
              count("slots", "slots.size"),
              count("standard slots", "slots.standard"),
              count("peak in use, sampled", "slots.peak"),
              slots.utilisation && count("samples of utilisation", "slots.utilisation.samples"),
            ])
          : missing("Not watched."),
      ),
    ),
  );
}

function gooseLink({ goose }, index) {
  if (goose == null) return el("p", { class: "about" }, "Goose wrote no report of this run.");
  return el(
    "p",
    { class: "about" },
    "Goose's own report of this run: ",
    el(
      "a",
      // A file in the same folder, with any name.
      { href: `./${encodeURIComponent(goose)}` },
      shown(`runs.${index}.goose`, format.text),
    ),
    " (its graphs need the network).",
  );
}

function runHead(run, index) {
  const path = `runs.${index}`;
  return el(
    "header",
    {},
    el(
      "h2",
      { id: `run-${index}` },
      RUN_NAMES[run.admission],
      runs.length > 1 &&
        el("span", { class: "tag" }, index === runs.length - 1 ? "judged" : "for comparison"),
      run.interrupted && el("span", { class: "tag bad" }, "interrupted"),
    ),
    el(
      "p",
      { class: "about" },
      "Admission ",
      shown(`${path}.admission`, format.words),
      " · ",
      shown(`${path}.offered`, format.count),
      " requests in ",
      shown(`${path}.elapsedSeconds`, format.elapsed),
      " · began ",
      shown(`${path}.startedAt`, format.date),
    ),
  );
}

function runSection(run, index) {
  return el(
    "section",
    { class: "run", "aria-labelledby": `run-${index}` },
    runHead(run, index),
    tiles(run, index),
    timelineBlock(run, index),
    connectionsBlock(run, index),
    slotsBlock(run, index),
    latencyBlock(run, index),
    reasonsBlock(run, index),
    runs.some(({ clients }) => clients.length) && clientsBlock(run, index),
    countersBlock(run, index),
    gooseLink(run, index),
  );
}
