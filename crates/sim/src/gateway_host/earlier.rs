//! A log that was lost before the run began: all that is left is what its state says, and the new one starts far above it.

use bowline_log::Durability;

use super::Node;

impl Node {
    /// Writes the state of a log whose segments are gone.
    pub(super) fn lose_a_log_before(&self) {
        if let Some(head) = self.plan.lost_before {
            self.disk.put("state", state(head, self.plan.durability));
        }
    }
}

/// One slot of the state file, as `docs/log.md` describes it.
fn state(head: u64, durability: Durability) -> Vec<u8> {
    let boot = b"an earlier boot";
    let mut body = Vec::new();
    body.extend(1u64.to_le_bytes());
    body.extend(u16::try_from(boot.len()).unwrap_or(0).to_le_bytes());
    body.extend(boot);
    body.push(u8::from(durability == Durability::Os));
    body.push(0);
    for number in [SEGMENT, OFFSET, head] {
        body.extend(number.to_le_bytes());
    }
    let length = u32::try_from(body.len() + 1).unwrap_or(0).to_le_bytes();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(&[STATE]);
    crc.update(&body);
    let mut slot = length.to_vec();
    slot.extend(crc.finalize().to_le_bytes());
    slot.push(STATE);
    slot.extend(body);
    slot
}

/// The tag of a state.
const STATE: u8 = 0xB8;
/// The segment that was open, and how far it was committed.
const SEGMENT: u64 = 7;
const OFFSET: u64 = 5_000;
