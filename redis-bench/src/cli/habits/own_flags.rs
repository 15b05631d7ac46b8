//! Conversion of flags of other tools to flags of this program.

use super::foreign_flags::{Conversion, GivenFlag, Meaning};

/// Flag of this program, with its value, that takes the place of a flag of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnFlag {
    /// Name of the other tool's flag, as it was written.
    pub(super) for_flag: String,
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Flags of other tools on a command line, and the scenario that it names.
pub(super) struct Given<'a> {
    pub(super) flags: &'a [GivenFlag],
    /// Returns true if the scenario has this flag.
    pub(super) has: &'a dyn Fn(&str) -> bool,
}

impl Given<'_> {
    /// Converts all flags.
    ///
    /// # Errors
    /// Fails with a sentence about the first value that cannot be honoured.
    pub(super) fn own(&self) -> Result<Vec<OwnFlag>, String> {
        let mut own = Vec::new();
        for flag in self.flags {
            let converted = match flag.meaning {
                Meaning::Same(name) => vec![(name, flag.value.clone())],
                Meaning::Converted(how) => self.converted(how, flag)?,
                Meaning::Refused(why) => return Err(why.to_owned()),
            };
            own.extend(converted.into_iter().map(|(name, value)| OwnFlag {
                for_flag: flag.name.clone(),
                name,
                value,
            }));
        }
        Ok(own)
    }

    fn converted(
        &self,
        how: Conversion,
        flag: &GivenFlag,
    ) -> Result<Vec<(&'static str, String)>, String> {
        let value = flag.value.as_str();
        let wrong = |form: &str| format!("{} takes {form}, and not {value:?}", flag.name);
        Ok(match how {
            Conversion::Port => {
                let port: u16 = value.parse().map_err(|_| wrong("a port such as 6379"))?;
                vec![("--url", format!("redis://127.0.0.1:{port}/"))]
            }
            Conversion::SizeRange => {
                let (low, high) = value.split_once('-').ok_or_else(|| wrong("4-204"))?;
                vec![("--value-size", format!("{low}..{high}"))]
            }
            Conversion::Ratio => self.ratio(value).ok_or_else(|| self.wrong_ratio(flag))?,
            Conversion::KeyPattern => self.pattern(flag)?,
            Conversion::ZipfExponent => self.needs(flag, "--key-pattern Z:Z", |pattern| {
                pattern.eq_ignore_ascii_case("z:z")
            })?,
            Conversion::Deviation => self.needs(flag, "--key-pattern G:G", |pattern| {
                pattern.eq_ignore_ascii_case("g:g")
            })?,
            Conversion::FirstKey => match self.value(Conversion::LastKey) {
                Some(_) => Vec::new(),
                None => return Err(format!("{} needs --key-maximum beside it", flag.name)),
            },
            Conversion::LastKey => vec![("--keys", self.keys()?.to_string())],
            Conversion::RandomKeys => vec![
                ("--keys", value.to_owned()),
                ("--keys-as", "uniform".to_owned()),
            ],
            Conversion::ExpiryRange => expiry(value).ok_or_else(|| wrong("10-20 in seconds"))?,
            Conversion::Seconds => {
                let seconds: u64 = value.parse().map_err(|_| wrong("a number of seconds"))?;
                vec![("--duration", format!("{seconds}s"))]
            }
            Conversion::Tests => match value.to_ascii_lowercase().as_str() {
                test @ ("set" | "get") => vec![("--workload", test.to_owned())],
                _ => {
                    return Err(format!(
                        "{} takes set or get here, and not {value:?}: a run has one command; \
                         --script FILE has those of your own, and the number of threads is that of \
                         the cores",
                        flag.name
                    ));
                }
            },
            Conversion::KeepAlive => match value {
                "0" => vec![("--client", "per-request".to_owned())],
                "1" => Vec::new(),
                _ => return Err(wrong("0 or 1")),
            },
        })
    }

    /// Converts writes to reads, `A:B`, to the share of writes; where all requests send the same
    /// command, to that command.
    fn ratio(&self, value: &str) -> Option<Vec<(&'static str, String)>> {
        let (writes, reads) = value.split_once(':')?;
        let (writes, reads): (u32, u32) = (writes.parse().ok()?, reads.parse().ok()?);
        let share = f64::from(writes) / (f64::from(writes) + f64::from(reads));
        if (self.has)("--writes") {
            return share
                .is_finite()
                .then(|| vec![("--writes", share.to_string())]);
        }
        let command = match (writes, reads) {
            (1.., 0) => "set",
            (0, 1..) => "get",
            _ => return None,
        };
        Some(vec![("--workload", command.to_owned())])
    }

    fn wrong_ratio(&self, flag: &GivenFlag) -> String {
        let (name, value) = (&flag.name, &flag.value);
        if (self.has)("--writes") {
            return format!("{name} takes writes and reads such as 1:10, and not {value:?}");
        }
        format!(
            "all requests of this scenario send one command, so {name} takes 1:0 or 0:1 here, and \
             not {value:?}; redis-bench cache mixes reads and writes"
        )
    }

    /// Converts the distribution over the keys. memtier's Gauss lies around a median on both sides,
    /// ours begins at the first key, so that twice the deviation gives each rank the same share.
    fn pattern(&self, flag: &GivenFlag) -> Result<Vec<(&'static str, String)>, String> {
        let pattern = flag.value.to_ascii_uppercase();
        let law = match pattern.as_str() {
            "R:R" => "uniform".to_owned(),
            "Z:Z" => format!(
                "zipf:{}",
                self.value(Conversion::ZipfExponent).unwrap_or("1")
            ),
            "G:G" => match self.value(Conversion::Deviation) {
                // memtier takes a sixth of the keys.
                None => "gauss:0.333".to_owned(),
                Some(deviation) => {
                    let keys = self.keys()? as f64;
                    let deviation: f64 = deviation
                        .parse()
                        .map_err(|_| "--key-stddev takes a number of keys".to_owned())?;
                    format!("gauss:{}", 2.0 * deviation / keys)
                }
            },
            "S:S" | "P:P" => {
                return Err(format!(
                    "{} {pattern} asks for one key after the other, which no application does for \
                     long; write --keys-as uniform, which uses all equally often (--preload fresh \
                     writes each once before a step)",
                    flag.name
                ));
            }
            _ => {
                return Err(format!(
                    "{} takes R:R, G:G or Z:Z, and not {:?}: writes and reads have the same \
                     distribution here",
                    flag.name, flag.value
                ));
            }
        };
        Ok(vec![("--keys-as", law)])
    }

    /// Returns the number of keys from the first to the last.
    fn keys(&self) -> Result<u64, String> {
        let number = |how, name: &str, missing: Option<u64>| match self.value(how) {
            Some(value) => value
                .parse::<u64>()
                .map_err(|_| format!("{name} takes a whole number, and not {value:?}")),
            None => missing.ok_or_else(|| format!("{name} is needed, to know the number of keys")),
        };
        let first = number(Conversion::FirstKey, "--key-minimum", Some(0))?;
        let last = number(Conversion::LastKey, "--key-maximum", None)?;
        let keys = last.checked_sub(first).and_then(|keys| keys.checked_add(1));
        keys.ok_or_else(|| "--key-minimum is above --key-maximum".to_owned())
    }

    /// Refuses `flag` unless `pattern` accepts the distribution that `--key-pattern` gives.
    fn needs(
        &self,
        flag: &GivenFlag,
        wanted: &str,
        pattern: impl Fn(&str) -> bool,
    ) -> Result<Vec<(&'static str, String)>, String> {
        if self.value(Conversion::KeyPattern).is_some_and(pattern) {
            return Ok(Vec::new());
        }
        Err(format!("{} has no effect without {wanted}", flag.name))
    }

    /// Returns the value of the flag with this conversion.
    fn value(&self, how: Conversion) -> Option<&str> {
        let mut flags = self.flags.iter();
        let found =
            flags.find(|flag| matches!(flag.meaning, Meaning::Converted(one) if one == how));
        found.map(|flag| flag.value.as_str())
    }
}

/// Converts a range of times to live in seconds to their mean and the largest deviation from it.
fn expiry(value: &str) -> Option<Vec<(&'static str, String)>> {
    let (low, high) = value.split_once('-')?;
    let (low, high): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
    if low == 0 || low > high {
        return None;
    }
    let sum = u64::from(low) + u64::from(high);
    let jitter = f64::from(high - low) / sum as f64;
    let mean = format!("{}ms", sum * 500);
    Some(vec![("--ttl", mean), ("--ttl-jitter", jitter.to_string())])
}
