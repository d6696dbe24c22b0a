"""Benchmarks: ``python -m benches [TASK...]``. One file per task, one per peer; wrong answer, no number.

==============  =====================================================================================================
``words``       what the others talk in: Job, Course, Table, Figure, Target
``messages``    the messages, seeded or recorded, and the judge's answers to them
``judge``       dict + sorted + Decimal: the answer that every contender has to give
``rounds``      interleaved rounds of all contenders on one course; medians
``host``        the machine and the versions
``report``      the tables: on screen, RESULTS.md, README; ``chart`` draws
``tasks``       what is measured, a file a task
``peers``       who is measured, a file a peer, all with the same functions
``wire``        the sending and the receiving process of the task ``wire``
==============  =====================================================================================================

A figure is a median over rounds in which all contenders took turns, and a ratio is the median of the ratios within each
round, so that a machine which is busy for a while is busy for everybody.
"""
