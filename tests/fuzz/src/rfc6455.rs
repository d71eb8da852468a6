//! A reader of WebSocket frames as plain as can be (RFC 6455): all bytes at once, no state kept. The oracle of both ends.

/// A message or control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// How the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// More may come.
    Open,
    /// A close frame came; nothing behind it counts.
    Closed,
    /// A rule was broken: 1002.
    Broken,
    /// Text that is not UTF-8: 1007.
    NotUtf8,
    /// A message above the limit: 1009.
    TooBig,
}

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Masked; lengths in their shortest form.
    Client,
    /// Not masked; lengths in any form, as the client's WebSocket crate has it.
    Server,
}

/// Everything that `bytes` say.
pub(crate) fn read(bytes: &[u8], from: From, limit: usize) -> (Vec<Heard>, End) {
    let mut heard = Vec::new();
    let end = read_into(&mut heard, bytes, from, limit);
    (heard, end)
}

fn read_into(heard: &mut Vec<Heard>, mut rest: &[u8], from: From, limit: usize) -> End {
    // The open message: is it text, and what came of it.
    let mut open: Option<(bool, Vec<u8>)> = None;
    loop {
        let [first, second, behind @ ..] = rest else { return End::Open };
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0F);
        let (is_masked, short) = (second & 0x80 != 0, usize::from(second & 0x7F));
        let is_control = opcode >= 8;
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        let is_out_of_place = !is_control && (opcode == 0) != open.is_some();
        if first & 0x70 != 0
            || !is_known
            || is_masked != (from == From::Client)
            || (is_control && (!is_last || (short > 125 && from == From::Client)))
            || is_out_of_place
        {
            return End::Broken;
        }
        let width = [0, 2, 8][short.saturating_sub(125)];
        let Some((long, behind)) = behind.split_at_checked(width) else { return End::Open };
        let length = if width == 0 {
            short as u64
        } else {
            long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let is_shortest = match width {
            0 => true,
            2 => length > 125,
            _ => length > 65_535 && length >> 63 == 0,
        };
        if from == From::Client && !is_shortest {
            return End::Broken;
        }
        if is_control && length > 125 {
            return End::Broken;
        }
        let so_far = open.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if !is_control && length > (limit - so_far) as u64 {
            return End::TooBig;
        }
        let key_bytes = if is_masked { 4 } else { 0 };
        let Some((key, behind)) = behind.split_at_checked(key_bytes) else { return End::Open };
        let length = length as usize;
        let here = &behind[..length.min(behind.len())];
        let unmask = |(at, byte): (usize, &u8)| byte ^ key.get(at % 4).unwrap_or(&0);
        let payload: Vec<u8> = here.iter().enumerate().map(unmask).collect();
        let is_whole = here.len() == length;
        rest = &behind[here.len()..];
        if is_control {
            if !is_whole {
                return End::Open;
            }
            match opcode {
                9 => heard.push(Heard::Ping(payload)),
                10 => heard.push(Heard::Pong(payload)),
                _ => return close(heard, &payload),
            }
            continue;
        }
        let (is_text, bytes) = open.get_or_insert_with(|| (opcode == 1, Vec::new()));
        bytes.extend_from_slice(&payload);
        let is_complete = is_whole && is_last;
        if *is_text && !is_text_so_far(bytes, is_complete) {
            return End::NotUtf8;
        }
        if !is_whole {
            return End::Open;
        }
        if is_complete {
            let message = if *is_text { Heard::Text } else { Heard::Binary };
            heard.push(message(core::mem::take(bytes)));
            open = None;
        }
    }
}

fn close(heard: &mut Vec<Heard>, payload: &[u8]) -> End {
    match payload {
        [] => heard.push(Heard::Close(None, String::new())),
        [_] => return End::Broken,
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return End::Broken;
            }
            let Ok(reason) = core::str::from_utf8(reason) else { return End::NotUtf8 };
            heard.push(Heard::Close(Some(code), reason.to_owned()));
        }
    }
    End::Closed
}

/// Whether `bytes` are text, or may become text when more come.
fn is_text_so_far(bytes: &[u8], is_complete: bool) -> bool {
    match core::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !is_complete && error.error_len().is_none(),
    }
}
