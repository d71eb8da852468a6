//! What happens to files: bits flip, ends are lost, blocks are zeroed, doubled or land in the wrong place, names go.

use crate::choices::Choices;
use crate::log_common::disk::TestDisk;

/// Damages some files in some ways.
pub(crate) fn damage(disk: &TestDisk, choices: &mut Choices<'_>) {
    for _ in 0..8 {
        if choices.are_used_up() {
            return;
        }
        let names: Vec<String> = disk.names().into_iter().filter(|name| name != "lock").collect();
        if names.is_empty() {
            return;
        }
        let name = choices.one_of(&names);
        let mut bytes = disk.bytes(&name);
        let at = choices.index(bytes.len() + 1);
        match choices.below(8) {
            0..=1 => {
                let bit = 1 << choices.below(8);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            }
            2 => bytes.truncate(at),
            3 => {
                let length = 1 + choices.index(64);
                bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0);
            }
            4 => {
                let length = choices.index(32);
                let new = choices.bytes(length);
                bytes.iter_mut().skip(at).zip(new).for_each(|(byte, new)| *byte = *new);
            }
            5 => {
                let length = choices.index(64);
                bytes.splice(at..at, choices.bytes(length).iter().copied());
            }
            6 => {
                // A block of another file, or of this one.
                let other = disk.bytes(&choices.one_of(&names));
                let from = choices.index(other.len() + 1);
                let block = &other[from..other.len().min(from + 1 + choices.index(1024))];
                bytes.iter_mut().skip(at).zip(block).for_each(|(byte, new)| *byte = *new);
            }
            _ => {
                disk.delete(&name);
                continue;
            }
        }
        disk.set(&name, bytes);
    }
}

/// Makes the checksum of every frame right again, so that what stands in it is looked at.
pub(crate) fn forge(disk: &TestDisk) {
    for name in disk.names() {
        let mut bytes = disk.bytes(&name);
        let starts: &[usize] = if name == "state" { &[0, 4096] } else { &[0] };
        for start in starts {
            forge_frames(bytes.get_mut(*start..).unwrap_or_default());
        }
        disk.set(&name, bytes);
    }
}

/// Frames follow on each other: a length, a checksum, and as many bytes as the length says (`docs/log.md`).
fn forge_frames(mut rest: &mut [u8]) {
    while let Some((head, behind)) = rest.split_first_chunk_mut::<8>() {
        let [a, b, c, d, ..] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some((content, next)) = behind.split_at_mut_checked(length) else { return };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head[..4]);
        crc.update(content);
        head[4..].copy_from_slice(&crc.finalize().to_le_bytes());
        if length == 0 {
            return;
        }
        rest = next;
    }
}
