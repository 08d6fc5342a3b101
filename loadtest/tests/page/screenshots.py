"""Takes pictures of a report's page, for the README and to look at:
screenshots.py REPORT.html FOLDER. Desktop and phone, light and dark."""

import pathlib
import sys

from browser import SIZES, chromium


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
                page.screenshot(path=folder / f"{device}-{scheme}.png", full_page=True)
                page.close()


if __name__ == "__main__":
    main()
