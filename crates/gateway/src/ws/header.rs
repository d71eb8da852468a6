//! What a frame's header says, and whether a client may say it now (RFC 6455, section 5.2).
//!
//! All verdicts over a header fall here, in the order of its bytes, and before a byte of the payload is looked at or
//! anything is allocated for it.

use crate::ws::violation::Violation;

/// The longest header of a client's frame: two bytes, a 64-bit length, the mask.
pub(crate) const MAX_HEADER: usize = 14;
/// The longest payload of a control frame (section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// A control frame: it stands between the frames of a message, never inside one.
    Control(Control),
    /// The first frame of a message.
    Start(DataKind),
    /// A later frame of the open message.
    More,
}

/// Which control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Close,
    Ping,
    Pong,
}

/// Which kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataKind {
    Text,
    Binary,
}

/// A complete header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The last frame of its message.
    pub(crate) is_last: bool,
    /// What follows.
    pub(crate) carries: Carries,
    /// The masking key.
    pub(crate) mask: [u8; 4],
    /// Bytes of payload; within the limits.
    pub(crate) length: usize,
    /// Bytes of the header itself.
    pub(crate) size: usize,
}

/// What the link's state allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// The longest message, in bytes.
    pub(crate) limit: usize,
    /// Bytes of the open message so far; `None` between messages.
    pub(crate) open: Option<usize>,
}

