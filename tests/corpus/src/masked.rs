//! How a client's WebSocket frames look on the wire, good and bad ones (RFC 6455, section 5.2).

/// The bit of the last frame of a message.
pub(crate) const FIN: u8 = 0x80;
/// A masking key that changes nothing, for payloads that are written as repeated text.
const NO_KEY: [u8; 4] = [0; 4];

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The forms of a length, each with whatever number it can hold.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    /// Seven bits.
    Short(u8),
    /// 126 and 16 bits.
    Medium(u16),
    /// 127 and 64 bits.
    Long(u64),
}

impl Length {
    /// The shortest form.
    pub(crate) fn of(length: usize) -> Self {
        match (length, u16::try_from(length)) {
            (0..=125, _) => Length::Short(length as u8),
            (_, Ok(medium)) => Length::Medium(medium),
            (_, Err(_)) => Length::Long(length as u64),
        }
    }
}

/// A header; masked with [`NO_KEY`].
pub(crate) fn header(first: u8, length: Length, is_masked: bool) -> Vec<u8> {
    let mask_bit = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        Length::Short(length) => bytes.push(mask_bit | length),
        Length::Medium(length) => {
            bytes.push(mask_bit | 126);
            bytes.extend(length.to_be_bytes());
        }
        Length::Long(length) => {
            bytes.push(mask_bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    if is_masked {
        bytes.extend(NO_KEY);
    }
    bytes
}

/// A frame under a key that changes every byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, KEY)
}

/// A frame under `key`.
pub(crate) fn masked(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut bytes = header(first, Length::of(payload.len()), true);
    let start = bytes.len();
    bytes[start - 4..].copy_from_slice(&key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}
