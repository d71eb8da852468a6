//! `bowline publish`: one event, or lines of JSON in order with as few round trips as possible.

use std::borrow::Cow;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bowline_proto::{AccountKind, Topic};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::{Api, ApiError};
use crate::args::{Publish, Right};
use crate::failure::Failure;
use crate::target::{Target, Wanted};

#[derive(Serialize)]
struct Outgoing<'a> {
    topic: &'a str,
    r#type: &'a str,
    payload: &'a RawValue,
}

/// What is looked at in a line of `--ndjson` before it is sent on as it came.
#[derive(Deserialize)]
struct Line<'a> {
    topic: Cow<'a, str>,
    #[serde(rename = "type")]
    _kind: Cow<'a, str>,
    #[serde(default, deserialize_with = "given", rename = "payload")]
    has_payload: bool,
}

fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

/// How many lines go into one request at most, and how many bytes: well below the gateway's limit of 1 MiB.
const BATCH_LINES: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;
/// How long a publish is repeated while the gateway is away: enough for a restart.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who publishes when the data dir signs: a service of the developer's own.
const PUBLISHER: Wanted<'static> =
    Wanted { account: "bowline-cli", kind: AccountKind::Service, publish: true, admin: false };
const ADMIN: Wanted<'static> =
    Wanted { account: "bowline-cli", kind: AccountKind::Service, publish: false, admin: true };

pub(crate) fn run(args: &Publish) -> Result<(), Failure> {
    let target = Target::of(&args.reach)?;
    let api = Api::new(target.http(), target.token(&PUBLISHER)?);
    if args.ndjson { many(&api, args.idempotency_key.as_deref()) } else { one(&api, args) }
}

/// `bowline grant` and `bowline revoke`.
pub(crate) fn change_right(args: &Right, method: &str) -> Result<(), Failure> {
    let target = Target::of(&args.reach)?;
    let topic = Topic::new(&args.topic).map_err(|error| Failure::new(format!("{}: {error}", args.topic)))?;
    let api = Api::new(target.http(), target.token(&ADMIN)?);
    let path = format!("/v1/accounts/{}/topics/{}", escaped(&args.account), escaped(topic.as_str()));
    println!("{}", patiently(|| api.send(method, &path, &[], b""))?.trim_end());
    Ok(())
}

/// Percent-encodes one segment of a path.
fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn one(api: &Api, args: &Publish) -> Result<(), Failure> {
    let text = match args.payload.as_deref() {
        None => "{}".to_string(),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::new(format!("can't read the payload from stdin: {error}")))?;
            text
        }
        Some(text) => text.to_string(),
    };
    let payload = RawValue::from_string(text.trim().to_string()).map_err(|error| {
        Failure::new(format!("the payload is not JSON: {error}"))
            .hint("quote it for the shell: '{\"text\":\"hello\"}'; a bare word needs quotes of its own: '\"hello\"'")
    })?;
    let event = Outgoing {
        topic: args.topic.as_deref().unwrap_or_default(),
        r#type: args.kind.as_deref().unwrap_or_default(),
        payload: &payload,
    };
    let body = serde_json::to_vec(&event).expect("an event serializes");
    let key = args.idempotency_key.clone().unwrap_or_else(random_key);
    let answer = patiently(|| api.send("POST", "/v1/events", &[("idempotency-key", &key)], &body))?;
    println!("{}", answer.trim_end());
    Ok(())
}

