//! Which of two identical frames of an overlap is a copy: frames without a seq (plain servers, signals), told by a digest of
//! their exact text.
//!
//! While two links of a connection are up, a frame whose text has just been delivered by another link is dropped, once
//! per link: two equal frames on one link are two frames. What was delivered is remembered for [`JUST`], because copies of
//! one frame travel at most that far apart, and a frame that repeats later is news.

use core::time::Duration;
use std::collections::VecDeque;

use bowline_proto::Time;

use crate::vocabulary::LinkId;

/// How far apart two copies may arrive: the close deadline's default, after which a retired link is gone anyway.
const JUST: Duration = Duration::from_secs(5);

/// Most frames remembered; beyond it the oldest is forgotten, and a later copy of it would be delivered twice.
const MOST: usize = 1024;

/// What the links of an overlap have shown.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// In the order of delivery.
    shown: VecDeque<Shown>,
}

#[derive(Debug)]
struct Shown {
    digest: u64,
    at: Time,
    /// Which links have brought it; the first one's was delivered.
    by: Vec<LinkId>,
}

impl Copies {
    /// Notes the frame that `link` brought; `true` when it is a copy of one that another link has brought.
    pub(crate) fn is_copy(&mut self, now: Time, link: LinkId, digest: u64) -> bool {
        while self.shown.front().is_some_and(|oldest| now.since(oldest.at) > JUST || self.shown.len() > MOST)
        {
            self.shown.pop_front();
        }
        let twin = self.shown.iter_mut().find(|shown| shown.digest == digest && !shown.by.contains(&link));
        match twin {
            Some(shown) => {
                shown.by.push(link);
                true
            }
            None => {
                self.shown.push_back(Shown { digest, at: now, by: vec![link] });
                false
            }
        }
    }

    /// The overlap is over.
    pub(crate) fn forget(&mut self) {
        self.shown.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_dropped_once_per_link() {
        let (a, b, c) = (LinkId(1), LinkId(2), LinkId(3));
        let mut copies = Copies::default();
        for (link, digest, expected) in [
            (a, 7, false),
            (a, 7, false), // twice on one link: two frames
            (b, 7, true),
            (b, 7, true),
            (b, 7, false), // a third one
            (a, 7, true),
            (c, 7, true),
            (c, 8, false),
        ] {
            assert_eq!(copies.is_copy(Time::ZERO, link, digest), expected, "{link:?} {digest}");
        }
        assert!(!copies.is_copy(Time::ZERO + JUST + JUST, b, 8), "too late to be a copy");
    }
}
