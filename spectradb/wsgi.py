"""WSGI entry point."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
application = get_wsgi_application()


def _compile() -> None:
    from compute.isolation import start
    from compute.multiplet.warm import compile_kernels

    start()
    compile_kernels()


# Pages that need no engine are served meanwhile; whoever asks it waits only for what is left.
threading.Thread(target=_compile, name="kernels", daemon=True).start()
