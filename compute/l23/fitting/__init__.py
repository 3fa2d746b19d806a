"""How the constants of the routes were fitted; nothing here runs when a spectrum is computed.

Each module is a command (``python -m compute.l23.fitting.cheap_prefactors``) that repeats its fit
and prints it beside what is in use. What the fits compare with is in ``published.json`` and in
:mod:`compute.l23.fitting.references`.
"""
