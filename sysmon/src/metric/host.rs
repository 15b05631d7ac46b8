//! Metrics of load averages, open files and sensors.

use host_metrics::source::load::{HandleSample, LoadSample};

use super::definition::metrics;

metrics! {
    /// Metrics of the load averages, and of the number of threads on the machine.
    LOAD: LoadSample {
        LOAD_1M = gauge("load.average_1m", Some("sysmon_load1"),
            "Load average over one minute.", |l| Some(l.one));
        LOAD_5M = gauge("load.average_5m", Some("sysmon_load5"),
            "Load average over five minutes.", |l| Some(l.five));
        LOAD_15M = gauge("load.average_15m", Some("sysmon_load15"),
            "Load average over fifteen minutes.", |l| Some(l.fifteen));
        TASK_COUNT = level("load.tasks", Some("sysmon_tasks"),
            "Threads of all processes.", |l| l.tasks).should_level_off();
    }
}

metrics! {
    /// Metrics of the files that all processes of the machine have open, and of their limit.
    HANDLES: HandleSample {
        FILES_OPEN = level("handles.open", Some("sysmon_file_handles_open"),
            "Open files of all processes.",
            |h| Some(h.open)).titled("files open").should_level_off();
        FILES_LIMIT = level("handles.most", Some("sysmon_file_handles_limit"),
            "Most files that may be open.", |h| h.most);
    }
}

metrics! {
    /// Metric of the temperature of one sensor; the sample is that temperature in degrees Celsius.
    TEMPERATURES: f64 {
        TEMPERATURE = gauge("temperature.celsius", Some("sysmon_temperature_celsius"),
            "Temperature by sensor.", |celsius| Some(*celsius)).titled("temperature");
    }
}

metrics! {
    /// Metric of the clock of one core; the sample is its frequency in hertz.
    CLOCKS: f64 {
        CORE_CLOCK = gauge("cpu.clock_hertz", Some("sysmon_cpu_clock_hertz"),
            "Clock of a core.", |hertz| Some(*hertz));
    }
}
