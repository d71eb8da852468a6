//! `bowline doctor`: one check after the other, each with what to do about it.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant, SystemTime};

use bowline::{Connection, Incoming, Notice};
use bowline_proto::{AccountKind, Cursor};
use futures_util::StreamExt as _;

use crate::args::Doctor;
use crate::failure::Failure;
use crate::render;
use crate::target::{Target, Wanted};

/// Clocks further apart than this make tokens look expired or not yet valid.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
/// Below this many descriptors a gateway or a load test hits the limit soon.
const COMFORTABLE_DESCRIPTORS: u64 = 4096;

struct Report {
    failed: bool,
}

impl Report {
    fn good(&self, what: &str) {
        println!("ok    {what}");
    }

    fn warn(&self, what: &str, hint: &str) {
        println!("warn  {what}\n      {hint}");
    }

    fn bad(&mut self, what: &str, hint: &str) {
        self.failed = true;
        println!("FAIL  {what}\n      {hint}");
    }
}

pub(crate) async fn run(args: &Doctor) -> Result<(), Failure> {
    let mut report = Report { failed: false };
    let target = Target::of(&args.reach)?;
    println!("gateway {}", target.http());
    descriptors(&report);
    if reaches(&mut report, &target) {
        clock(&mut report, &target);
        match target.token(&Wanted {
            account: args.account.as_deref().unwrap_or("bowline-doctor"),
            kind: AccountKind::Service,
            publish: false,
            admin: false,
        }) {
            Ok(token) => {
                lifetime(&mut report, &token);
                connects(&mut report, &target, token).await;
            }
            Err(failure) => report.bad("no token", &failure.to_string().replace('\n', "\n      ")),
        }
    }
    if report.failed { Err(Failure::new("not everything is well: see FAIL above")) } else { Ok(()) }
}

fn descriptors(report: &Report) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(current) if current < COMFORTABLE_DESCRIPTORS => report.warn(
            &format!("{current} file descriptors for this process"),
            "each connection takes one: raise it with `ulimit -n` or LimitNOFILE= of the service",
        ),
        Some(current) => report.good(&format!("{current} file descriptors for this process")),
        None => report.good("no limit of file descriptors"),
    }
}

fn reaches(report: &mut Report, target: &Target) -> bool {
    let url = target.http();
    let Ok(uri) = url.parse::<ureq::http::Uri>() else {
        report.bad(&format!("{url} is not a URL"), "pass --url http://host:port or https://host");
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let addresses = match (host.as_str(), port).to_socket_addrs() {
        Ok(found) => found.collect::<Vec<_>>(),
        Err(error) => {
            report.bad(
                &format!("{host} has no address: {error}"),
                "check the name in --url and this machine's DNS",
            );
            return false;
        }
    };
    let start = Instant::now();
    let mut last = None;
    for address in &addresses {
        match TcpStream::connect_timeout(address, Duration::from_secs(5)) {
            Ok(_) => {
                report.good(&format!(
                    "{address} accepts connections ({:.1} ms)",
                    start.elapsed().as_secs_f64() * 1e3
                ));
                return true;
            }
            Err(error) => last = Some((address, error)),
        }
    }
    match last {
        Some((address, error)) => report.bad(
            &format!("{address} does not accept connections: {error}"),
            "is the gateway running there? `bowline serve --dev` starts one; otherwise check --url and the firewall",
        ),
        None => report.bad(&format!("{host} has no address"), "check the name in --url"),
    }
    false
}

/// Compares the `Date` of an answer with this machine's clock.
fn clock(report: &mut Report, target: &Target) {
    let url = format!("{}/v1/events", target.http());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    let date = match agent.get(&url).call() {
        Ok(answer) => answer.headers().get("date").and_then(|v| v.to_str().ok()).and_then(http_date),
        Err(error) => {
            report.bad(
                &format!("no HTTP answer from {url}: {error}"),
                "something else may be listening on that port",
            );
            return;
        }
    };
    let Some(theirs) = date else {
        report.warn(
            "the gateway's answers carry no date",
            "a proxy may remove it; the clocks are not compared",
        );
        return;
    };
    let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let apart = ours.abs_diff(theirs);
    if apart > CLOCK_TOLERANCE {
        report.bad(
            &format!("this machine's clock and the gateway's are {} s apart", apart.as_secs()),
            "tokens will look expired or not yet valid: set the clocks (NTP)",
        );
    } else {
        report.good("the clocks agree");
    }
}

/// Seconds since the Unix epoch of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Duration> {
    let mut parts = text.split_whitespace().skip(1);
    let day = parts.next()?;
    let month = parts.next()?;
    let year = parts.next()?;
    let time = parts.next()?;
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let stamp = bowline_proto::Timestamp::parse_rfc3339(&format!("{year}-{month:02}-{day:0>2}T{time}Z"))?;
    Some(Duration::from_millis(stamp.0))
}

/// The token's own claims, read without its secret.
fn lifetime(report: &mut Report, token: &str) {
    use base64::Engine as _;
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok())
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let Some(claims) = claims else {
        report.bad("the token is not a JWT", "pass the token as `bowline token` prints it");
        return;
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let account = claims.get("sub").and_then(|v| v.as_str()).unwrap_or("?");
    match claims.get("exp").and_then(serde_json::Value::as_u64) {
        None => report.bad("the token has no `exp`", "the gateway requires one: use a token with an expiry"),
        Some(exp) if exp <= now => report.bad(
            &format!("the token of {account} expired {} s ago", now - exp),
            "a fresh one: `bowline token --account …`, or ask its issuer",
        ),
        Some(exp) => report.good(&format!("the token of {account} is valid for {} s more", exp - now)),
    }
}

async fn connects(report: &mut Report, target: &Target, token: String) {
    let start = Instant::now();
    let connection = match Connection::builder(target.socket("/agent")).token(token).max_attempts(1).connect()
    {
        Ok(connection) => connection,
        Err(error) => return report.bad(&error.to_string(), "check --url"),
    };
    match connection.ready().await {
        Ok(()) => {
            report.good(&format!("a connection is accepted ({:.1} ms)", start.elapsed().as_secs_f64() * 1e3));
            match accepted_at(&connection).await {
                Some(cursor) => {
                    report.good(&format!("it can be resumed (epoch {}, seq {})", cursor.epoch, cursor.seq))
                }
                None => report.warn(
                    "this server can't resume connections",
                    "events that are sent while a link is down are lost; a Bowline gateway keeps them",
                ),
            }
        }
        Err(error) => {
            let hint = match &*connection.state().borrow() {
                bowline::ConnectionState::Closed(reason) => {
                    render::ending(reason).map_or("", |(_, hint)| hint)
                }
                _ => "try again; the gateway's log says more",
            };
            report.bad(&error.to_string(), hint);
        }
    }
    connection.close().await;
}

/// Where the connection's stream starts, when the server can resume it.
async fn accepted_at(connection: &Connection) -> Option<Cursor> {
    let mut events = connection.events();
    while let Some(incoming) = events.next().await {
        if let Incoming::Notice(Notice::Accepted { accepted, .. }) = incoming {
            return Some(Cursor { epoch: accepted.epoch?, seq: accepted.seq? });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(784_111_777)));
        assert_eq!(http_date("yesterday"), None);
    }
}
