"""The page in a real browser: every chart drawn, nothing requested, no console error."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from entrepot.report.brief import Brief

from . import conftest as sample

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)

pytestmark = [
    pytest.mark.needs_chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium binary on the path; none is found"),
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=8000", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

# Records what the page asks for beyond itself, and what its own policy refuses.
WATCH = """
<script>
window.refused = [];
addEventListener("securitypolicyviolation", (event) => refused.push(event.blockedURI));
addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((r) => setTimeout(r, 20));
  const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
  document.documentElement.dataset.requests = JSON.stringify([...asked, ...refused]);
});
</script>
"""

# Presses each download button with the saving replaced by a record of what would be saved.
PROBE = """
<script>
const make = URL.createObjectURL;
const kept = [];
URL.createObjectURL = (blob) => { blob.text().then((t) => kept.push(t)); return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () {
  if (this.href.startsWith("data:")) kept.push(this.href.slice(0, 14));
};
addEventListener("load", async () => {
  while (document.documentElement.dataset.charts !== "drawn") await new Promise((r) => setTimeout(r, 20));
  for (const q of ['get=rows', 'get=json', 'get=csv', 'get=png', 'mode=share']) {
    document.querySelector(`[data-${q}]`).click();
    await new Promise((r) => setTimeout(r, 300));
  }
  const out = document.createElement("pre");
  out.id = "kept";
  out.textContent = JSON.stringify(kept);
  document.body.append(out);
});
</script>
"""


def visit(page: Path, profile: Path, *more: str) -> tuple[str, list[str]]:
    """Return the page as the browser built it, and what it said on the console."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *more, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_every_chart_is_drawn_and_nothing_is_requested(brief: Brief, tmp_path: Path) -> None:
    page = tmp_path / "b.html"
    page.write_text(brief.html().replace("<head>", "<head>" + WATCH, 1), encoding="utf-8")
    dom, console = visit(page, tmp_path / "profile")
    assert console == []
    assert 'data-charts="drawn"' in dom
    assert 'data-requests="[]"' in dom
    sizes = re.findall(r'class="marks" width="(\d+)" height="(\d+)"', dom)
    assert len(sizes) == len([figure for figure in sample.FIGURES if figure.kind != "cards"])
    assert all(int(width) > 100 and int(height) > 40 for width, height in sizes)
    assert "NaN" not in re.sub(r"<script.*?</script>", "", dom, flags=re.S)


def test_the_watch_sees_a_request(brief: Brief, tmp_path: Path) -> None:
    page = tmp_path / "b.html"
    leak = '<img src="https://example.org/x.png" alt="">'
    page.write_text(
        brief.html().replace("<head>", "<head>" + WATCH, 1).replace("<main", leak + "<main", 1),
        encoding="utf-8",
    )
    dom, _ = visit(page, tmp_path / "profile")
    assert "example.org" in dom.partition("data-requests=")[2][:80]


def test_downloads_hold_the_data(brief: Brief, tmp_path: Path) -> None:
    page = tmp_path / "b.html"
    before, end, after = brief.html().rpartition("</body>")
    page.write_text(before + PROBE + end + after, encoding="utf-8")
    dom, console = visit(page, tmp_path / "profile")
    assert console == []
    found = re.search(r'<pre id="kept">(.*?)</pre>', dom, re.S)
    assert found is not None
    rows, answer, chart, picture = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert rows.splitlines()[:2] == [
        "partner,code,since,value,share",
        "Country <0>,000000,2022-01-01,-1234.56,0.5",
    ]
    assert json.loads(answer)["question"] == "direction"
    assert chart.splitlines()[0] == "year,bloc,value"
    assert picture == "data:image/png"
    assert 'data-mode="share" aria-pressed="true"' in dom
