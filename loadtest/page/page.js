// The page: the verdict, the runs, and the setup.

function lines(title, path, kind) {
  const said = at(path);
  return (
    said.length > 0 && [
      el("h2", { class: "hidden" }, title),
      el(
        "ul",
        { class: kind },
        said.map((_, index) => el("li", {}, shown(`${path}.${index}`, format.text))),
      ),
    ]
  );
}

function lead() {
  if (runs.length === 2) {
    const [off, on] = runs.map((_, index) => ({
      refused: shown(`runs.${index}.refused`, format.count),
      broken: shown(`runs.${index}.broken.count`, format.count),
      offered: shown(`runs.${index}.offered`, format.count),
    }));
    return [
      ["Without admission, the server refused ", off.refused, " connections and "],
      [off.broken, " of ", off.offered, " requests broke. With it, the server refused "],
      [on.refused, " and ", on.broken, " of ", on.offered, " broke."],
    ];
  }
  return runs.map((_, index) => [
    "Of ",
    shown(`runs.${index}.offered`, format.count),
    " requests, ",
    shown(`runs.${index}.admitted.count`, format.count),
    " were admitted, ",
    shown(`runs.${index}.rejected.count`, format.count),
    " rejected and ",
    shown(`runs.${index}.broken.count`, format.count),
    " broken.",
  ]);
}

function verdict() {
  const { pass } = report.verdict;
  return el(
    "header",
    { class: `verdict ${pass ? "pass" : "fail"}` },
    el(
      "h1",
      {},
      el("span", { class: "hidden" }, "Load test: "),
      shown("verdict.pass", format.verdict),
    ),
    el(
      "div",
      {},
      el("p", { class: "lead" }, lead()),
      lines("What speaks against the service", "verdict.reasons", "reasons"),
      lines("Notes", "verdict.notes", "notes"),
      el("p", { class: "about url" }, shown("url", format.text)),
    ),
  );
}

const SHAPES = {
  steady: "the same load from beginning to end",
  ramp: "from nothing to the full load, evenly",
  spike: "a twentieth of the load, all of it in the middle third, a twentieth again",
  storm: "the same load, by users of which every second one ignores Retry-After",
};

const RETRIES = {
  honoured: "users stay away as long as Retry-After says",
  ignored: "users ask again at once",
  mixed: "every second user ignores Retry-After",
  none: "users do not come back",
};

/** The value that the test set, else that of the query function. */
function hold() {
  if (report.settings.holdSeconds != null) return shown("settings.holdSeconds", format.seconds);
  const deployed = "deployment.variables.HOLD_SECONDS";
  return [
    shown(deployed, format.text),
    at(deployed) != null && `${NARROW}s`,
    el("small", {}, "as deployed: the test did not set it"),
  ];
}

function settings() {
  const open = report.settings.arrival.kind === "open";
  return el(
    "section",
    {},
    el("h2", {}, "The load"),
    pairs([
      [
        "shape",
        shown("settings.shape", format.words),
        el("small", {}, SHAPES[report.settings.shape]),
      ],
      [
        "arrival",
        shown("settings.arrival.kind", format.words),
        el(
          "small",
          {},
          open
            ? "requests come when their time has come, whatever became of the others"
            : "a user's request begins when the last one is over",
        ),
      ],
      open && ["requests a second", shown("settings.arrival.perSecond", format.rate)],
      open && ["seed", shown("settings.arrival.seed", format.id)],
      [open ? "under way at once, at most" : "users", shown("settings.users", format.count)],
      ["duration", shown("settings.durationSeconds", format.seconds)],
      ["timeout of a request", shown("settings.timeoutSeconds", format.seconds)],
      ["connection held for", hold()],
      [
        "after a 503",
        shown("settings.retries", format.words),
        el("small", {}, RETRIES[report.settings.retries]),
      ],
    ]),
  );
}

function thresholds() {
  const judged = `runs.${runs.length - 1}`;
  const rows = [
    ["broken, at most", "maxBroken", format.count, "broken.count"],
    ["refused, at most", "maxRefused", format.count, "refused"],
    ["admitted, at least", "minAdmitted", format.count, "admitted.count"],
    ["utilisation, at least", "minUtilisation", format.share, "slots.utilisation.mean"],
    ["p99 of rejections, at most", "maxRejectionP99Ms", format.ms, "rejected.latency.p99Ms"],
  ];
  return el(
    "section",
    {},
    el("h2", {}, "What the verdict asks for"),
    table(
      "Thresholds and what they are compared with",
      ["", "asked", "seen"],
      {
        rows: rows.map(([name, asked, as, seen]) => [
          name,
          at(`thresholds.${asked}`) == null
            ? el("span", { class: "minor" }, "not judged")
            : shown(`thresholds.${asked}`, as),
          shown(`${judged}.${seen}`, as),
        ]),
      },
    ),
  );
}

function deployment() {
  const { deployment } = report;
  const path = "deployment";
  return el(
    "section",
    {},
    el("h2", {}, "The query function, as it was found"),
    deployment
      ? pairs([
          ["name", shown(`${path}.queryFunction`, format.text)],
          ["SHA-256 of its code", shown(`${path}.codeSha256`, format.text)],
          ["last changed", shown(`${path}.lastModified`, format.text)],
          ...Object.keys(deployment.variables ?? {}).map((name) => [
            name,
            shown(`${path}.variables.${name}`, format.text),
          ]),
          deployment.variables == null && [
            "its variables",
            "not known: ",
            shown(`${path}.variablesFailure`, format.text),
          ],
        ])
      : missing("No query function was named."),
  );
}

function machine() {
  return el(
    "section",
    {},
    el("h2", {}, "Where it came from"),
    pairs([
      ["began", shown("startedAt", format.date)],
      ["load test", shown("version", format.text)],
      ["goose", shown("gooseVersion", format.text)],
      ["schema of the report", shown("schema", format.id)],
      ["system", shown("machine.system", format.text)],
      ["kernel", shown("machine.kernel", format.text)],
      ["processor", shown("machine.processor", format.text)],
      ["processors", shown("machine.processors", format.count)],
      ["memory", shown("machine.memoryBytes", format.bytes)],
    ]),
  );
}

document.title = `${format.verdict(report.verdict.pass)} · load test`;
document
  .getElementById("page")
  .append(
    verdict(),
    el("div", { class: `runs of-${runs.length}` }, runs.map(runSection)),
    el("footer", {}, settings(), el("div", {}, thresholds(), deployment()), machine()),
  );
watchCharts();
