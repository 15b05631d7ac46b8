//! Content of the kernel's files on a healthy made-up machine.

/// Paths, relative to the root, and contents of the files that a sampler reads on a healthy
/// machine, without control groups.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  10 0 10 80 5 1 1 1 2 1\ncpu0 10 0 10 80 5 1 1 1 2 1\ncpu1 1 2 3 4 5 6 7 8 9 10\n\
         ctxt 100\nprocesses 7\nprocs_running 2\nprocs_blocked 1\n",
    ),
    ("proc/loadavg", "0.50 0.25 0.10 2/64 99\n"),
    ("proc/sys/fs/file-nr", "300 0 1000\n"),
    (
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemAvailable: 250 kB\nAnonPages: 40 kB\nShmem: 2 kB\nBuffers: 1 kB\nCached: 9 kB\nDirty: 1 kB\n\
         Writeback: 1 kB\nSlab: 8 kB\nSReclaimable: 5 kB\nAnonHugePages: 0 kB\n\
         HugePages_Total: 3\nHugePages_Free: 1\nHugepagesize: 2048 kB\nSwapTotal: 9 kB\n\
         SwapFree: 3 kB\n",
    ),
    (
        "proc/vmstat",
        "pswpin 1\npswpout 2\npgmajfault 3\noom_kill 0\npgscan_direct 4\npgscan_kswapd 5\n\
         workingset_refault_anon 1\nworkingset_refault_file 2\n",
    ),
    (
        "proc/diskstats",
        "8 0 sda 10 1 100 5 20 2 200 6 1 10 11\n8 16 sdb 1 1 1 1 1 1 1 1 1 1 1\n",
    ),
    (
        "proc/net/dev",
        "a\nb\n lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n eth0: 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6\n",
    ),
    (
        "proc/net/snmp",
        "Tcp: CurrEstab OutSegs RetransSegs\nTcp: 3 9 1\nUdp: InDatagrams InErrors\nUdp: 9 1\n",
    ),
    (
        "proc/net/netstat",
        "TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 2\n",
    ),
    ("proc/net/sockstat", "TCP: inuse 1 orphan 0 tw 3\n"),
    (
        "proc/net/softnet_stat",
        "0000000a 00000001 00000002 0 0 0 0 0 0 0 0 0 00000000 0 0\n\
         0000000b 00000000 00000000 0 0 0 0 0 0 0 0 0 00000001 0 0\n",
    ),
    ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("proc/sys/net/netfilter/nf_conntrack_count", "12\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
    (
        "proc/net/stat/nf_conntrack",
        "entries found insert_failed drop early_drop\n0c 0 1 2 3\n0c 0 1 0 0\n",
    ),
    (
        "proc/spl/kstat/zfs/arcstats",
        "9 1 0x01 98 26656 1 2\nname type data\nc_min 4 100\nsize 4 200\n",
    ),
    (
        "proc/net/tcp",
        "  sl local rem st\n 0: 0100007F:1538 0:0 0A 0:0 0:0 0 0 0 77 1\n",
    ),
    (
        "proc/net/tcp6",
        "  sl local rem st\n 0: 00:1538 0:0 01 0:0 0:0 0 0 0 78 1\n",
    ),
    ("proc/pressure/cpu", PRESSURE),
    ("proc/pressure/memory", PRESSURE),
    ("proc/pressure/io", PRESSURE),
    (
        "proc/7/stat",
        "7 (a) R 1 (b) S 1 1 1 0 -1 0 11 0 12 0 40 30 20 10 20 0 1 0 99 100 5 0 0 0\n",
    ),
    (
        "proc/7/io",
        "rchar: 10\nwchar: 20\nread_bytes: 4096\nwrite_bytes: 8192\n",
    ),
    ("proc/7/status", "Name:\tx\nVmSwap:\t  12 kB\n"),
    ("proc/7/smaps_rollup", "0-f rollup\nPss:   5 kB\n"),
    ("proc/7/schedstat", "1 100 3\n"),
    ("proc/7/task/7/schedstat", "1 100 3\n"),
    ("proc/7/task/8/schedstat", "1 50 2\n"),
    ("proc/7/cmdline", "server\0--password\0secret\0"),
    ("sys/class/hwmon/hwmon0/name", "chip\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "45500\n"),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        "2400000\n",
    ),
];

/// Content of `proc/stat` at the second sample, later than that in [`FILES`].
pub(crate) const LATER_STAT: &str = "cpu  40 10 20 190 9 2 3 4 4 2\ncpu0 35 10 15 150 9 2 3 4 4 2\n\
                          cpu1 9 9 9 9 9 9 9 9 9 10\nctxt 150\nprocesses 9\nprocs_running 1\n";

const PRESSURE: &str = "some avg10=0.00 total=10\nfull avg10=0.00 total=5\n";

/// Paths and contents of the files of the control group `/a` in version 2, which has limits.
pub(crate) const VERSION_TWO: &[(&str, &str)] = &[
    ("proc/self/cgroup", "0::/a\n"),
    ("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n"),
    (
        "sys/fs/cgroup/a/cpu.stat",
        "usage_usec 100\nnr_periods 10\nnr_throttled 1\nthrottled_usec 5\n",
    ),
    ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
    ("sys/fs/cgroup/a/memory.current", "4096\n"),
    ("sys/fs/cgroup/a/memory.stat", "inactive_file 100\n"),
    ("sys/fs/cgroup/a/memory.max", "8192\n"),
    (
        "sys/fs/cgroup/a/memory.events",
        "high 2\nmax 3\noom_kill 0\n",
    ),
    ("sys/fs/cgroup/a/pids.current", "3\n"),
    ("sys/fs/cgroup/a/pids.max", "9\n"),
    ("sys/fs/cgroup/a/pids.events", "max 1\n"),
    ("sys/fs/cgroup/a/io.stat", "8:0 rbytes=1 wbytes=2\n"),
    ("sys/fs/cgroup/a/cpu.pressure", PRESSURE),
    ("sys/fs/cgroup/a/memory.pressure", PRESSURE),
    ("sys/fs/cgroup/a/io.pressure", PRESSURE),
];

/// Paths and contents of the files of the control group `/a` in version 1, which has limits.
pub(crate) const VERSION_ONE: &[(&str, &str)] = &[
    (
        "proc/self/cgroup",
        "4:cpu,cpuacct:/a\n3:memory:/a\n2:blkio:/a\n",
    ),
    ("sys/fs/cgroup/cpuacct/a/cpuacct.usage", "1000\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "150000\n"),
    ("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
    (
        "sys/fs/cgroup/cpu/a/cpu.stat",
        "nr_periods 5\nnr_throttled 1\nthrottled_time 7\n",
    ),
    ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "4096\n"),
    (
        "sys/fs/cgroup/memory/a/memory.stat",
        "total_inactive_file 9\n",
    ),
    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "8192\n"),
    ("sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill 0\n"),
    (
        "sys/fs/cgroup/blkio/a/blkio.throttle.io_service_bytes",
        "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
    ),
];