/// Reads the header at the start of `bytes`; `None` when more bytes are needed. The verdict over a header does not depend
/// on how many bytes came at once.
pub(crate) fn parse(bytes: &[u8], allowed: Allowed) -> Result<Option<Header>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (is_last, carries) = opcode(*first, allowed)?;
    // "a server MUST close the connection upon receiving a frame that is not masked" (section 5.1).
    if second & 0x80 == 0 {
        return Err(Violation::Unmasked);
    }
    let short = second & 0x7F;
    if matches!(carries, Carries::Control(_)) {
        // "All control frames MUST have a payload length of 125 bytes or less" (section 5.5).
        if usize::from(short) > MAX_CONTROL {
            return Err(Violation::OversizedControl);
        }
    }
    let (length, rest) = match short {
        126 => match rest {
            [a, b, rest @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            _ => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((long, rest)) => (u64::from_be_bytes(*long), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    // "the most significant bit MUST be 0" (section 5.2).
    if length >> 63 != 0 {
        return Err(Violation::LengthTopBit);
    }
    // "the minimal number of bytes MUST be used to encode the length" (section 5.2).
    if (short == 126 && length < 126) || (short == 127 && length <= u64::from(u16::MAX)) {
        return Err(Violation::LengthNotMinimal);
    }
    let length = match carries {
        Carries::Control(_) => usize::from(short),
        Carries::Start(_) | Carries::More => {
            let room = allowed.limit.saturating_sub(allowed.open.unwrap_or(0));
            match usize::try_from(length) {
                Ok(length) if length <= room => length,
                _ => return Err(Violation::TooBig { limit: allowed.limit }),
            }
        }
    };
    let Some((mask, payload)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    Ok(Some(Header { is_last, carries, mask: *mask, length, size: bytes.len() - payload.len() }))
}

/// Reads the first byte: FIN, the reserved bits, the opcode.
fn opcode(first: u8, allowed: Allowed) -> Result<(bool, Carries), Violation> {
    // "MUST be 0 unless an extension is negotiated" (section 5.2); we negotiate none.
    if first & 0x70 != 0 {
        return Err(Violation::ReservedBit);
    }
    let is_last = first & 0x80 != 0;
    let carries = match first & 0x0F {
        CONTINUATION => Carries::More,
        TEXT => Carries::Start(DataKind::Text),
        BINARY => Carries::Start(DataKind::Binary),
        CLOSE => Carries::Control(Control::Close),
        PING => Carries::Control(Control::Ping),
        PONG => Carries::Control(Control::Pong),
        // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_" (section 5.2).
        reserved => return Err(Violation::ReservedOpcode(reserved)),
    };
    match carries {
        // "All control frames ... MUST NOT be fragmented" (section 5.5).
        Carries::Control(_) if !is_last => Err(Violation::FragmentedControl),
        // "The fragments of one message MUST NOT be interleaved between the fragments of another message" (section 5.4).
        Carries::Start(_) if allowed.open.is_some() => Err(Violation::Interleaved),
        Carries::More if allowed.open.is_none() => Err(Violation::LoneContinuation),
        _ => Ok((is_last, carries)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BETWEEN: Allowed = Allowed { limit: 70_000, open: None };
    const INSIDE: Allowed = Allowed { limit: 70_000, open: Some(69_990) };

    #[test]
    fn a_bad_header_is_told_by_the_rule_that_it_breaks() {
        for (bytes, allowed, expected) in [
            (&[0x81, 0x05][..], BETWEEN, Err(Violation::Unmasked)),
            (&[0xC1, 0x85], BETWEEN, Err(Violation::ReservedBit)),
            (&[0xA1, 0x85], BETWEEN, Err(Violation::ReservedBit)),
            (&[0x91, 0x85], BETWEEN, Err(Violation::ReservedBit)),
            (&[0x83, 0x80], BETWEEN, Err(Violation::ReservedOpcode(3))),
            (&[0x87, 0x80], BETWEEN, Err(Violation::ReservedOpcode(7))),
            (&[0x8B, 0x80], BETWEEN, Err(Violation::ReservedOpcode(11))),
            (&[0x8F, 0x80], BETWEEN, Err(Violation::ReservedOpcode(15))),
            (&[0x09, 0x80], BETWEEN, Err(Violation::FragmentedControl)),
            (&[0x08, 0x80], BETWEEN, Err(Violation::FragmentedControl)),
            (&[0x89, 0xFE], BETWEEN, Err(Violation::OversizedControl)),
            (&[0x80, 0x80], BETWEEN, Err(Violation::LoneContinuation)),
            (&[0x00, 0x80], BETWEEN, Err(Violation::LoneContinuation)),
            (&[0x81, 0x80], INSIDE, Err(Violation::Interleaved)),
            (&[0x02, 0x80], INSIDE, Err(Violation::Interleaved)),
            (&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1], BETWEEN, Err(Violation::LengthTopBit)),
            (&[0x82, 0xFE, 0, 125], BETWEEN, Err(Violation::LengthNotMinimal)),
            (&[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], BETWEEN, Err(Violation::LengthNotMinimal)),
            (&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x71], BETWEEN, Err(Violation::TooBig { limit: 70_000 })),
            (&[0x80, 0x8B], INSIDE, Err(Violation::TooBig { limit: 70_000 })),
        ] {
            assert_eq!(parse(bytes, allowed), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_header_is_read_only_when_it_is_complete() {
        let headers: [(&[u8], usize, usize); 4] = [
            (&[0x81, 0x85, 1, 2, 3, 4], 5, 6),
            (&[0x81, 0xFE, 0x12, 0x34, 1, 2, 3, 4], 0x1234, 8),
            (&[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x11, 0x70, 1, 2, 3, 4], 70_000, 14),
            (&[0x89, 0x80, 1, 2, 3, 4], 0, 6),
        ];
        for (bytes, length, size) in headers {
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut], BETWEEN), Ok(None), "{bytes:x?} cut at {cut}");
            }
            let header = parse(bytes, BETWEEN).unwrap().unwrap();
            assert_eq!((header.length, header.size, header.mask), (length, size, [1, 2, 3, 4]));
        }
    }

    #[test]
    fn control_frames_may_stand_between_the_frames_of_a_message() {
        let header = parse(&[0x89, 0x82, 0, 0, 0, 0], INSIDE).unwrap().unwrap();
        assert_eq!(header.carries, Carries::Control(Control::Ping));
        assert_eq!(parse(&[0x80, 0x8A, 0, 0, 0, 0], INSIDE).unwrap().unwrap().carries, Carries::More);
    }
}
