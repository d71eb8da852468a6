//! Which byte of the log is flipped, and what the log may lose by it.
//!
//! An event of a sealed segment may be lost, and must be told as lost; an index or anything else there is known twice. In the
//! open segment and in the state a flipped byte may cost more at the next opening: then the epoch must change.

use bowline_log::Durability;
use bowline_proto::Seq;

use crate::disk::{FLIPPED, Struck, batches_start, struck};
use crate::env::Env;
use crate::plan::Rot;

use super::Node;

impl Node {
    /// Flips a byte. `false` where there is none of that kind.
    pub(crate) fn flip_byte(&mut self, env: &mut Env, rot: Rot, at: u64) -> bool {
        // One damage of what the next opening relies on is told by the rest; behind two, or a power cut, no log can tell
        // damage from a torn tail.
        let is_open = matches!(rot, Rot::Open | Rot::Tail | Rot::State);
        if is_open && (self.is_rotten || self.process.is_none()) {
            return false;
        }
        let files = self.disk.files();
        let segments: Vec<&String> = files.keys().filter(|name| name.ends_with(".log")).collect();
        let Some((open, mut sealed)) = segments.split_last() else { return false };
        // Until its start is durable, the one before it is what a power cut leaves open: two damages again.
        if !files.get(*open).is_some_and(|content| self.disk.is_durable(open, batches_start(content).max(1)))
        {
            let Some((_, earlier)) = sealed.split_last().filter(|_| !is_open) else { return false };
            sealed = earlier;
        }
        let name = match rot {
            Rot::Sealed | Rot::Index if sealed.is_empty() => return false,
            Rot::Sealed => sealed[pick(at, sealed.len())].clone(),
            Rot::Index => sealed[pick(at, sealed.len())].replace(".log", ".index"),
            Rot::Open | Rot::Tail => (*open).clone(),
            Rot::State => "state".to_owned(),
        };
        let Some(content) = files.get(&name).filter(|content| !content.is_empty()) else { return false };
        // The start of the open segment is all that is left of the epochs: without it readers begin anew.
        let from = match rot {
            Rot::Open => batches_start(content),
            Rot::Tail => content.len().saturating_sub(TAIL).max(batches_start(content)),
            Rot::Sealed | Rot::Index | Rot::State => 0,
        };
        if from >= content.len() {
            return false;
        }
        let offset = from + pick(at / 64, content.len() - from);
        self.disk.flip(&name, offset);
        if is_open {
            self.is_rotten = true;
            self.disk.keep_whole(
                (self.plan.durability == Durability::Fsync && rot != Rot::State).then_some("state"),
            );
        }
        // What lies there is told by the file as it was before anything was flipped in it.
        let mut before = content.clone();
        for flip in self.flips.iter().filter(|flip| flip.name == name) {
            // It may have been written again since, whole.
            if let Some(byte) = before.get_mut(flip.offset).filter(|byte| **byte == flip.byte) {
                *byte ^= FLIPPED;
            }
        }
        let lost = match struck(&before, offset) {
            Struck::Event(seq) if name.ends_with(".log") => {
                env.history.truth.damage(seq);
                Some(seq)
            }
            Struck::Event(_) | Struck::Elsewhere => None,
        };
        let is_in_start = name.ends_with(".log") && offset < batches_start(&before);
        let byte = content[offset] ^ FLIPPED;
        self.flips.push(Flip { name: name.clone(), offset, byte, lost, is_in_start });
        for pair in segments.windows(2) {
            if let [segment, next] = pair {
                self.unname(env, segment, next);
            }
        }
        env.trace.say(env.now, format_args!("byte {offset} of {name} is flipped; it belonged to {lost:?}"));
        true
    }

    /// What a segment has lost is named by the start of the next one: where that is destroyed as well, nothing may tell
    /// whose events they were.
    fn unname(&self, env: &mut Env, segment: &str, next: &str) {
        if self.flips.iter().any(|flip| flip.name == next && flip.is_in_start) {
            let lost = self.flips.iter().filter(|flip| flip.name == segment).filter_map(|flip| flip.lost);
            lost.for_each(|seq| env.history.truth.unname(seq));
        }
    }
}

/// A byte that was flipped.
#[derive(Clone, Debug)]
pub(super) struct Flip {
    name: String,
    offset: usize,
    /// What it is now.
    byte: u8,
    /// The event that it destroyed.
    lost: Option<Seq>,
    /// It lies in what a segment says of those before it.
    is_in_start: bool,
}

fn pick(number: u64, len: usize) -> usize {
    usize::try_from(number % (len as u64).max(1)).unwrap_or(0)
}

/// How many bytes at the end of the open segment count as its tail.
const TAIL: usize = 300;