/// Lines are collected while the request before is under way, so a fast producer gets large batches and a slow one low
/// latency. One request at a time keeps the order; its key makes a repetition after a lost answer harmless.
fn many(api: &Api, key: Option<&str>) -> Result<(), Failure> {
    let (sender, lines) = sync_channel::<Result<(u64, String), Failure>>(4 * BATCH_LINES);
    thread::spawn(move || {
        for (index, line) in std::io::stdin().lock().lines().enumerate() {
            let number = index as u64 + 1;
            let item = match line {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => checked(number, &text).map(|text| (number, text)),
                Err(error) => Err(Failure::new(format!("stdin, line {number}: {error}"))),
            };
            let is_last = item.is_err();
            if sender.send(item).is_err() || is_last {
                return;
            }
        }
    });
    let prefix = key.map_or_else(random_key, str::to_owned);
    let mut progress = Progress::new();
    let mut batches = 0_u64;
    let mut stop = None;
    while stop.is_none() {
        let (body, count, trouble) = next_batch(&lines, key.is_some());
        stop = trouble;
        if count == 0 {
            break;
        }
        batches += 1;
        let batch_key = format!("{prefix}-{batches}");
        let answer = patiently(|| {
            api.send("POST", "/v1/events", &[("idempotency-key", &batch_key)], body.as_bytes())
        })?;
        print_each(&answer)?;
        progress.advance(count);
    }
    progress.finish();
    match stop {
        Some(Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}

/// The next lines as one array. With a key of the user's every batch is filled, so that the same input makes the same
/// batches again and repeating the whole command changes nothing. The last part says that the input has ended, and with
/// which failure if any.
#[allow(clippy::option_option)]
fn next_batch(
    lines: &Receiver<Result<(u64, String), Failure>>,
    is_filled: bool,
) -> (String, u64, Option<Option<Failure>>) {
    let mut body = String::from("[");
    let mut count = 0;
    loop {
        let next = if count == 0 || is_filled { lines.recv().ok() } else { lines.try_recv().ok() };
        match next {
            Some(Ok((_, text))) => {
                if count > 0 {
                    body.push(',');
                }
                body.push_str(&text);
                count += 1;
            }
            Some(Err(failure)) => return (body + "]", count, Some(Some(failure))),
            None if count == 0 => return (body + "]", 0, Some(None)),
            None => return (body + "]", count, None),
        }
        if count as usize >= BATCH_LINES || body.len() >= BATCH_BYTES {
            return (body + "]", count, None);
        }
    }
}

/// The line as it goes into the request, or why it can't.
fn checked(number: u64, text: &str) -> Result<String, Failure> {
    let bad = |why: String| {
        Failure::new(format!(
            "stdin, line {number}: {why}; the lines before it are published, nothing after it"
        ))
        .hint("each line is {\"topic\":\"conv:welcome\",\"type\":\"message.new\",\"payload\":{…}}")
    };
    let text = text.trim();
    // serde would take a list for the members in order.
    let Some(members) = text.strip_prefix('{') else { return Err(bad("not a JSON object".into())) };
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    Topic::new(&line.topic).map_err(|error| bad(error.to_string()))?;
    Ok(if line.has_payload { text.to_owned() } else { format!("{{\"payload\":{{}},{members}") })
}

#[derive(Deserialize, Serialize)]
struct Placed {
    epoch: String,
    /// None of a signal.
    seq: Option<u64>,
}

/// One `{"epoch","seq"}` per event.
fn print_each(answer: &str) -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("the gateway's answer is not understood: {error}"));
    let placed: Vec<Placed> = serde_json::from_str(answer).map_err(unreadable)?;
    let mut out = std::io::stdout().lock();
    for one in &placed {
        let text = serde_json::to_string(one).expect("a position serializes");
        if writeln!(out, "{text}").is_err() {
            return Ok(()); // whoever read our output has seen enough; the events are published all the same
        }
    }
    let _ = out.flush();
    Ok(())
}

/// Repeats what may be repeated while the gateway is away or busy.
fn patiently(mut send: impl FnMut() -> Result<String, ApiError>) -> Result<String, Failure> {
    let start = Instant::now();
    let mut delay = Duration::from_millis(50);
    let mut told = false;
    loop {
        let (wait, failure) = match send() {
            Ok(answer) => return Ok(answer),
            Err(ApiError::Refused(failure)) => return Err(failure),
            Err(ApiError::Busy(after, failure)) => (after.unwrap_or(delay), failure),
            Err(error @ ApiError::Unreachable(_)) => (delay, error.into()),
        };
        if start.elapsed() + wait > PATIENCE {
            return Err(failure);
        }
        if !told && start.elapsed() > Duration::from_secs(1) {
            eprintln!("{failure}\n  waiting up to {} s for it to come back", PATIENCE.as_secs());
            told = true;
        }
        thread::sleep(wait);
        delay = (delay * 2).min(Duration::from_secs(1));
    }
}

fn random_key() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A line on stderr that counts, when stderr is a terminal and stdout is not.
struct Progress {
    count: u64,
    start: Instant,
    shown: Option<Instant>,
    is_wanted: bool,
}

impl Progress {
    fn new() -> Self {
        let is_wanted = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        Progress { count: 0, start: Instant::now(), shown: None, is_wanted }
    }

    fn advance(&mut self, by: u64) {
        self.count += by;
        if self.is_wanted && self.shown.is_none_or(|at| at.elapsed() > Duration::from_millis(200)) {
            self.shown = Some(Instant::now());
            self.show("");
        }
    }

    fn show(&self, end: &str) {
        let rate = self.count as f64 / self.start.elapsed().as_secs_f64().max(0.001);
        eprint!("\r{} events published, {rate:.0}/s{end}", self.count);
    }

    fn finish(&self) {
        if self.is_wanted {
            self.show("\n");
        }
    }
}
