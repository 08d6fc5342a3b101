"""The Chromium that this machine has, without a window."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

# What is asked for the browser's own sake would be counted as the page's.
QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# In a container the browser runs as root, which its sandbox does not support.
ARGUMENTS = ["--no-sandbox", *QUIET]
NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


def program() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise SystemExit(f"no Chromium here (looked for {', '.join(NAMES)}): local/setup.sh installs it")
    return found


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
