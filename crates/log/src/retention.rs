//! When segments are removed, and how what they held stays known: as gaps for exactly those who lost something.
//!
//! Whole segments, oldest first, never the open one. The segment's index outlives it as a `.removed` file until the
//! next segment's snapshot has taken up what it says, so that a crash in between forgets nothing.

use std::io;
use std::sync::Arc;

use bowline_proto::{Seq, Timestamp};
use tracing::warn;

use crate::disk::{Disk, Open, is_full, is_shortage};
use crate::index::Index;
use crate::names;
use crate::removed::forget;
use crate::replay;
use crate::sealed::{self, Sealed};
use crate::segment_store::{SegmentStore, Writer};
use crate::store::StoreError;

impl SegmentStore {
    /// Removes what is too old or too much, oldest first; the first position that is left.
    pub(crate) fn apply_retention(&self, writer: &mut Writer, now: Timestamp) -> Result<Seq, StoreError> {
        let age = self.config.retain_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        // A log with little traffic would keep its open segment for ever; a quarter is as coarse as it gets.
        let is_stale = age.is_some_and(|age| now.0.saturating_sub(writer.made_at.0) > age / 4);
        if is_stale && !writer.is_dirty && writer.end > writer.start {
            match self.roll(writer, now) {
                Ok(()) | Err(StoreError::Full) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let oldest = {
                let view = self.view();
                let is_large = self.config.retain_bytes.is_some_and(|most| view.bytes() > most);
                let is_old =
                    |sealed: &Sealed| age.is_some_and(|age| now.0.saturating_sub(sealed.written_at.0) > age);
                let Some(oldest) = view.sealed.front().filter(|sealed| is_large || is_old(sealed)) else {
                    return Ok(view.oldest);
                };
                oldest.clone()
            };
            match self.remove_oldest(&oldest) {
                Ok(()) => {}
                // Nothing has been forgotten yet: another time.
                Err(error) if is_shortage(&error) => {
                    warn!(segment = oldest.number, %error, "the oldest segment cannot be removed now");
                    return Ok(oldest.base);
                }
                Err(error) => return Err(writer.fail(error)),
            }
        }
    }

    /// The oldest segment goes. Its index stays until a snapshot has taken up what it says.
    fn remove_oldest(&self, sealed: &Sealed) -> Result<(), io::Error> {
        let behind = {
            let view = self.view();
            view.sealed.get(1).map_or(view.open.number, |next| next.number)
        };
        let loaded = match self.cache.find(sealed.number) {
            Some(loaded) => loaded,
            None => {
                let beside = || replay::beside(&*self.disk, &self.view, sealed, behind);
                Arc::new(sealed::load(&*self.disk, sealed, beside)?)
            }
        };
        match self.keep_index(sealed.number, &loaded.index) {
            // Room is what the removal is about to make.
            Err(error) if is_full(&error) => {
                remove_if_there(&*self.disk, &names::log(sealed.number))?;
                self.keep_index(sealed.number, &loaded.index)?;
            }
            kept => kept?,
        }
        {
            let mut view = self.view_mut();
            let view = &mut *view;
            view.sealed.pop_front();
            forget(&loaded.index, &mut view.topics, &mut view.grants);
            view.oldest = view.sealed.front().map_or(view.open.index.base(), |next| next.base);
        }
        remove_if_there(&*self.disk, &names::log(sealed.number))?;
        remove_if_there(&*self.disk, &names::index(sealed.number))?;
        self.cache.forget(sealed.number);
        Ok(())
    }

    /// The index file gets the name under which it outlives its segment. Where it is whole it takes no further room; it
    /// is written again all the same, since after a failed fsync the system takes for clean what it has not written.
    fn keep_index(&self, number: u64, index: &Index) -> io::Result<()> {
        let (name, bytes) = (names::index(number), index.to_bytes());
        let is_whole = sealed::read_if_there(&*self.disk, &name)?.is_some_and(|there| there == bytes);
        let file = self.disk.open(&name, if is_whole { Open::Existing } else { Open::Fresh })?;
        file.write_at(&bytes, 0)?;
        file.sync_data()?;
        self.disk.rename(&name, &names::removed(number))?;
        self.disk.sync_dir()
    }

    /// What the new snapshot has taken up need not be kept beside it.
    pub(crate) fn forget_removed(&self, oldest: u64) {
        let names = self.disk.list().unwrap_or_default();
        for number in names::numbers(&names, "removed").into_iter().filter(|&number| number < oldest) {
            if let Err(error) = self.disk.remove(&names::removed(number)) {
                warn!(segment = number, %error, "the index of a removed segment stays");
            }
        }
    }
}

fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
