"""The load test's page in a browser: it shows the numbers of its report and loads nothing."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import expected
from browser import SIZES, chromium
from playwright.sync_api import Page

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
LOADTEST = os.environ.get("LOADTEST", PROJECT / "target/debug/loadtest")
# Keys of a report that it had not always.
LATER = "gooseVersion", "deployment"
REPORTS = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}

# Each cell's path and text, without the spaces around it.
CELLS = """() => [...document.querySelectorAll("[data-path]")].map((cell) =>
    [cell.dataset.path, cell.textContent])"""
# What tables and lists say apart from what says where it is from.
REST = """() => [...document.querySelectorAll("td, dd")].map((cell) => {
    const rest = cell.cloneNode(true);
    for (const said of rest.querySelectorAll("[data-path]")) said.remove();
    return rest.textContent;
})"""
CHARTS = """() => Object.fromEntries(Object.entries(charts).map(([name, chart]) => [name, {
    labels: chart.series.slice(1).map(({ label }) => label),
    data: chart.data,
    marks: chart.marks.map(({ value, label }) => [value, label]),
    x: [chart.scales.x.min, chart.scales.x.max],
    y: [chart.scales.y.min, chart.scales.y.max],
}]))"""
# How many points of a chart's plot have a colour, the grid's aside.
DRAWN = """(name) => {
    const { ctx, bbox } = charts[name];
    const plot = ctx.getImageData(bbox.left, bbox.top, bbox.width, bbox.height).data;
    const hex = getComputedStyle(document.documentElement).getPropertyValue("--grid").trim();
    const grid = [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
    let drawn = 0;
    for (let point = 0; point < plot.length; point += 4) {
        const far = grid.some((part, index) => Math.abs(part - plot[point + index]) > 40);
        if (plot[point + 3] > 128 && far) drawn += 1;
    }
    return drawn;
}"""
# The colour of the verdict, and that which a name stands for.
VERDICT_COLOURS = """(name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const colours = [document.querySelector("h1"), probe].map((e) => getComputedStyle(e).color);
    probe.remove();
    return colours;
}"""
FITTED = """() => Object.values(charts).every((chart) =>
    chart.width === chart.root.parentElement.clientWidth)"""
# What is wider than its place, of which the document itself need not know.
WIDER = """() => [document.documentElement, ...document.querySelectorAll("body *")]
    .filter((element) => !element.matches(".hidden, .hidden *, .uplot *"))
    .filter((element) => element.clientWidth && element.scrollWidth > element.clientWidth + 1)
    .map((element) => `${element.tagName}.${element.className}: ${element.textContent}`)"""


def setUpModule() -> None:
    global BROWSER, PAGES
    BROWSER = unittest.enterModuleContext(chromium())
    PAGES = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    for name in REPORTS:
        draw(HERE / f"{name}.json")


def draw(report: pathlib.Path) -> None:
    subprocess.run(
        [LOADTEST, "page", report, "--output", PAGES / f"{report.stem}.html"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


class InABrowser(unittest.TestCase):
    @contextlib.contextmanager
    def opened(self, name: str, **options: Any) -> Iterator[Page]:
        """A page on which nothing may go wrong as long as it is open."""
        wrong: list[str] = []
        with BROWSER.new_context(**options) as context:
            context.on("request", lambda ask: ask.url.startswith("file:") or wrong.append(ask.url))
            page = context.new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
            page.goto((PAGES / f"{name}.html").as_uri())
            yield page
        self.assertEqual(wrong, [])

    def open(self, name: str, **options: Any) -> Page:
        return self.enterContext(self.opened(name, **options))


class Everywhere(InABrowser):
    """Each report on each device, by day and by night."""

    def test_everywhere(self):
        checks = [getattr(self, name) for name in dir(self) if name.startswith("check_")]
        self.assertTrue(checks)
        for name, device, scheme in itertools.product(REPORTS, SIZES, ("light", "dark")):
            with self.opened(name, viewport=SIZES[device], color_scheme=scheme) as page:
                for check in checks:
                    with self.subTest(check.__name__, report=name, device=device, scheme=scheme):
                        check(REPORTS[name], page)

    def check_cells_say_what_the_report_says(self, report: Any, page: Page) -> None:
        cells = page.evaluate(CELLS)
        for path, text in cells:
            expected.check_cell(self, report, path, text)
        said = {path for path, _ in cells}
        self.assertEqual(expected.numbers_and_texts(report) - said, set())

    def check_no_number_is_without_its_path(self, _report: Any, page: Page) -> None:
        for text in page.evaluate(REST):
            # The server's error is a name.
            self.assertNotRegex(text.replace("(1040)", ""), r"\d")

    def check_charts_draw_what_the_report_says(self, report: Any, page: Page) -> None:
        drawn = page.evaluate(CHARTS)
        wanted = expected.charts(report)
        self.assertEqual(drawn.keys(), wanted.keys())
        for name, chart in wanted.items():
            self.assertEqual(drawn[name]["labels"], list(chart.lines), name)
            for line, values in zip(drawn[name]["data"], [chart.x, *chart.lines.values()]):
                self.assertEqual(len(line), len(values), name)
                for seen, value in zip(line, values):
                    self.assertAlmostEqual(seen, value, msg=name)
            self.assertEqual(drawn[name]["marks"], chart.marks, name)
            self.assertGreater(page.evaluate(DRAWN, name), 100, name)

    def check_the_verdict_comes_first(self, report: Any, page: Page) -> None:
        word = "PASS" if report["verdict"]["pass"] else "FAIL"
        self.assertEqual(page.locator("h1").text_content(), f"Load test: {word}")
        self.assertEqual(page.title(), f"{word} · load test")
        colours = page.evaluate(VERDICT_COLOURS, f"--{word.lower()}")
        self.assertEqual(colours[0], colours[1])
        for kind in ("reasons", "notes"):
            said = page.locator(f".verdict .{kind} li").all_text_contents()
            self.assertEqual(said, report["verdict"][kind])

    def check_nothing_is_wider_than_its_place(self, _report: Any, page: Page) -> None:
        self.assertEqual(page.evaluate(WIDER), [])
        before = page.viewport_size
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function(FITTED)
        self.assertEqual(page.evaluate(WIDER), [])
        page.set_viewport_size(before)

    def check_no_text_becomes_an_element(self, _report: Any, page: Page) -> None:
        self.assertEqual(page.locator("img").count(), 0)
        self.assertEqual(page.locator("script").count(), 2)
        for link in page.locator("a").all():
            self.assertTrue(link.evaluate("(link) => link.href").startswith(PAGES.as_uri()))


class Comparison(InABrowser):
    NAME = "comparison"

    def test_runs_are_side_by_side_or_one_below_the_other(self):
        for device, beside in (("desktop", True), ("phone", False)):
            page = self.open(self.NAME, viewport=SIZES[device])
            for part in ("h2", "tiles", "block"):
                selector = ".run h2" if part == "h2" else f".run .{part}"
                boxes = [box.bounding_box() for box in page.locator(selector).all()]
                first, second = boxes[0], boxes[len(boxes) // 2]
                self.assertEqual(first["y"] == second["y"], beside, part)
                self.assertEqual(first["x"] == second["x"], not beside, part)
            names = page.locator(".run h2").all_text_contents()
            self.assertEqual(names, ["Without admissionfor comparison", "With admissionjudged"])

    def test_runs_have_one_scale_until_told_otherwise(self):
        page = self.open(self.NAME)
        charts = page.evaluate(CHARTS)
        for kind in ("timeline", "connections", "slots", "latency"):
            for scale in ("x", "y"):
                off, on = (charts[f"{index}.{kind}"][scale] for index in (0, 1))
                self.assertEqual(off, on, kind)
        shared = charts["1.timeline"]["y"]
        boxes = page.get_by_label("each run on its own scale")
        boxes.first.focus()
        page.keyboard.press("Space")
        self.assertTrue(boxes.last.is_checked())
        own = page.evaluate(CHARTS)["1.timeline"]["y"]
        self.assertLess(own[1], shared[1])
        boxes.last.uncheck()
        self.assertEqual(page.evaluate(CHARTS)["1.timeline"]["y"], shared)

    def test_cursors_of_a_run_move_together(self):
        page = self.open(self.NAME)
        page.locator(".u-over").first.hover()
        lefts = "() => Object.fromEntries(Object.entries(charts).map(([n, c]) => [n, c.cursor.left]))"
        at = page.evaluate(lefts)
        self.assertGreater(at["0.timeline"], 0)
        for name in ("0.connections", "0.slots"):
            self.assertAlmostEqual(at[name], at["0.timeline"], delta=1)
        for name in ("1.timeline", "1.connections", "1.slots"):
            self.assertLess(at[name], 0)
        # The legend says what is under the cursor.
        index = page.evaluate("() => charts['0.timeline'].cursor.idx")
        run = REPORTS[self.NAME]["runs"][0]
        said = page.locator(".u-legend").first.locator(".u-value").all_text_contents()
        self.assertEqual(said[1], f"{run['timeline']['offered'][index]:,}")

    def test_charts_take_up_the_colours_of_day_and_night(self):
        page = self.open(self.NAME, color_scheme="light")
        picture = "charts['0.timeline'].ctx.canvas.toDataURL()"
        light = page.evaluate(picture)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"(light) => {picture} !== light", arg=light)
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"(light) => {picture} === light", arg=light)

    def test_charts_are_as_wide_as_their_place(self):
        page = self.open(self.NAME)
        for width in (1280, 700, 390, 1000):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_function(FITTED)

    def test_it_prints_in_the_colours_of_day_within_the_paper(self):
        page = self.open(self.NAME, color_scheme="dark")
        wide = "(width) => Object.values(charts).every((chart) => chart.width === width)"
        screen = page.evaluate("() => charts['0.timeline'].width")
        page.emulate_media(media="print")
        page.wait_for_function(wide, arg=620)
        ground = "() => getComputedStyle(document.documentElement).getPropertyValue('--surface')"
        self.assertEqual(page.evaluate(ground).strip(), "#fff")
        page.emulate_media(media="screen")
        page.wait_for_function(wide, arg=screen)

    def test_paper_shows_the_same_by_day_and_by_night(self):
        def printed(scheme: str) -> str:
            page = self.open(self.NAME, color_scheme=scheme)
            # All that a browser says before it prints.
            page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
            return page.evaluate("() => charts['0.slots'].ctx.canvas.toDataURL()")

        self.assertTrue(printed("dark") == printed("light"))

    def test_it_can_be_read_without_seeing_it(self):
        page = self.open(self.NAME)
        levels = page.evaluate(
            "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))"
        )
        self.assertEqual(levels[0], 1)
        for above, level in zip(levels, levels[1:]):
            self.assertLessEqual(level, above + 1, levels)
        for canvas in page.locator("canvas").all():
            self.assertEqual(canvas.get_attribute("role"), "img")
            self.assertGreater(len(canvas.get_attribute("aria-label")), 20)
        self.assertEqual(page.locator("main th:not([scope]):not(.uplot *)").count(), 0)

    def test_without_scripts_it_says_where_the_numbers_are(self):
        page = self.open(self.NAME, java_script_enabled=False)
        self.assertIn("report.json", page.locator("body").inner_text())


class Missing(InABrowser):
    def test_what_is_missing_says_why(self):
        texts = {name: self.open(name).locator("main").inner_text() for name in REPORTS}
        aws, hostile = REPORTS["aws"], REPORTS["hostile"]
        self.assertIsNone(aws["runs"][0]["server"])
        for sentence in (
            "No address of the database was given",
            "No table was given",
            "counted from the time at which each request was due",
            "Sent late: 17 requests",
        ):
            self.assertIn(sentence, texts["aws"])
        failure = hostile["runs"][0]["serverFailure"]
        self.assertIn(f"The database could not be watched: {failure}", texts["hostile"])
        for sentence in ("No request was started", "There was no answer", "interrupted"):
            self.assertIn(sentence, texts["hostile"])
        self.assertIn("coordinated omission", texts["comparison"])
        self.assertIn("goose-2-on.html (its graphs need the network)", texts["comparison"])
        self.assertNotIn("Sent late", texts["comparison"])

    def test_a_hold_that_the_test_did_not_set_is_the_deployments(self):
        said = 'div:has(> dt:text-is("connection held for")) > dd'
        held = {name: self.open(name).locator(said).text_content() for name in REPORTS}
        self.assertEqual(held["comparison"], "2\u202fs")
        self.assertEqual(held["aws"], "0.25\u202fsas deployed: the test did not set it")

    def test_a_report_from_before_there_was_a_key_is_drawn(self):
        older = {key: REPORTS["aws"][key] for key in REPORTS["aws"] if key not in LATER}
        text = self.drawn(older).locator("main").inner_text()
        self.assertIn("No query function was named", text)

    def test_connections_that_the_account_can_not_tell_apart_are_not_drawn_apart(self):
        report = json.loads(json.dumps(REPORTS["comparison"]))
        server = report["runs"][0]["server"]
        server["peakService"], server["samples"]["service"] = None, []
        page = self.drawn(report)
        drawn = page.evaluate(CHARTS)
        self.assertEqual(drawn["0.connections"]["labels"], ["all"])
        self.assertEqual(drawn["1.connections"]["labels"], ["all", "the service's"])
        self.assertIn("it lacks PROCESS", page.locator("main").inner_text())
        for path, text in page.evaluate(CELLS):
            expected.check_cell(self, report, path, text)

    def drawn(self, report: Any) -> Page:
        """The page of another report."""
        path = PAGES / "another.json"
        path.write_text(json.dumps(report))
        draw(path)
        return self.open("another")


if __name__ == "__main__":
    unittest.main()
