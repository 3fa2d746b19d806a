"""WSGI entry point."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
application = get_wsgi_application()

if "SPECTRADB_LOADED_BEFORE_FORK" not in os.environ:  # as spectradb.serve does
    from spectradb.warm import load

    # Pages that need no engine are served meanwhile; whoever asks it waits only for what is left.
    threading.Thread(target=load, name="kernels", daemon=True).start()
