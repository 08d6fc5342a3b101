"""Takes pictures of a report's page, for the README and to look at:
screenshots.py REPORT.html FOLDER. Desktop and phone, light and dark."""

import pathlib
import sys

from browser import SIZES, chromium
from playwright.sync_api import Page

# A phone's page is eight screens long: its picture ends here.
HEIGHTS = {"phone": 1080}


def picture(page: Page, device: str, path: pathlib.Path) -> None:
    """The whole page, or the top of it."""
    clip = None
    if device in HEIGHTS:
        clip = {"x": 0, "y": 0, "width": SIZES[device]["width"], "height": HEIGHTS[device]}
    page.screenshot(path=path, full_page=True, clip=clip)


def main() -> None:
    page_file, folder = (pathlib.Path(argument) for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for device, viewport in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    viewport=viewport, color_scheme=scheme, device_scale_factor=1
                )
                page.goto(page_file.resolve().as_uri())
                picture(page, device, folder / f"{device}-{scheme}.png")
                page.close()


if __name__ == "__main__":
    main()
