"""Reports of the twin's runs: figures with intervals, one page that opens offline, CSV and XLSX; two runs compared.

Measures are those of :mod:`engine.measures`, whatever is said here. A run's folder holds ``index.html``, ``figures.csv`` (a row
per run, interval and slice), ``report.xlsx`` and ``run.json``; :mod:`sim.reports.compare` reads two such folders.
"""
