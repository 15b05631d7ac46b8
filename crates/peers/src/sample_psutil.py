"""The smallest loop that samples the machine with psutil: host | processes | everything, the
interval in milliseconds, and how many samples beyond the first, which is not counted."""

import sys
import time

import psutil


def host():
    psutil.cpu_times(percpu=True)
    psutil.cpu_stats()
    psutil.getloadavg()
    psutil.virtual_memory()
    psutil.swap_memory()
    psutil.disk_io_counters(perdisk=True)
    psutil.net_io_counters(pernic=True)


def processes(everything):
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                process.cpu_times()
                process.memory_info()
                if everything:
                    process.io_counters()
                    process.num_ctx_switches()
                    process.num_threads()
                    process.num_fds()
        except psutil.Error:
            pass


def sample(reach):
    host()
    if reach != "host":
        processes(reach == "everything")


reach, interval, count = sys.argv[1], int(sys.argv[2]) / 1000, int(sys.argv[3])
sample(reach)
began, used = time.monotonic(), time.process_time()
for n in range(1, count + 1):
    time.sleep(max(0.0, began + n * interval - time.monotonic()))
    sample(reach)
seconds, used = time.monotonic() - began, time.process_time() - used
print(f"operations={count} seconds={seconds:.6f} cpu_per_operation_ns={used / count * 1e9:.0f}")
