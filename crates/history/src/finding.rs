//! How a broken promise is told.

use bowline_proto::Record;

use crate::sight::Logged;

/// A broken promise: which rule, and what happened.
pub type Finding = (&'static str, String);

/// What lies at a place of the log, in words.
pub(crate) fn brief(record: Option<&Record>) -> String {
    match record {
        None => "nothing there".into(),
        Some(Record::Event(event)) => format!("an event of {} there", event.topic),
        Some(Record::Granted { account, topic, .. }) => format!("a grant of {topic} to {account} there"),
        Some(Record::Revoked { account, topic, .. }) => {
            format!("a revocation of {topic} from {account} there")
        }
    }
}

/// The first seqs of `events`, in words; `None` when there is none.
pub(crate) fn list(events: &[Logged]) -> Option<String> {
    let shown: Vec<String> = events.iter().take(8).map(|event| event.seq.to_string()).collect();
    match events.len() - shown.len() {
        _ if shown.is_empty() => None,
        0 => Some(shown.join(", ")),
        more => Some(format!("{} and {more} more", shown.join(", "))),
    }
}
