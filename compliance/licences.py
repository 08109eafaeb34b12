"""The licence gate: every installed package has a licence we may ship beside, or a named exception with its reason.

Reads what packages say of themselves (pip-licenses); does not prove that their files agree with it.
Exit 0 when all pass, 1 with one line per package that does not. Run as `python compliance/licences.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from license_expression import AND, OR, ExpressionError, LicenseExpression, get_spdx_licensing

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC",
    "MIT", "MIT-0", "OFL-1.1", "PSF-2.0", "Unlicense", "Zlib",
})  # fmt: skip

EXCEPTIONS = {
    ("psycopg", "LGPL-3.0-only"): "dynamic dependency, replaceable by the user; not copied into this package",
    ("psycopg-binary", "LGPL-3.0-only"): "as psycopg",
    ("certifi", "MPL-2.0"): "unmodified files, copyleft by file; only a list of certificates",
    ("tqdm", "MPL-2.0 AND MIT"): "unmodified files, copyleft by file; needed by transformers",
    ("pathspec", "MPL-2.0"): "development only",
    ("hypothesis", "MPL-2.0"): "development only",
    ("fqdn", "MPL-2.0"): "development only",
}
"""(package, licence as stated) → why it may stay. A package that changes its licence loses its exception."""

SPOKEN = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What older packages write instead of SPDX, from trove classifiers and licence fields."""

_UNKNOWN = "UNKNOWN"
_LONGEST_NAME = 80


def main() -> int:
    """Print every package that may not stay, and return the exit code."""
    tool = Path(sys.executable).with_name("pip-licenses")
    listed = subprocess.run([str(tool), "--format=json", "--from=all"], capture_output=True, check=True, text=True)
    packages = json.loads(listed.stdout)
    refused = [f"{package['Name']} {package['Version']}: {stated}" for package in packages if (stated := refusal(package)) is not None]
    for line in refused:
        print(f"licence not allowed: {line}", file=sys.stderr)
    if not refused:
        print(f"licences: {len(packages)} packages, all allowed ({len(EXCEPTIONS)} named exceptions)")
    return 1 if refused else 0


def refusal(package: dict[str, str]) -> str | None:
    """Return the stated licence when it is not allowed, None when the package may stay. No statement is a refusal."""
    stated = stated_licence(package)
    if (package["Name"], stated) in EXCEPTIONS or is_allowed(stated):
        return None
    return stated


def stated_licence(package: dict[str, str]) -> str:
    """Return what a package says, as SPDX where it can be read so; expression first, then classifier, then free text."""
    expression = package.get("License-Expression") or _UNKNOWN
    if expression != _UNKNOWN:
        return expression
    classifiers = package["License-Classifier"]
    if classifiers != _UNKNOWN:
        return " AND ".join(SPOKEN.get(part, part) for part in classifiers.split("; "))
    text = package["License-Metadata"].strip()
    # Some packages put the whole licence text into the field: that is no name, and nobody has read it here.
    return SPOKEN.get(text, text) if len(text) <= _LONGEST_NAME else _UNKNOWN


def is_allowed(stated: str) -> bool:
    """Return whether an SPDX expression is satisfied by allowed licences alone; what cannot be parsed is not."""
    try:
        tree = get_spdx_licensing().parse(stated, validate=True)
    except ExpressionError:
        return False
    return tree is not None and _is_satisfied(tree)


def _is_satisfied(tree: LicenseExpression) -> bool:
    if isinstance(tree, OR):
        return any(_is_satisfied(part) for part in tree.args)
    if isinstance(tree, AND):
        return all(_is_satisfied(part) for part in tree.args)
    return str(tree) in ALLOWED


if __name__ == "__main__":
    sys.exit(main())
