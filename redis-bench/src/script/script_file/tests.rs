//! Tests of the scripts' form, their mistakes and their slots.

use super::*;

fn parse(text: &str) -> Result<Script, String> {
    let source = ScriptText {
        file: "s.toml",
        text,
    };
    Script::parse(source).map_err(|error| error.to_string())
}

#[test]
fn a_script_is_read_with_its_weights_pauses_and_keys() {
    let script = parse(
        "[lua.take]\nscript = \"return redis.call('DECR', KEYS[1])\"\n\
         [[sequence]]\nname = 'cart'\nweight = 3\nthink = '5ms'\n\
         [[sequence.command]]\nrun = ['HSET', 'cart:{user}', 'f', '{bytes:9}']\n\
         [[sequence.command]]\nlua = 'take'\nkeys = ['stock:{zipf:9}']\nargs = ['1']\n\
         [[sequence]]\nname = 'look'\n[[sequence.command]]\nrun = ['mget', 'a', 'b']\n",
    );
    let script = script.unwrap();
    assert_eq!(script.commands, ["decr", "eval", "evalsha", "hset", "mget"]);
    let cart = &script.sequences[0];
    assert_eq!((cart.weight, cart.think), (3.0, Duration::from_millis(5)));
    let keys = |command: &CommandTemplate| -> Vec<bool> {
        command
            .arguments
            .iter()
            .map(|(_, is_key)| *is_key)
            .collect()
    };
    assert_eq!(keys(&cart.commands[0]), [true, false, false]);
    assert_eq!(keys(&cart.commands[1]), [true, false]);
    assert_eq!(keys(&script.sequences[1].commands[0]), [true, true]);
}

#[test]
fn a_command_with_keys_of_several_slots_is_found_with_its_place() {
    let with = |run: &str| format!("[[sequence]]\nname = 'a'\n[[sequence.command]]\n{run}\n");
    let told = |run| {
        let error = parse(&with(run)).unwrap().across_slots;
        error.map(|error| error.to_string())
    };
    for run in [
        "run = ['RENAME', '{{a}}1', '{{a}}2']",
        "run = ['MGET', '{{a}}1', '{{a}}2']",
        "run = ['MSET', '{{a}}', '1', 'x{{a}}', '2']",
        "run = ['SMOVE', '{{a}}1', '{{a}}2', 'member']",
        "run = ['TIME']",
    ] {
        assert_eq!(told(run), None, "{run}");
    }
    for run in [
        "run = ['RENAME', 'a', 'b']",
        "run = ['MGET', '{{a}}', 'a']",
        "run = ['PFCOUNT', '{{a}}1', 'b']",
    ] {
        let told = told(run).unwrap();
        assert!(told.starts_with("s.toml:4:7: the keys"), "{told}");
    }
    let lua = "[lua.two]\nscript = \"return 1\"\n".to_owned();
    let two = parse(&(lua + &with("lua = 'two'\nkeys = ['a', 'b']"))).unwrap();
    assert!(
        two.across_slots
            .unwrap()
            .to_string()
            .starts_with("s.toml:6:7")
    );
}

#[test]
fn the_example_has_no_mistakes() {
    let example = include_str!("../../../../examples/redis/shop.toml");
    assert_eq!(parse(example).unwrap().sequences.len(), 3);
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    let with = |run: &str| format!("[[sequence]]\nname = 'a'\n[[sequence.command]]\n{run}\n");
    for (text, told) in [
        (
            with("run = ['FLUSHALL']"),
            "s.toml:4:8: FLUSHALL is not among",
        ),
        (with("run = ['KEYS', '*']"), "s.toml:4:8: KEYS is not among"),
        (
            with("run = ['GET', 'ü', '{x}']"),
            "s.toml:4:20: {x} is no placeholder",
        ),
        (with("run = ['GET']"), "s.toml:4:8: GET needs more"),
        (
            with("run = ['GET', 'k']\nexpect = 1.5"),
            "s.toml:5:10: an answer is a text",
        ),
        (
            with("run = ['GET', 'k']\nexpect = ['{hex:4}']"),
            "s.toml:5:10: {hex:4} is drawn anew",
        ),
        (with("run = []"), "s.toml:4:7: a command needs a name"),
        (with("lua = 'no'"), "s.toml:4:7: there is no [lua.no]"),
        (
            with("rum = ['GET', 'k']"),
            "s.toml:4:1: unknown field `rum`",
        ),
        (
            with("keys = ['k']"),
            "s.toml:2:8: a command of this sequence has neither",
        ),
        (with("run = ['GET', 'k'"), "s.toml:4"),
        (
            "[[sequence]]\nname = 'a b'\ncommand = []".to_owned(),
            "s.toml:2:8: a name",
        ),
        (
            "[[sequence]]\nname = 'a'\ncommand = []".to_owned(),
            "s.toml:2:8: the sequence has no",
        ),
        (
            "[[sequence]]\nname = 'a'\nweight = 0\ncommand = []".to_owned(),
            "s.toml:3:10: a weight is",
        ),
        (
            "[[sequence]]\nname = 'a'\nthink = 'x'\ncommand = []".to_owned(),
            "s.toml:3:9: ",
        ),
        (
            "[lua.a]\nscript = '''\nredis.call('CONFIG')'''\n[[sequence]]\nname = 'a'\n\
             command = []"
                .to_owned(),
            "s.toml:3:1: CONFIG is not among",
        ),
        (
            with("run = ['TIME']").repeat(2),
            "s.toml:6:8: two sequences are named a",
        ),
        ("sequence = []".to_owned(), "s.toml:1:1: no [[sequence]]"),
    ] {
        let why = parse(&text).unwrap_err();
        assert!(why.starts_with(told), "{told}: {why}");
    }
}
