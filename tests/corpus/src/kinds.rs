//! Which kinds of input there are.

use crate::case::Case;
use crate::{
    arguments, client_frames, client_texts, configs, cursor_files, handshakes, requests, server_frames,
    tickets, tokens, topics, typed_events, ws_frames,
};

/// One kind of input: a file.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name below `data/`.
    pub file: &'static str,
    /// Makes its cases, always the same.
    pub cases: fn() -> Vec<Case>,
}

impl Kind {
    /// What its file holds.
    #[must_use]
    pub fn text(&self) -> String {
        (self.cases)().iter().map(|case| case.line() + "\n").collect()
    }
}

/// All of them.
pub const KINDS: &[Kind] = &[
    Kind { file: "topics.ndjson", cases: topics::cases },
    Kind { file: "client_frames.ndjson", cases: client_frames::cases },
    Kind { file: "server_frames.ndjson", cases: server_frames::cases },
    Kind { file: "client_texts.ndjson", cases: client_texts::cases },
    Kind { file: "typed_events.ndjson", cases: typed_events::cases },
    Kind { file: "ws_frames.ndjson", cases: ws_frames::cases },
    Kind { file: "handshakes.ndjson", cases: handshakes::cases },
    Kind { file: "requests.ndjson", cases: requests::cases },
    Kind { file: "tokens.ndjson", cases: tokens::cases },
    Kind { file: "tickets.ndjson", cases: tickets::cases },
    Kind { file: "configs.ndjson", cases: configs::cases },
    Kind { file: "cursor_files.ndjson", cases: cursor_files::cases },
    Kind { file: "arguments.ndjson", cases: arguments::cases },
];
