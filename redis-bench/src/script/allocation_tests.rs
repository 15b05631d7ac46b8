//! Test that making the requests of a script allocates nothing, because allocations would be part of
//! what is measured.

use load_engine::{Timestamps, UserId};
use redis::{Cmd, Pipeline, RedisResult, Value};
use test_support::CountingAllocator;

use super::script_error::ScriptText;
use super::script_file::Script;
use super::work::ScriptWork;
use crate::clients::{RedisConnection, Task as _, Work as _};

/// Connection that sends nothing, and answers every command with OK.
#[derive(Debug, Clone, Default)]
struct Nobody {
    commands: u64,
    bytes: u64,
}

impl RedisConnection for Nobody {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.commands += 1;
        for word in command.args_iter() {
            if let redis::Arg::Simple(word) = word {
                self.bytes += word.len() as u64;
            }
        }
        Ok(Value::Okay)
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        panic!("{} commands at once", pipeline.len())
    }
}

const SCRIPT: &str = "
[lua.fill]
script = \"return redis.call('RPUSH', KEYS[1], ARGV[1])\"

[[sequence]]
name = 'fixed'
command = [
  { run = ['SET', 'key', '{bytes:1000}'], expect = 'OK' },
  { run = ['HSET', 'hash', 'f', 'v'] },
  { run = ['PING'] },
]

[[sequence]]
name = 'drawn'
command = [
  { run = ['GET', 'k:{user}:{n}:{zipf:100}:{uniform:100}:{hex:8}'], expect = true },
  { lua = 'fill', keys = ['list:{n}'], args = ['{hex:4}'], expect = 'OK' },
]
";

#[test]
fn making_the_requests_of_a_script_allocates_nothing() {
    let source = ScriptText {
        file: "s.toml",
        text: SCRIPT,
    };
    let script = Script::parse(source).unwrap();
    let work = ScriptWork::new(&script, "plimsoll:test:", (None, 7));
    let mut task = work.task(UserId(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut nobody = Nobody::default();
    let counted = runtime.block_on(async {
        let mut before = 0;
        for request in 0..1_000 {
            if request == 100 {
                before = CountingAllocator::allocations();
            }
            task.draw();
            let done = task.perform(&mut nobody, &mut Timestamps::default()).await;
            assert!(done.result.is_ok(), "{done:?}");
        }
        CountingAllocator::allocations() - before
    });
    assert!(
        nobody.commands > 2_000 && nobody.bytes > 300_000,
        "{nobody:?}"
    );
    assert_eq!(counted, 0);
}
