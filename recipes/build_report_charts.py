"""Builds the one JavaScript file that draws the report's figures, from the npm packages pinned below.

Needs Node.js and npm on the machine that builds it, and nowhere else: the result, `charts.min.js`, is package
data. It leaves out what the report never draws (maps, trees, forces, word clouds) and carries the expression
interpreter, so that a page with a strict content security policy can use it. The licences of every package
that went in are written beside it.

    python recipes/build_report_charts.py
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

PACKAGES = {"vega": "6.4.0", "vega-lite": "6.4.1", "vega-interpreter": "2.3.2", "esbuild": "0.28.2"}
STATIC = Path(__file__).resolve().parents[1] / "src" / "mixedsignals" / "report" / "static"

VEGA = """
import * as transforms from 'vega-transforms'; import * as views from 'vega-view-transforms';
import * as encoders from 'vega-encode'; import {transforms as registry} from 'vega-dataflow';
import {extend} from 'vega-util';
extend(registry, transforms, views, encoders);
export {View} from 'vega-view'; export {parse} from 'vega-parser'; export * from 'vega-util';
"""
ENTRY = """
import {View, parse} from 'vega'; import {compile} from 'vega-lite';
import {expressionInterpreter} from 'vega-interpreter';
export {View, parse, compile, expressionInterpreter};
"""


def build(work: Path) -> None:
    """Install the pinned packages into `work`, bundle them, and write bundle and licences into the package."""
    (work / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    subprocess.run(["npm", "install", "--silent", "--ignore-scripts"], cwd=work, check=True)
    (work / "vega.mjs").write_text(VEGA)
    (work / "entry.mjs").write_text(ENTRY)
    versions = ", ".join(f"{name} {version}" for name, version in PACKAGES.items() if name != "esbuild")
    banner = f"/*! {versions}, and what they need (BSD-3-Clause and ISC): see charts.licences.txt */"
    target = STATIC / "charts.min.js"
    command = [
        "node_modules/.bin/esbuild",
        "entry.mjs",
        "--bundle",
        "--minify",
        "--format=iife",
        "--target=es2020",
    ]
    command += [
        "--alias:vega=./vega.mjs",
        "--global-name=mixedsignalsCharts",
        "--legal-comments=none",
        "--charset=ascii",
    ]
    command += [f"--banner:js={banner}", "--metafile=meta.json", f"--outfile={target}", "--log-level=warning"]
    subprocess.run(command, cwd=work, check=True)
    (STATIC / "charts.licences.txt").write_text(licences(work), encoding="utf-8")


def licences(work: Path) -> str:
    """Name, version, licence and licence text of every package of which a line is in the bundle."""
    inputs = json.loads((work / "meta.json").read_text())["outputs"].popitem()[1]["inputs"]
    used = {
        path.split("node_modules/")[-1].split("/")[0]
        for path, part in inputs.items()
        if part["bytesInOutput"] and "node_modules" in path
    }
    texts = []
    for name in sorted(used):
        folder = work / "node_modules" / name
        about = json.loads((folder / "package.json").read_text())
        text = next((path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICEN[SC]E*"))), "")
        if not text:
            raise SystemExit(f"{name} carries no licence text; look at it before bundling")
        texts.append(f"{name} {about['version']} ({about['license']})\n\n{text.strip()}\n")
    return f"\n{'-' * 80}\n\n".join(texts)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
    print(
        *(f"{path.name}: {path.stat().st_size:,} bytes" for path in sorted(STATIC.glob("charts.*"))), sep="\n"
    )
