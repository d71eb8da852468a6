//! What the node counts, and how it is told: OpenMetrics text.
//!
//! A shard counts in plain integers on its own thread and hands a copy over at the end of each tick, so no counter is
//! contended. What happens less often than a socket write is counted here, behind short locks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_gateway_core::Stats;
use bowline_proto::CloseCode;

/// What a shard counts besides its core.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardCounts {
    pub(crate) bytes_in: u64,
    pub(crate) frames_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) writes: u64,
    pub(crate) deliveries: u64,
    pub(crate) signals: u64,
    pub(crate) signals_dropped: u64,
    pub(crate) page_reads: u64,
    pub(crate) cut: u64,
}

impl ShardCounts {
    /// One write call, and the bytes that the socket took.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes_out += bytes as u64;
    }
}

/// The state of a shard at the end of a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardReport {
    pub(crate) core: Stats,
    pub(crate) counts: ShardCounts,
    /// Sockets, closing ones included.
    pub(crate) sockets: u64,
}

/// Counters of rare things, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tally {
    /// TCP connections accepted.
    Accepted,
    /// TCP connections refused above the limit.
    RefusedFull,
    /// Accept calls that failed for want of descriptors.
    OutOfDescriptors,
    /// Handshakes cut at their deadline.
    HandshakeTimeouts,
    /// Upgrades told `connection.rejected` by the driver: no good credential, or no right.
    Unauthorized,
    /// Events published and durable.
    Published,
    /// Publishes that the log refused.
    PublishFailed,
    /// Ephemeral publishes.
    SignalsPublished,
    /// Signals of the HTTP API dropped because a shard was behind.
    SignalsDropped,
    /// Tails of shards that overflowed.
    TailOverflows,
}

const TALLIES: [(Tally, &str, &str); 10] = [
    (Tally::Accepted, "bowline_accepts", "TCP connections accepted."),
    (Tally::RefusedFull, "bowline_accepts_refused", "TCP connections refused above the connection limit."),
    (Tally::OutOfDescriptors, "bowline_accept_failures", "Accepts that failed for want of descriptors."),
    (
        Tally::HandshakeTimeouts,
        "bowline_handshake_timeouts",
        "Connections cut before they asked for anything.",
    ),
    (Tally::Unauthorized, "bowline_upgrades_rejected", "Upgrades rejected for their credential or right."),
    (Tally::Published, "bowline_events_published", "Events published and durable."),
    (Tally::PublishFailed, "bowline_publish_failures", "Publishes that the log refused."),
    (Tally::SignalsPublished, "bowline_signals_published", "Ephemeral publishes."),
    (Tally::SignalsDropped, "bowline_signals_refused", "Ephemeral publishes that a shard had no room for."),
    (
        Tally::TailOverflows,
        "bowline_tail_overflows",
        "Times a shard fell behind the log's tail and reread it.",
    ),
];

/// Upper bounds of the histogram of append times, in seconds: from a page cache to a slow disk.
const BUCKETS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

/// Everything that is counted on a node.
#[derive(Debug)]
pub(crate) struct Metrics {
    shards: Vec<Mutex<ShardReport>>,
    tallies: Mutex<BTreeMap<Tally, u64>>,
    closes: Mutex<BTreeMap<u16, u64>>,
    requests: Mutex<BTreeMap<u16, u64>>,
    appends: Mutex<Histogram>,
}

/// Where the log and the node stand when metrics are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) head: u64,
    pub(crate) oldest: u64,
    pub(crate) log_bytes: u64,
    pub(crate) connections: u64,
    pub(crate) is_draining: bool,
    pub(crate) is_log_writable: bool,
}

impl Metrics {
    pub(crate) fn new(shards: usize) -> Self {
        Metrics {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            tallies: Mutex::default(),
            closes: Mutex::default(),
            requests: Mutex::default(),
            appends: Mutex::default(),
        }
    }

    /// A shard's state at the end of a tick.
    pub(crate) fn report(&self, shard: usize, report: ShardReport) {
        *open(&self.shards[shard]) = report;
    }

    /// All shards together.
    pub(crate) fn total(&self) -> ShardReport {
        self.shards.iter().map(|shard| *open(shard)).fold(ShardReport::default(), add)
    }

