//! Flags of redis-benchmark and memtier that this program understands, or refuses with what to write
//! instead. docs/redis-habits.md lists them.

/// Flag of another tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeignFlag {
    /// Its names, short and long.
    pub(super) names: &'static [&'static str],
    pub(super) meaning: Meaning,
}

/// Meaning of a flag of another tool here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// The flag with this name takes the same value.
    Same(&'static str),
    /// Flags of ours follow from the value, and from those of others.
    Converted(Conversion),
    /// It cannot be honoured: a sentence that says why, and what to write.
    Refused(&'static str),
}

/// Conversion of the value of a flag to flags of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Port of a server on this host.
    Port,
    /// Range of lengths, `A-B`.
    SizeRange,
    /// Writes to reads, `A:B`.
    Ratio,
    /// Distribution of writes and reads over the keys, `R:R`.
    KeyPattern,
    /// Exponent of the distribution `Z`.
    ZipfExponent,
    /// Standard deviation of the distribution `G`, in keys.
    Deviation,
    /// Number of the first key.
    FirstKey,
    /// Number of the last key.
    LastKey,
    /// Number of keys, each used equally often.
    RandomKeys,
    /// Shortest and longest time to live in seconds, `A-B`.
    ExpiryRange,
    /// Length of the load in seconds.
    Seconds,
    /// Names of the commands.
    Tests,
    /// 1 to keep connections, 0 to connect for each request.
    KeepAlive,
}

const HOST: &str = "the address is one URL here; write --url redis://HOST:PORT/ or \
                    --url unix:///PATH/TO/SOCKET, or set REDIS_URL";
const THREADS: &str = "the load takes as many threads as the machine has cores; leave the flag out, \
                       or write --workers N for several processes";

/// All flags of other tools that have a meaning here.
pub(super) const FOREIGN_FLAGS: [ForeignFlag; 36] = [
    same(&["-c", "--clients"], "--users"),
    converted(&["-p", "--port"], Conversion::Port),
    same(&["-u", "--uri"], "--url"),
    same(&["-d", "--data-size"], "--value-size"),
    converted(&["--data-size-range"], Conversion::SizeRange),
    same(&["--data-size-list"], "--value-size"),
    converted(&["--ratio"], Conversion::Ratio),
    converted(&["--key-pattern"], Conversion::KeyPattern),
    converted(&["--key-zipf-exp"], Conversion::ZipfExponent),
    converted(&["--key-stddev"], Conversion::Deviation),
    converted(&["--key-minimum"], Conversion::FirstKey),
    converted(&["--key-maximum"], Conversion::LastKey),
    converted(&["-r"], Conversion::RandomKeys),
    converted(&["--expiry-range"], Conversion::ExpiryRange),
    converted(&["--test-time"], Conversion::Seconds),
    converted(&["-t"], Conversion::Tests),
    converted(&["-k"], Conversion::KeepAlive),
    same(&["--rps"], "--rate"),
    same(&["--run-count"], "--repeats"),
    same(&["--cacert"], "--ca"),
    refused(
        &["-n", "--requests"],
        "a step has a length and no number of requests, so that fast and slow ways to connect are \
         measured for the same time, and under the same load; write --duration 5s",
    ),
    refused(&["-s", "--server", "-S", "--unix-socket"], HOST),
    refused(&["--threads"], THREADS),
    refused(
        &["--rate-limiting"],
        "that limits each connection, and --rate is the load of all together; write --rate PER_S \
         with the sum",
    ),
    refused(
        &["--key-prefix"],
        "all keys begin with plimsoll:<run>:, so that they are told from yours and are removed; \
         leave the flag out",
    ),
    refused(
        &["--key-median"],
        "the most popular key is always the first one; leave the flag out",
    ),
    refused(
        &[
            "-R",
            "--random-data",
            "--data-size-pattern",
            "--data-offset",
        ],
        "values are text that a read can check, each with a length of its own; leave the flag out",
    ),
    refused(
        &["--command", "--command-ratio", "--command-key-pattern"],
        "commands of your own are in a file; write redis-bench pool --script FILE",
    ),
    refused(
        &["--multi-key-get", "--wait-ratio"],
        "only a script sends such commands; write redis-bench pool --script FILE",
    ),
    refused(
        &["--reconnect-interval"],
        "a client either keeps its connections or connects for each request; write \
         --client per-request for the latter",
    ),
    refused(
        &["--dbnum", "--select-db"],
        "the database is the end of the URL; write --url redis://HOST:PORT/NUMBER",
    ),
    refused(
        &["--user"],
        "the user is part of the URL; write --url redis://USER@HOST:PORT/, with the password in \
         REDISCLI_AUTH",
    ),
    refused(
        &["--tls"],
        "TLS is part of the URL; write --url rediss://HOST:PORT/",
    ),
    refused(
        &["--tls-skip-verify", "--insecure"],
        "a certificate is always checked; write --ca FILE with the authority that signed it",
    ),
    refused(
        &["-l", "-I"],
        "such a load has no end; write --duration TIME",
    ),
    refused(
        &["--csv", "--json-out-file"],
        "write --format json for the report on stdout, or --output FILE",
    ),
];

