//! The half-open test: the network goes silent and nobody is told.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::account;
use crate::book::Book;
use crate::gateway::{Gateway, TortureError, error};
use crate::listener::{Habits, Listener};
use crate::proxy::Proxy;
use crate::publisher::Publishers;
use crate::verdict::judge;

/// What came out.
#[derive(Debug)]
pub struct HalfOpen {
    /// Broken promises, in words.
    pub broken: Vec<String>,
    /// From the silence until the client had noticed.
    pub client_noticed: Duration,
    /// From the silence until the gateway had freed the dead sockets.
    pub gateway_freed: Duration,
    /// How long the owner of two ghosts took to be accepted again.
    pub owner_back: Duration,
}

/// What a loaded machine adds to a deadline.
const SCHEDULING: Duration = Duration::from_millis(100);

/// Runs it with the given heartbeat (a short one keeps tests short).
///
/// # Errors
/// When the run itself could not be carried out.
pub async fn half_open(binary: &Path, heartbeat: Duration) -> Result<HalfOpen, TortureError> {
    let dir = tempfile::tempdir().map_err(error)?;
    let config = format!("heartbeat = \"{}ms\"\n", heartbeat.as_millis());
    let mut gateway = Gateway::start(binary, &dir.path().join("data"), Some(&config))?;
    let topics = account::topics(1)?;
    let book = Book::default();
    account::grant(&gateway, &book, "owner", &topics)?;
    let proxy = Proxy::start(gateway.listen()).await.map_err(error)?;
    let url = format!("ws://{}/agent", proxy.addr());
    let token = account::token(&gateway, "owner", None)?;
    let mut broken = Vec::new();

    // The first ghost: the client notices the silence by itself and comes back as the same session.
    let listener = Listener::connect("owner", &url, token, Habits::default(), &book).await?;
    let publishers = Publishers::start(&gateway, &topics, 100, &book, None)?;
    tokio::time::sleep(heartbeat).await;
    proxy.silence();
    let patience = heartbeat.mul_f64(2.5) + Duration::from_secs(2);
    let Some(client_noticed) = listener.noticed(1, patience).await else {
        return Err(error(format!("the client did not notice within {patience:?} of the silence")));
    };
    if listener.reconnected(1, patience).await.is_none() {
        return Err(error(format!("the client was not back within {patience:?}")));
    }
    // The second silence follows at once: two ghosts of the session may be on the gateway now.
    proxy.silence();
    let second = Instant::now();
    if listener.reconnected(2, patience).await.is_none() {
        broken.push(format!("with two ghosts the owner was not back within {patience:?}"));
    }
    let owner_back = second.elapsed();
    let (marks, complaints) =
        tokio::task::spawn_blocking(move || publishers.finish()).await.map_err(error)?;
    listener.reach(marks.last(), Duration::from_secs(10)).await;
    broken.extend(complaints);
    let diary = listener.finish().await;
    if client_noticed > heartbeat.mul_f64(2.5) + SCHEDULING {
        broken.push(format!("the client took {client_noticed:?} to notice, more than 2.5 heartbeats"));
    }

    // A client that is silenced and never comes back: the gateway frees its slot by itself.
    let token = account::token(&gateway, "gone", None)?;
    let gone = Listener::connect("gone", &url, token, Habits::default(), &book).await?;
    // Long enough to have answered a ping, by which the gateway knows that silence means death.
    tokio::time::sleep(heartbeat.mul_f64(1.5)).await;
    proxy.silence();
    let silenced = Instant::now();
    drop(gone);
    let gateway_freed = loop {
        if links(&gateway)? == 0 {
            break silenced.elapsed();
        }
        if silenced.elapsed() > heartbeat.mul_f64(4.0) + Duration::from_secs(2) {
            broken.push("the gateway did not free the silent sockets".into());
            break silenced.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    gateway.terminate()?;
    broken.extend(judge(gateway.data_dir(), &topics, &book, &mut [diary]));
    Ok(HalfOpen { broken, client_noticed, gateway_freed, owner_back })
}

/// The gauge `bowline_links` of the gateway's metrics.
fn links(gateway: &Gateway) -> Result<u64, TortureError> {
    let mut answer =
        account::agent().get(format!("http://{}/metrics", gateway.admin())).call().map_err(error)?;
    let text = answer.body_mut().read_to_string().map_err(error)?;
    let gauge = text.lines().find_map(|line| line.strip_prefix("bowline_links "));
    gauge
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| error("the metrics have no bowline_links"))
}