    /// `n` more of these.
    pub(crate) fn count(&self, what: Tally, n: u64) {
        *open(&self.tallies).entry(what).or_default() += n;
    }

    /// How many of these so far.
    pub(crate) fn tally(&self, what: Tally) -> u64 {
        open(&self.tallies).get(&what).copied().unwrap_or_default()
    }

    /// The gateway closed a socket with `code`.
    pub(crate) fn closed(&self, code: CloseCode) {
        *open(&self.closes).entry(code.0).or_default() += 1;
    }

    /// An HTTP request was answered with `status`.
    pub(crate) fn answered(&self, status: u16) {
        *open(&self.requests).entry(status).or_default() += 1;
    }

    /// A batch was durable this long after it was handed to the log.
    pub(crate) fn appended(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut histogram = open(&self.appends);
        histogram.count += 1;
        histogram.sum += seconds;
        if let Some(bucket) = BUCKETS.iter().position(|&bound| seconds <= bound) {
            histogram.counts[bucket] += 1;
        }
    }

    /// The text of `/metrics`.
    pub(crate) fn render(&self, standing: Standing) -> String {
        let mut out = String::with_capacity(8 * 1024);
        let ShardReport { core, counts, sockets } = self.total();
        gauge(&mut out, "bowline_connections", "Open connections of every kind.", standing.connections);
        gauge(&mut out, "bowline_sockets", "WebSockets, closing ones included.", sockets);
        gauge(&mut out, "bowline_links", "WebSockets that a shard serves.", core.connections);
        gauge(&mut out, "bowline_sessions", "Sessions, with and without a socket.", core.sessions);
        gauge(&mut out, "bowline_live", "Sockets that follow the tail.", core.live);
        gauge(&mut out, "bowline_catching_up", "Sockets that reread the log.", core.catching_up);
        gauge(&mut out, "bowline_log_head", "Position of the last committed record.", standing.head);
        gauge(&mut out, "bowline_log_oldest", "Position of the oldest retained record.", standing.oldest);
        gauge(&mut out, "bowline_log_bytes", "Size of the log.", standing.log_bytes);
        gauge(
            &mut out,
            "bowline_log_writable",
            "1 while the log takes events.",
            standing.is_log_writable.into(),
        );
        gauge(&mut out, "bowline_draining", "1 while the node drains.", standing.is_draining.into());
        for (name, help, value) in [
            ("bowline_links_accepted", "Links accepted.", core.accepted),
            ("bowline_links_resumed", "Links accepted with a cursor.", core.resumed),
            ("bowline_links_rejected", "Links refused above an account's limit.", core.rejected),
            ("bowline_links_superseded", "Links evicted by a newer one of their session.", core.superseded),
            ("bowline_idle_timeouts", "Links closed for silence.", core.idle_timeouts),
            ("bowline_slow_consumers", "Links closed for not reading.", core.slow_consumers + counts.cut),
            ("bowline_gaps", "Gaps told.", core.gaps),
            ("bowline_deliveries", "Events handed to sockets.", counts.deliveries),
            ("bowline_signal_deliveries", "Signals handed to sockets.", counts.signals),
            (
                "bowline_signals_dropped",
                "Signals dropped because a shard was behind.",
                counts.signals_dropped,
            ),
            ("bowline_page_reads", "Pages of the log read for those behind.", counts.page_reads),
            ("bowline_frames_received", "Text messages received.", counts.frames_in),
            ("bowline_received_bytes", "Bytes received on WebSockets.", counts.bytes_in),
            ("bowline_sent_bytes", "Bytes sent on WebSockets.", counts.bytes_out),
            ("bowline_write_calls", "Write calls on WebSockets.", counts.writes),
        ] {
            counter(&mut out, name, help, value);
        }
        for (tally, name, help) in TALLIES {
            counter(&mut out, name, help, self.tally(tally));
        }
        labelled(&mut out, "bowline_closes", "Sockets closed by the gateway.", &open(&self.closes));
        labelled(&mut out, "bowline_http_requests", "HTTP requests answered.", &open(&self.requests));
        histogram(
            &mut out,
            "bowline_append_seconds",
            "From an append to its durability.",
            &open(&self.appends),
        );
        out.push_str("# EOF\n");
        out
    }
}

