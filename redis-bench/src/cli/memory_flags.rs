//! Flags of the scenario `memory`.

use bench_cli::UsageError;
use bench_cli::flags::{self, OutputFlags};
use bench_cli::table;
use clap::Args;

use crate::cli::ServerFlags;
use crate::memory::content::{Content, DataType};

pub(super) const MEMORY_HELP: &str = "\
Each kind of value is written to many keys. Before that its memory is predicted from MEMORY USAGE of \
some of them and from the sizes of the server's tables; after it the growth of the used memory is \
measured. Then the scenario finds the sizes at which the server stores values in another encoding, \
the fragmentation after half of the keys were replaced by longer ones, and, on throwaway servers \
with a limit, the number of keys that fit and the effect on clients beyond it.

Without --url and REDIS_URL a throwaway server is started, and keys are measured with and without \
expiry. On any other server all keys begin with plimsoll:<run>:, expire, and are removed; its \
settings are not changed, and its memory limit is not tried. Use it while nobody else does: keys \
of others that come or go meanwhile are part of what is measured.

Examples:
  redis-bench memory
  redis-bench memory --keys 20k --types string,hash --value-size 10,100 --elements 50
  redis-bench memory --types zset --elements 100..1k*10 --element-size 8,64";

/// Fewest keys of a step.
const LEAST_KEYS: u64 = 100;

/// Flags of `redis-bench memory`.
#[derive(Debug, Args)]
pub(crate) struct MemoryFlags {
    /// Flags of the server.
    #[command(flatten)]
    pub(crate) server: ServerFlags,

    /// Types of values
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "TYPE",
        default_value = "string,hash,list,set,zset"
    )]
    pub(crate) types: Vec<DataType>,

    /// Number of strings of a step; of other values there are as many as have this many elements
    /// in all, but 100 at least
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "100k")]
    pub(crate) keys: u64,

    /// Lengths of strings, in bytes unless they have a unit
    #[arg(
        long,
        value_parser = flags::size,
        value_delimiter = ',',
        value_name = "SIZE",
        default_value = "3,44,45,1000"
    )]
    pub(crate) value_size: Vec<u64>,

    /// Numbers of elements of a hash, list, set or sorted set
    #[arg(
        long,
        value_parser = flags::list_of_counts,
        value_name = "COUNTS",
        default_value = "10,1000"
    )]
    pub(crate) elements: flags::Counts,

    /// Lengths of elements, and of a hash's fields, in bytes unless they have a unit
    #[arg(
        long,
        value_parser = flags::size,
        value_delimiter = ',',
        value_name = "SIZE",
        default_value = "16"
    )]
    pub(crate) element_size: Vec<u64>,

    /// Flags of the output.
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl MemoryFlags {
    /// Returns the length of the longest value or element, in bytes.
    pub(crate) fn longest(&self) -> u64 {
        let sizes = self.value_size.iter().chain(&self.element_size);
        sizes.copied().max().unwrap_or(0)
    }

    /// Checks that there are enough keys, and that the elements of a value can differ.
    ///
    /// # Errors
    /// Fails with a sentence that says what to write instead.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        if self.keys < LEAST_KEYS {
            return Err(UsageError(format!(
                "the memory of fewer than {LEAST_KEYS} keys cannot be told from that of the server; \
                 write --keys 10k or more"
            )));
        }
        match self.contents().find(|content| !content.is_possible()) {
            Some(content) => Err(UsageError(format!(
                "{} elements of {} cannot all differ; use a larger --element-size or fewer \
                 --elements",
                content.elements,
                table::counted(content.element_bytes, "byte")
            ))),
            None => Ok(()),
        }
    }

    /// Returns the contents of values, in the order of the types.
    pub(crate) fn contents(&self) -> impl Iterator<Item = Content> {
        self.types
            .iter()
            .flat_map(|data_type| self.of_type(*data_type))
    }

    fn of_type(&self, data_type: DataType) -> Vec<Content> {
        let content = |elements, element_bytes| Content {
            data_type,
            elements,
            element_bytes,
        };
        if data_type == DataType::String {
            let sizes = self.value_size.iter();
            return sizes.map(|bytes| content(1, *bytes)).collect();
        }
        let numbers = self.elements.0.iter();
        let each = |elements: &u64| {
            let elements = *elements;
            let sizes = self.element_size.iter();
            sizes.map(move |bytes| content(elements, *bytes))
        };
        numbers.flat_map(each).collect()
    }

    /// Returns the number of keys with this content.
    pub(crate) fn keys_of(&self, content: Content) -> u64 {
        (self.keys / content.elements).max(LEAST_KEYS)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn memory_flags(args: &str) -> MemoryFlags {
        let args = ["redis-bench", "memory"].into_iter().chain(args.split(' '));
        match RedisBenchCli::try_parse_from(args).unwrap().command {
            RedisBenchCommand::Memory(flags) => *flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn contents_are_all_types_with_all_sizes() {
        let flags = memory_flags("-q");
        flags.check().unwrap();
        let contents: Vec<String> = flags
            .contents()
            .map(|content| content.to_string())
            .collect();
        assert_eq!(contents.len(), 4 + 4 * 2);
        assert_eq!(
            contents[3..6],
            [
                "string of 1000 B",
                "hash of 10 × 16 B",
                "hash of 1000 × 16 B"
            ]
        );
        let keys: Vec<u64> = flags
            .contents()
            .map(|content| flags.keys_of(content))
            .collect();
        assert_eq!(keys[3..6], [100_000, 10_000, 100]);
    }

    #[test]
    fn values_that_cannot_be_written_are_refused() {
        for (args, said) in [
            ("--keys 99", "--keys 10k"),
            ("--elements 50 --element-size 2", "larger --element-size"),
        ] {
            let UsageError(text) = memory_flags(args).check().unwrap_err();
            assert!(text.contains(said), "{text}");
        }
        memory_flags("--types string --elements 50 --element-size 2")
            .check()
            .unwrap();
    }
}
