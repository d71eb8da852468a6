//! How a client's payload is unmasked: eight bytes at a time.

/// Unmasks `payload` in place; `offset` is where in its frame it starts. Masking twice changes nothing.
pub(crate) fn unmask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    // "j = i MOD 4; transformed-octet-i = original-octet-i XOR masking-key-octet-j" (RFC 6455, section 5.3).
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c, d]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmasking_follows_the_formula_at_every_length_and_offset() {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        for length in 0..70 {
            for offset in 0..9 {
                let masked: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
                let plain: Vec<u8> =
                    masked.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset) % 4]).collect();
                let mut bytes = masked;
                unmask(&mut bytes, key, offset);
                assert_eq!(bytes, plain, "length {length}, offset {offset}");
            }
        }
    }
}