fn add(a: ShardReport, b: ShardReport) -> ShardReport {
    ShardReport {
        core: Stats {
            connections: a.core.connections + b.core.connections,
            sessions: a.core.sessions + b.core.sessions,
            live: a.core.live + b.core.live,
            catching_up: a.core.catching_up + b.core.catching_up,
            accepted: a.core.accepted + b.core.accepted,
            resumed: a.core.resumed + b.core.resumed,
            rejected: a.core.rejected + b.core.rejected,
            superseded: a.core.superseded + b.core.superseded,
            idle_timeouts: a.core.idle_timeouts + b.core.idle_timeouts,
            slow_consumers: a.core.slow_consumers + b.core.slow_consumers,
            gaps: a.core.gaps + b.core.gaps,
            delivered: a.core.delivered + b.core.delivered,
        },
        counts: ShardCounts {
            bytes_in: a.counts.bytes_in + b.counts.bytes_in,
            frames_in: a.counts.frames_in + b.counts.frames_in,
            bytes_out: a.counts.bytes_out + b.counts.bytes_out,
            writes: a.counts.writes + b.counts.writes,
            deliveries: a.counts.deliveries + b.counts.deliveries,
            signals: a.counts.signals + b.counts.signals,
            signals_dropped: a.counts.signals_dropped + b.counts.signals_dropped,
            page_reads: a.counts.page_reads + b.counts.page_reads,
            cut: a.counts.cut + b.counts.cut,
        },
        sockets: a.sockets + b.sockets,
    }
}

fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters stay consistent after any line; a panic elsewhere does not spoil them.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

const INTO_STRING: &str = "writing into a String does not fail";

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    write!(out, "# TYPE {name} gauge\n# HELP {name} {help}\n{name} {value}\n").expect(INTO_STRING);
}

fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    write!(out, "# TYPE {name} counter\n# HELP {name} {help}\n{name}_total {value}\n").expect(INTO_STRING);
}

fn labelled(out: &mut String, name: &str, help: &str, values: &BTreeMap<u16, u64>) {
    write!(out, "# TYPE {name} counter\n# HELP {name} {help}\n").expect(INTO_STRING);
    for (code, value) in values {
        writeln!(out, "{name}_total{{code=\"{code}\"}} {value}").expect(INTO_STRING);
    }
}

fn histogram(out: &mut String, name: &str, help: &str, values: &Histogram) {
    write!(out, "# TYPE {name} histogram\n# UNIT {name} seconds\n# HELP {name} {help}\n").expect(INTO_STRING);
    let mut so_far = 0;
    for (bound, count) in BUCKETS.iter().zip(values.counts) {
        so_far += count;
        writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {so_far}").expect(INTO_STRING);
    }
    let Histogram { count, sum, .. } = values;
    write!(out, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n")
        .expect(INTO_STRING);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_with_eof_and_counters_with_total() {
        let metrics = Metrics::new(2);
        metrics.count(Tally::Published, 3);
        metrics.closed(CloseCode::UNAUTHORIZED);
        metrics.answered(201);
        metrics.appended(Duration::from_micros(400));
        metrics.appended(Duration::from_secs(5));
        let counts = ShardCounts { deliveries: 7, ..ShardCounts::default() };
        metrics.report(0, ShardReport { counts, ..ShardReport::default() });
        metrics.report(1, ShardReport { counts, ..ShardReport::default() });
        let text = metrics.render(Standing {
            head: 9,
            oldest: 1,
            log_bytes: 100,
            connections: 2,
            is_draining: false,
            is_log_writable: true,
        });
        assert!(text.ends_with("# EOF\n"));
        for line in [
            "bowline_events_published_total 3",
            "bowline_deliveries_total 14",
            "bowline_closes_total{code=\"4501\"} 1",
            "bowline_http_requests_total{code=\"201\"} 1",
            "bowline_append_seconds_bucket{le=\"0.0005\"} 1",
            "bowline_append_seconds_bucket{le=\"+Inf\"} 2",
            "bowline_append_seconds_count 2",
            "bowline_log_writable 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
