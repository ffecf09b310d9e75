"""`python -m tests.simulate SEED [COUNT]`: play seeds again and say what happened."""

import sys
import time
import traceback

from tests.simulate.hits import Hits
from tests.simulate.life import Simulation


def main() -> None:
    """Play, and print each seed that fails."""
    first, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    hits, failed, began = Hits(), 0, time.perf_counter()
    for seed in range(first, first + count):
        try:
            Simulation(seed, hits).play()
        except (Exception, BaseException) as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}")
            if count == 1:
                traceback.print_exc()
    print(hits.table())
    print(f"{failed} of {count} failed, {(time.perf_counter() - began) / count * 1000:.1f} ms each")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