const fn same(names: &'static [&'static str], ours: &'static str) -> ForeignFlag {
    ForeignFlag {
        names,
        meaning: Meaning::Same(ours),
    }
}

const fn converted(names: &'static [&'static str], how: Conversion) -> ForeignFlag {
    ForeignFlag {
        names,
        meaning: Meaning::Converted(how),
    }
}

const fn refused(names: &'static [&'static str], why: &'static str) -> ForeignFlag {
    ForeignFlag {
        names,
        meaning: Meaning::Refused(why),
    }
}

/// Flag of another tool on a command line.
#[derive(Debug, Clone)]
pub(super) struct GivenFlag {
    /// Its name, as it was written.
    pub(super) name: String,
    pub(super) meaning: Meaning,
    pub(super) value: String,
}

/// Splits `words` into flags of other tools with their values, and all other words. A flag for which
/// `is_own` returns true is one of this program.
///
/// # Errors
/// Fails with a sentence about the first flag that cannot be honoured or that has no value.
pub(super) fn split(
    words: Vec<String>,
    is_own: impl Fn(&str) -> bool,
) -> Result<(Vec<GivenFlag>, Vec<String>), String> {
    let (mut given, mut kept) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            kept.push(word);
            kept.extend(words);
            break;
        }
        let foreign = recognized(&word).filter(|(name, ..)| !is_own(name));
        let Some((name, meaning, attached)) = foreign else {
            kept.push(word);
            continue;
        };
        if let Meaning::Refused(why) = meaning {
            return Err(format!("{name} of other tools has no effect here: {why}"));
        }
        let value = attached.or_else(|| words.next());
        let value = value.ok_or_else(|| format!("{name} needs a value"))?;
        given.push(GivenFlag {
            name,
            meaning,
            value,
        });
    }
    Ok((given, kept))
}

/// Returns name, meaning and attached value of the flag of another tool that `word` is.
fn recognized(word: &str) -> Option<(String, Meaning, Option<String>)> {
    let (start, value) = match word.split_once('=') {
        Some((start, value)) => (start, Some(value)),
        None => (word, None),
    };
    // The help of redis-benchmark long wrote -dbnum for --dbnum, which is not -d with a value.
    let with_two = format!("-{start}");
    let is_long_with_one = is_name(&with_two);
    let (name, attached) = if start.starts_with("--") {
        (start, value)
    } else if start.len() > 2 && is_long_with_one {
        (with_two.as_str(), value)
    } else if word.starts_with('-') {
        let end = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
        let (name, value) = word.split_at(end);
        (name, (!value.is_empty()).then_some(value))
    } else {
        return None;
    };
    let mut flags = FOREIGN_FLAGS.iter();
    let found = flags.find(|flag| flag.names.contains(&name))?;
    Some((name.to_owned(), found.meaning, attached.map(str::to_owned)))
}

/// Returns true if another tool has a flag with this name.
fn is_name(name: &str) -> bool {
    FOREIGN_FLAGS.iter().any(|flag| flag.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_has_two_meanings() {
        let mut names: Vec<&str> = FOREIGN_FLAGS
            .iter()
            .flat_map(|flag| flag.names)
            .copied()
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn values_are_found_beside_and_in_the_same_word() {
        let words = "pool -c50 -p 6380 --ratio=1:9 -q -- -d 5".split(' ');
        let (given, kept) = split(words.map(str::to_owned).collect(), |_| false).unwrap();
        let given: Vec<_> = given.iter().map(|one| (&*one.name, &*one.value)).collect();
        assert_eq!(given, [("-c", "50"), ("-p", "6380"), ("--ratio", "1:9")]);
        assert_eq!(kept, ["pool", "-q", "--", "-d", "5"]);
        assert_eq!(
            split(vec!["-c".to_owned()], |_| false).unwrap_err(),
            "-c needs a value"
        );
    }
}
