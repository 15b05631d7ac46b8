#!/usr/bin/env python3
"""Writes the sample trace zipf.oracleGeneral.zst, and prints libCacheSim's LRU hits for it.

Needs the program zstd. For the hits it needs Python's package libcachesim (tried with 0.3.5);
without it, only the trace is written. The same trace results each time.
"""

import bisect
import itertools
import pathlib
import random
import struct
import subprocess
import tempfile

EVENTS = 40_000
OBJECTS = 3_000
EXPONENT = 0.8
EVENTS_PER_SECOND = 2
# Every so many events, the popular objects are others by this many places.
DRIFT_EVENTS, DRIFT_PLACES = 2_000, 30
CAPACITIES = [100, 300, 1_000]

trace = pathlib.Path(__file__).with_name("zipf.oracleGeneral.zst")
draw = random.Random(20260314)
weights = list(itertools.accumulate(rank**-EXPONENT for rank in range(1, OBJECTS + 1)))
records = bytearray()
objects = set()
for event in range(EVENTS):
    rank = bisect.bisect(weights, draw.random() * weights[-1])
    number = (min(rank, OBJECTS - 1) + event // DRIFT_EVENTS * DRIFT_PLACES) % OBJECTS
    objects.add(number)
    records += struct.pack("<IQIq", event // EVENTS_PER_SECOND, number, 1, -1)

with tempfile.TemporaryDirectory() as place:
    raw = pathlib.Path(place, "zipf.oracleGeneral")
    raw.write_bytes(records)
    subprocess.run(["zstd", "-19", "-f", "-q", str(raw), "-o", str(trace)], check=True)
    print(f"{EVENTS} events, {len(objects)} objects, {trace.stat().st_size} bytes")
    import libcachesim

    for capacity in [*CAPACITIES, OBJECTS]:
        reader = libcachesim.TraceReader(
            str(raw),
            libcachesim.TraceType.ORACLE_GENERAL_TRACE,
            libcachesim.ReaderInitParam(ignore_obj_size=True),
        )
        misses, _ = libcachesim.LRU(cache_size=capacity).process_trace(reader)
        print(f"{capacity} objects: {round((1 - misses) * EVENTS)} hits")
