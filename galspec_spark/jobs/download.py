"""Fetch SDSS spectra of a release from the Science Archive Server, or a mirror of it.

A rerun resumes. Files keep the archive's folders below the output folder.
"""

import argparse
from pathlib import Path
from typing import Any

from galspec_spark.download.fetch import download
from galspec_spark.download.sas import KINDS, Archive
from galspec_spark.download.templates import download_templates
from galspec_spark.download.wanted import listed_plates, parse_plates, read_list
from galspec_spark.harness.cli import job_parser, run_without_spark
from galspec_spark.harness.options import local_path
from galspec_spark.harness.run import Run


def work(run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Download what the options name."""
    archive = Archive(args.base_url, args.release.lower(), args.kind)
    output = Path(args.output).absolute()
    if args.templates:
        return download_templates(run, output)
    if args.plates is not None:
        plates = parse_plates(args.plates, args.run2d)
        return download(run, archive, plates, len(plates), output)
    count, listed = listed_plates(read_list(Path(args.list), args.run2d, args.kind))
    return download(run, archive, listed, count, output)


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--plates",
        nargs="+",
        metavar="PLATE",
        help="whole plates (266) or SDSS-V fields, or all fibres of one night (266-51630)",
    )
    which.add_argument(
        "--list",
        metavar="FILE",
        help="CSV file with columns plate, mjd, fiber or fiberid, and run2d where it varies; "
        "for SDSS-V with field, mjd and catalogid",
    )
    which.add_argument(
        "--templates",
        action="store_true",
        help="the spectra of stars that SDSS measures lines with (lines.templates)",
    )
    parser.add_argument(
        "--output", type=local_path, default="archive", metavar="DIR", help="folder of the files"
    )
    parser.add_argument("--release", default="dr17", metavar="NAME", help="data release")
    parser.add_argument(
        "--run2d",
        default="26",
        metavar="VERSION",
        help="version of the reduction: 26, 103 or 104 of SDSS, for example v5_13_2 of eBOSS or "
        "v6_1_3 of SDSS-V",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="lite",
        help="spectra as short (lite) or long (full) files, or plate files with classifications",
    )
    parser.add_argument(
        "--base-url", default="https://data.sdss.org/sas", metavar="URL", help="root of the archive"
    )
    return run_without_spark("download", parser, work, output="output")
