"""What the whole suite shares: no window is opened, and the compiled loops of one run serve the next."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's idle threads would spin on the cores of the other worker
os.environ["SYNFIRE_CACHE"] = str(ROOT / ".pytest_cache" / "synfire")  # keyed by the sources, so it cannot run stale
if "SYNFIRE_DATA" not in os.environ and (ROOT.parent / "shared" / "data").is_dir():
    os.environ["SYNFIRE_DATA"] = str(ROOT.parent / "shared" / "data")
