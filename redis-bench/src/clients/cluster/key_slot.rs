//! Slot of a cluster in which the keys of a command are.

use redis::{Arg, Cmd};

use crate::server::cluster_nodes::SLOTS;

/// Place of a cluster to which a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandPlace {
    /// Node that holds this slot.
    Slot(u16),
    /// Any node: the command has no key.
    AnyNode,
    /// All nodes, each of which must know what the command tells.
    AllNodes,
}

/// Returns the place to which `command` goes: that of its first key. If it has several, they must be
/// in one slot. Knows the commands of the scenarios and those that a script of the user may send.
pub(super) fn of_command(command: &Cmd) -> CommandPlace {
    let name = argument(command, 0).unwrap_or_default();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let key = match name.len() {
        4 if is("PING") || is("ECHO") || is("TIME") => return CommandPlace::AnyNode,
        6 if is("SCRIPT") => return CommandPlace::AllNodes,
        6 if is("MEMORY") => 2,
        4 | 7 if is("EVAL") || is("EVALSHA") => match argument(command, 2) {
            Some(b"0") => return CommandPlace::AnyNode,
            _ => 3,
        },
        _ => 1,
    };
    argument(command, key).map_or(CommandPlace::AnyNode, |key| CommandPlace::Slot(of_key(key)))
}

fn argument(command: &Cmd, index: usize) -> Option<&[u8]> {
    match command.args_iter().nth(index)? {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    }
}

/// Returns the slot of `key`. Source: Redis cluster specification, key distribution model.
fn of_key(key: &[u8]) -> u16 {
    let checksum = crc16::State::<crc16::XMODEM>::calculate(hash_tag(key).unwrap_or(key));
    checksum % SLOTS as u16
}

/// Returns the part of a key between its first `{` and the next `}`; `None` if there is none, or
/// nothing in it.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(words: &[&str]) -> CommandPlace {
        of_command(redis::cmd(words[0]).arg(&words[1..]))
    }

    /// Slots by `CLUSTER KEYSLOT` of Redis 7.0.
    #[test]
    fn a_key_is_in_the_slot_of_its_tag() {
        for (key, slot) in [
            ("foo", 12_182),
            ("{1}", 9_842),
            ("x{1}y", 9_842),
            ("{user:1}", 10_778),
            ("123456789", 12_739),
        ] {
            assert_eq!(of_key(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(hash_tag(b"{}a{b}"), None);
        assert_eq!(hash_tag(b"a{b"), None);
        assert_eq!(hash_tag(b"{a{b}}"), Some(&b"a{b"[..]));
    }

    #[test]
    fn a_command_goes_to_the_slot_of_its_first_key() {
        let foo = CommandPlace::Slot(12_182);
        for words in [
            &["get", "foo"][..],
            &["SET", "foo", "x", "PX", "1"],
            &["EVALSHA", "0123", "2", "foo", "{foo}2", "x"],
            &["eval", "return 1", "1", "foo"],
            &["MEMORY", "USAGE", "foo"],
            &["CL.THROTTLE", "foo", "1"],
        ] {
            assert_eq!(place(words), foo, "{words:?}");
        }
        assert_eq!(place(&["EVAL", "return 1", "0"]), CommandPlace::AnyNode);
        assert_eq!(place(&["ping"]), CommandPlace::AnyNode);
        assert_eq!(place(&["SCRIPT", "LOAD", "x"]), CommandPlace::AllNodes);
    }
}
