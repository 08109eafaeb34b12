"""What is named as having drawn the numbers."""

from __future__ import annotations

import numpy as np
import scipy

from rtbf.statistics.drawn import drawn_by


def test_the_libraries_that_draw_are_named_with_their_versions() -> None:
    assert drawn_by() == (("numpy", np.__version__), ("scipy", scipy.__version__))
