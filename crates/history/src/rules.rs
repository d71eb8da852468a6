//! What the rules are called, and which sentence of the promise (wire protocol, section 7) each one holds.

/// A reader's events tile its topics: none that it has a right to is left out between two others, or at the end.
pub const HOLE: &str = "hole";
/// No event is handed out that lies at or below where its topic stood.
pub const DOUBLE: &str = "double";
/// Over all topics of a reader, events come in growing seq.
pub const ORDER: &str = "order";
/// A gap covers nothing that had come.
pub const OVERLAP: &str = "overlap";
/// A gap is told only where events really cannot be had, and covers at least one.
pub const HONEST_GAP: &str = "honest gap";
/// What a gap gives as its cause is what happened.
pub const GAP_REASON: &str = "gap reason";
/// One text for each seq, for everyone, across restarts.
pub const AGREEMENT: &str = "agreement";
/// Everything in the log and everything handed out was asked for by somebody.
pub const PHANTOM: &str = "phantom";
/// Nobody is handed an event without a right to it at its position.
pub const RIGHT: &str = "right";
/// What was answered lies in the log, where the answer said.
pub const DURABLE_ACK: &str = "durable ack";
/// A publish lies in the log at most once, and all its answers are the same.
pub const IDEMPOTENCE: &str = "idempotence";
/// A publish of several parts lies in the log whole, in its order, or not at all.
pub const ALL_OR_NOTHING: &str = "all or nothing";
/// What is published after another publish was answered lies behind it.
pub const PUBLISH_ORDER: &str = "publish order";
/// The position that an application can save never goes back, is never ahead of what it was handed, and is where it
/// goes on after a restart.
pub const CURSOR: &str = "cursor";
/// A fresh reader starts at the head: nothing published later lies before its start.
pub const BASE: &str = "base";
/// `prev` names the event of the topic before.
pub const CHAIN: &str = "prev chain";
/// An epoch names one incarnation of the log.
pub const EPOCH: &str = "epoch";
/// Whoever must be caught up has been accepted.
pub const LIVENESS: &str = "liveness";
