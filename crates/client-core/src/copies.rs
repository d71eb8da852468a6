//! Which of two identical frames of an overlap is a copy: frames without a seq (plain servers, signals), told by a digest of
//! their exact text.
//!
//! A frame that came while two links of a connection were up is remembered for [`JUST`]: the other link's copy of it is
//! dropped, once per link, also when the first link is gone by then. Two equal frames on one link are two frames, and a
//! frame that repeats later is news.

use core::time::Duration;

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
    shown: Vec<Shown>,
}

/// Whether two links may bring the same frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// Two links are up.
    Present,
    /// One is; copies of what the other one brought may still come.
    Past,
}

#[derive(Debug)]
struct Shown {
    digest: u64,
    at: Time,
    /// Which links have brought it; the first one's was delivered.
    by: Vec<LinkId>,
}

impl Copies {
    /// `true` when `link` brought a copy of a frame that another link has brought. Otherwise the frame is noted, if the
    /// links overlap.
    pub(crate) fn is_copy(&mut self, now: Time, link: LinkId, digest: u64, overlap: Overlap) -> bool {
        while self.shown.first().is_some_and(|oldest| now.since(oldest.at) > JUST || self.shown.len() > MOST)
        {
            self.shown.remove(0);
        }
        let twin = self.shown.iter_mut().find(|shown| shown.digest == digest && !shown.by.contains(&link));
        if let Some(shown) = twin {
            shown.by.push(link);
            return true;
        }
        if overlap == Overlap::Present {
            self.shown.push(Shown { digest, at: now, by: vec![link] });
        }
        false
    }

    /// A copy of something that was shown may still come.
    pub(crate) fn awaits_any(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Every link is gone: what comes now is news.
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
            assert_eq!(
                copies.is_copy(Time::ZERO, link, digest, Overlap::Present),
                expected,
                "{link:?} {digest}"
            );
        }
        assert!(
            copies.is_copy(Time::ZERO, a, 8, Overlap::Past),
            "the other link is gone, its frame came first"
        );
        assert!(!copies.is_copy(Time::ZERO + JUST + JUST, b, 8, Overlap::Past), "too late to be a copy");
    }
}
