//! A native client that writes down everything it is handed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bowline::{Connection, ConnectionState, Incoming, Notice, Occasion};
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::gateway::{TortureError, error};
use crate::verdict::{Delivery, Seen};

/// A listener at work.
pub(crate) struct Listener {
    pub(crate) name: String,
    connection: Arc<Connection>,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

/// The payload that the publishers write.
#[derive(Deserialize)]
pub(crate) struct Payload {
    pub(crate) n: usize,
    #[serde(default)]
    pub(crate) at: u64,
}

impl Listener {
    /// Connects and waits until the gateway has accepted.
    pub(crate) async fn connect(
        name: &str,
        url: &str,
        token: String,
        proactive_reconnect: Option<Duration>,
    ) -> Result<Self, TortureError> {
        let mut builder = Connection::builder(url).token(token);
        if let Some(every) = proactive_reconnect {
            builder = builder.proactive_reconnect(every);
        }
        let connection = Arc::new(builder.connect().map_err(error)?);
        connection.ready().await.map_err(error)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(write_down(Arc::clone(&connection), Arc::clone(&seen)));
        Ok(Listener { name: name.to_string(), connection, seen, task })
    }

    /// Waits until `seq` has been handed over, at most `patience`.
    pub(crate) async fn reach(&self, seq: u64, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience {
            if self.connection.position().cursor.is_some_and(|cursor| cursor.seq.get() >= seq) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the loss of a link has been noticed `count` times, at most `patience`.
    pub(crate) async fn noticed(&self, count: usize, patience: Duration) -> Option<Duration> {
        let noticed =
            |seen: &Seen| seen.state_changes.iter().filter(|s| *s == "Reconnecting").count() >= count;
        self.wait(patience, noticed).await
    }

    /// Waits until the number of links accepted after the first is at least `count`, at most `patience`.
    pub(crate) async fn reconnected(&self, count: u64, patience: Duration) -> Option<Duration> {
        self.wait(patience, |seen| seen.reconnects >= count).await
    }

    async fn wait(&self, patience: Duration, is_reached: impl Fn(&Seen) -> bool) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if is_reached(&self.seen.lock().expect("the writer does not panic")) {
                return Some(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    /// Closes, and hands out what was seen.
    pub(crate) async fn finish(self) -> (String, Seen) {
        self.connection.close().await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.task).await;
        let seen = std::mem::take(&mut *self.seen.lock().expect("the writer does not panic"));
        (self.name, seen)
    }
}

async fn write_down(connection: Arc<Connection>, seen: Arc<Mutex<Seen>>) {
    let mut events = connection.events();
    while let Some(incoming) = events.next().await {
        let mut seen = seen.lock().expect("the writer does not panic");
        if !matches!(incoming, Incoming::Event(_)) {
            seen.note(format!("{incoming:?}"));
        }
        match incoming {
            Incoming::Event(event) => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let (Some(topic), Some(place)) = (event.topic.as_ref(), event.place) else { continue };
                if event.kind.as_ref() != "torture.event" {
                    continue;
                }
                let Ok(payload) = serde_json::from_slice::<Payload>(&event.payload) else {
                    seen.gaps.push(format!("seq {} has a payload that nobody published", place.seq));
                    continue;
                };
                seen.latencies.push((now.as_micros() as u64).saturating_sub(payload.at));
                let delivery =
                    Delivery { topic: topic.as_str().to_string(), n: payload.n, seq: place.seq.get() };
                let words = format!("{topic} #{} at {place:?}", payload.n);
                seen.deliver(delivery, words);
            }
            Incoming::Gap(gap) => seen.gaps.push(format!("{gap:?}")),
            Incoming::Notice(Notice::State(ConnectionState::Closing | ConnectionState::Closed(_))) => {}
            Incoming::Notice(Notice::State(state)) => seen.state_changes.push(format!("{state:?}")),
            Incoming::Notice(Notice::Accepted { occasion: Occasion::Handover, .. }) => seen.handovers += 1,
            Incoming::Notice(Notice::Accepted { occasion: Occasion::Reconnect, .. }) => seen.reconnects += 1,
            _ => {}
        }
    }
}
