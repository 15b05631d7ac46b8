//! Check of a Lua script of the user: each call of Redis in it names an allowed command, and the keys
//! of the run.

use super::command_list::{KeyPlaces, allowed};

/// Names of the library of the server in Lua. Under another name its calls would not be found.
const LIBRARIES: [&str; 2] = ["redis", "server."];
/// Calls of Redis in Lua.
const CALLS: [&str; 2] = ["redis.call", "redis.pcall"];

/// Commands that a Lua script calls, or the place of the first call that is not allowed.
pub(super) type LuaCalls = Result<Vec<&'static str>, (usize, String)>;

/// Checks `source` and returns the commands that it calls, in lower case.
///
/// # Errors
/// Fails with the offset of the first call that is not allowed, in bytes, and a message.
pub(super) fn check(source: &str) -> LuaCalls {
    let mut called = Vec::new();
    let mut from = 0;
    while let Some(at) = LIBRARIES
        .iter()
        .filter_map(|name| source[from..].find(name))
        .min()
        .map(|at| from + at)
    {
        let after = CALLS
            .iter()
            .find_map(|call| source[at..].strip_prefix(call));
        let after = after.ok_or((at, "only redis.call and redis.pcall are allowed".to_owned()))?;
        let name = call_of(after).map_err(|why| (at, why))?;
        called.push(name);
        from = source.len() - after.len();
    }
    Ok(called)
}

/// Returns the command of the call whose arguments begin `text`.
fn call_of(text: &str) -> Result<&'static str, String> {
    let literal = "the command must be a name in quotes, as in redis.call('GET', KEYS[1])";
    let arguments = text
        .trim_start()
        .strip_prefix('(')
        .ok_or(literal)?
        .trim_start();
    let quote = arguments.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let quoted = quote.and_then(|quote| arguments[1..].split_once(quote));
    let (name, rest) = quoted.ok_or(literal)?;
    let command = allowed(name)?;
    let first_key = rest.trim_start().strip_prefix(',').map(str::trim_start);
    let is_given = first_key.is_some_and(|key| key.starts_with("KEYS["));
    match command.keys {
        KeyPlaces::None => Ok(command.name),
        KeyPlaces::First if is_given => Ok(command.name),
        KeyPlaces::First => Err(format!(
            "the key of {name} must be one of KEYS, which are those of the run"
        )),
        KeyPlaces::FirstTwo | KeyPlaces::All | KeyPlaces::Pairs => Err(format!(
            "{name} has several keys; call commands with one key in Lua, and this one without Lua"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_with_keys_of_the_run_are_allowed_and_others_told() {
        let fine =
            "local n = redis.call('INCR', KEYS[1])\nredis.pcall( \"HSET\" , KEYS[2], ARGV[1])";
        assert_eq!(check(fine).unwrap(), ["incr", "hset"]);
        for (source, offset, told) in [
            ("  redis.call('FLUSHALL')", 2, "FLUSHALL is not among"),
            ("redis.call('get', 'foreign')", 0, "one of KEYS"),
            ("redis.call(name, KEYS[1])", 0, "a name in quotes"),
            ("redis.call('DEL', KEYS[1], 'x')", 0, "several keys"),
            ("local r = redis", 10, "only redis.call"),
            ("server.call('GET', KEYS[1])", 0, "only redis.call"),
            ("local call = redis.setresp(3)", 13, "only redis.call"),
        ] {
            let (at, why) = check(source).unwrap_err();
            assert_eq!(at, offset, "{source}");
            assert!(why.contains(told), "{source}: {why}");
        }
    }
}
