//! Close frames as they came over the wire, and the codes that they may have.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// First byte of a close frame.
const CLOSE: u8 = 0x88;

/// Returns the close frame that `bytes` are, if they are one and nothing else; `None` otherwise, and
/// for a frame without a code or whose reason is not UTF-8.
pub(crate) fn parse(bytes: &[u8]) -> Option<CloseFrame> {
    let [CLOSE, length, high, low, reason @ ..] = bytes else {
        return None;
    };
    if usize::from(*length) != reason.len() + 2 {
        return None;
    }
    Some(CloseFrame {
        code: u16::from_be_bytes([*high, *low]).into(),
        reason: std::str::from_utf8(reason).ok()?.into(),
    })
}

/// Returns true if a close frame may have this code (RFC 6455, 7.4, and the registry of IANA, which
/// has had 1014 since 2016).
pub(crate) fn may_have(code: u16) -> bool {
    matches!(code, 1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_is_read_only_if_it_is_whole_and_alone() {
        let found = parse(b"\x88\x05\x03\xf6bad").unwrap();
        assert_eq!((u16::from(found.code), &*found.reason), (1_014, "bad"));
        for other in [
            &b""[..],
            b"\x88\x00",
            b"\x88\x01a",
            b"\x88\x05\x03\xf6ba",
            b"\x88\x05\x03\xf6bad\x89\x00",
            b"\x82\x05\x03\xf6bad",
            b"\x88\x03\x03\xf6\xff",
        ] {
            assert!(parse(other).is_none(), "{other:x?}");
        }
    }
}
