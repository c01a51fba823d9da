"""What a WSGI server loads: the application around the ledger of CREDENCE_HOME and DATABASE_URL.

    granian --interface wsgi --workers 2 --blocking-threads 8 --backpressure 128 --workers-kill-timeout 10 wsgi:app
    gunicorn --worker-class gthread --workers 2 --threads 4 --no-control-socket wsgi:app

Each worker process loads this file for itself and has its own connections.
"""

import gc

from app.services.bureau import Bureau
from app.services.home import Home
from app.services.lifeline import die_with_parent
from app.web import from_environment

die_with_parent()  # a worker whose master was killed must not keep the port
app = from_environment(Bureau.open(Home.from_environment()))
gc.freeze()  # what was loaded is here to stay: no collection looks through it again
gc.set_threshold(20_000, 50, 50)  # an inquiry makes a thousand objects, of which a few are part of a circle
