"""What the web server says of itself: warnings, on standard error, and none about what was set on purpose."""

import inspect
import subprocess
import sys

from app.cli.server import LOGGING

SAYS = """
import json, sys
from granian.log import LogLevels, configure_logging, logger
configure_logging(LogLevels.warning, json.load(open(sys.argv[1])))
for text in sys.argv[2:]:
    logger.warning(text)
logger.info("nobody has to know")
"""


def test_the_number_of_threads_is_no_warning_and_the_rest_is():
    from granian.server import mp

    text = "Configuration allows spawning up to "
    assert text in inspect.getsource(mp), "as this version of granian words it"
    command = [sys.executable, "-c", SAYS, str(LOGGING), text + "8 Python threads", "Killing worker-1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "[WARNING] Killing worker-1\n")
