//! `/proc/loadavg` and `/proc/sys/fs/file-nr`: load averages of the host, and its number of open
//! files.

/// Load averages of the host, and the number of its threads. A load average is a mean number of
/// tasks that run, wait for a CPU or wait uninterruptibly, mostly for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadSample {
    /// Load average over about the last minute, exponentially weighted.
    pub one: f64,
    /// Load average over about the last five minutes, exponentially weighted.
    pub five: f64,
    /// Load average over about the last fifteen minutes, exponentially weighted.
    pub fifteen: f64,
    /// Number of threads of all processes, running or not; `None` if the file does not state it.
    pub tasks: Option<u64>,
}

/// Open files of all processes of the host, and the limit on their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HandleSample {
    /// Number of files that are open now.
    pub open: u64,
    /// Limit of the host on the number of open files (`fs.file-max`); `None` if the file does not
    /// state it.
    pub most: Option<u64>,
}

/// Parses `/proc/loadavg`: `one five fifteen runnable/tasks last_pid`. `None` if one of the
/// averages is missing, negative or not finite.
pub(super) fn parse_loadavg(text: &str) -> Option<LoadSample> {
    let mut words = text.split_ascii_whitespace();
    let mut average = || -> Option<f64> {
        let value: f64 = words.next()?.parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    Some(LoadSample {
        one: average()?,
        five: average()?,
        fifteen: average()?,
        tasks: words
            .next()
            .and_then(|counts| counts.split_once('/')?.1.parse().ok()),
    })
}

/// Parses `/proc/sys/fs/file-nr`: `allocated unused most`. Open files are the allocated ones less
/// the unused ones. `None` if either is missing or malformed.
pub(super) fn parse_file_nr(text: &str) -> Option<HandleSample> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    let (allocated, unused) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(HandleSample {
        open: allocated.checked_sub(unused)?,
        most: numbers.next().and_then(Result::ok),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_counts_are_read() {
        let load = parse_loadavg("2.49 2.02 1.29 3/118 16001\n").unwrap();
        assert!((load.one - 2.49).abs() < 1e-9 && (load.fifteen - 1.29).abs() < 1e-9);
        assert_eq!(load.tasks, Some(118));
        let handles = parse_file_nr("718\t18\t2466170\n").unwrap();
        assert_eq!((handles.open, handles.most), (700, Some(2_466_170)));
    }

    #[test]
    fn odd_files_give_nothing() {
        for text in ["", "1 2", "nan 1 1 1/2 3", "-1 0 0 1/2 3", "inf 0 0 1/2 3"] {
            assert_eq!(parse_loadavg(text), None, "{text:?}");
        }
        assert_eq!(parse_loadavg("1 1 1 x").unwrap().tasks, None);
        for text in ["", "7", "1 2 3", "x y z"] {
            assert_eq!(parse_file_nr(text), None, "{text:?}");
        }
    }
}
