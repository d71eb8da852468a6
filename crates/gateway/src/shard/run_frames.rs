//! One run of events is framed once, whoever gets it.

use std::ops::Range;
use std::sync::Arc;

use bowline_proto::Record;
use bytes::Bytes;

use crate::ws;

/// The longest frame header of a server: two bytes and a 64-bit length.
const MAX_HEADER: usize = 10;

/// The run that was framed last: consecutive orders often deliver the same one.
#[derive(Debug, Default)]
pub(crate) struct RunFrames {
    last: Option<(Arc<[Record]>, Range<usize>, Bytes)>,
}

impl RunFrames {
    /// The frames of `records[range]`, joined.
    pub(crate) fn of(&mut self, records: &Arc<[Record]>, range: &Range<usize>) -> Bytes {
        if let Some((known, at, frames)) = &self.last
            && Arc::ptr_eq(known, records)
            && at == range
        {
            return frames.clone();
        }
        let frames = frame(&records[range.clone()]);
        self.last = Some((Arc::clone(records), range.clone(), frames.clone()));
        frames
    }

    /// Lets the remembered run go; called at the end of a tick.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }
}

fn frame(records: &[Record]) -> Bytes {
    let texts = records.iter().filter_map(|record| match record {
        Record::Event(event) => Some(&event.text),
        Record::Granted { .. } | Record::Revoked { .. } => None,
    });
    let mut out = Vec::with_capacity(texts.clone().map(|text| text.len() + MAX_HEADER).sum());
    for text in texts {
        ws::push_text(&mut out, text);
    }
    out.into()
}
