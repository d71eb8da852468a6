//! A chat in two terminals, with typing indicator, edits and deletes. It survives a restart of the gateway.
//!
//! Beside a gateway of `bowline serve --dev`, whose conversation `welcome` has the members alice and bob:
//!
//! ```text
//! export BOWLINE_URL=ws://127.0.0.1:8787
//! BOWLINE_TOKEN=$(bowline token --account alice --scope publish) cargo run -p bowline --example chat -- alice
//! BOWLINE_TOKEN=$(bowline token --account bob --scope publish) cargo run -p bowline --example chat -- bob
//! ```
//!
//! Type and press Enter; `/edit TEXT` and `/delete` change your last message, `/quit` leaves.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::{self, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::event::{self, ActivityChanged, MessageDeleted, MessageNew, MessageUpdated};
use bowline::{ActivityStatus, AgentSocket, AgentState};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const CONVERSATION: &str = "welcome";
/// A status that was not renewed for this long has lapsed.
const LAPSES: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("BOWLINE_URL")?;
    let token = env::var("BOWLINE_TOKEN")?;
    let me = env::args().nth(1).ok_or("usage: chat YOUR-NAME")?;
    let publisher = Publisher { authority: authority(&url)?, token: token.clone() };

    let socket = AgentSocket::builder(&url).token_provider(token).build()?;
    let screen = Arc::new(Mutex::new(Screen { me: me.clone(), ..Screen::default() }));
    show_what_happens(&socket, &screen);
    socket.subscribe([format!("conv_ondemand:{CONVERSATION}")])?;
    socket.connect().await?;

    let _keys = KeyByKey::start();
    let mut keys = read_keys();
    let mut last: Option<String> = None;
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    loop {
        let key = tokio::select! {
            key = keys.recv() => key,
            _ = clock.tick() => {
                screen.lock().expect("no handler panics").forget_lapsed();
                continue;
            }
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(key) = key else { break };
        let line = screen.lock().expect("no handler panics").typed(key);
        let Some(line) = line else {
            // Said with every key: the socket suppresses what is said already and renews what lasts.
            let is_empty = screen.lock().expect("no handler panics").line.is_empty();
            let status = if is_empty { ActivityStatus::Idle } else { ActivityStatus::Typing };
            let _ = socket.send_activity(CONVERSATION, status);
            continue;
        };
        let _ = socket.send_activity(CONVERSATION, ActivityStatus::Idle);
        let now = rfc3339_now();
        let (kind, payload) = match (line.trim(), &last) {
            ("", _) => continue,
            ("/quit", _) => break,
            ("/delete", Some(id)) => (
                event::message::DELETED,
                json!({"conversationId": CONVERSATION, "messageId": id, "senderId": me, "deletedAt": now}),
            ),
            (text, Some(id)) if text.starts_with("/edit ") => (
                event::message::UPDATED,
                json!({"conversationId": CONVERSATION, "messageId": id, "senderId": me,
                    "content": {"text": &text["/edit ".len()..]}, "updatedAt": now}),
            ),
            (text, _) => {
                let id = random_id();
                last = Some(id.clone());
                let payload = json!({"conversationId": CONVERSATION, "messageId": id, "senderId": me,
                    "senderDisplayName": me, "conversationType": "group", "content": {"text": text},
                    "sequenceNumber": 0, "createdAt": now});
                (event::message::NEW, payload)
            }
        };
        if let Err(error) = publisher.publish(kind, &payload).await {
            screen.lock().expect("no handler panics").print(&format!("-- not sent: {error}"));
        }
    }
    socket.disconnect().await;
    println!();
    Ok(())
}

/// Prints what the socket hears.
fn show_what_happens(socket: &AgentSocket, screen: &Arc<Mutex<Screen>>) {
    let on = |work: fn(&mut Screen, &str, &str)| {
        let screen = screen.clone();
        move |who: &str, what: &str| work(&mut screen.lock().expect("no handler panics"), who, what)
    };
    let said = on(|screen, who, text| {
        screen.busy.remove(who);
        screen.print(&format!("{who}: {text}"));
    });
    socket
        .on::<MessageNew>(move |event| {
            said(&event.sender_display_name, event.content.text.as_deref().unwrap_or("(no text)"));
        })
        .detach();
    let edited = on(|screen, who, text| screen.print(&format!("{who} edited: {text}")));
    socket
        .on::<MessageUpdated>(move |event| {
            edited(&event.sender_id, event.content.text.as_deref().unwrap_or("(no text)"));
        })
        .detach();
    let deleted = on(|screen, who, _| screen.print(&format!("{who} deleted a message")));
    socket.on::<MessageDeleted>(move |event| deleted(&event.sender_id, "")).detach();
    let does = on(|screen, who, status| screen.does(who, status));
    socket.on::<ActivityChanged>(move |event| does(&event.user_id, event.status.as_str())).detach();

    let news = on(|screen, what, more| screen.print(&format!("-- {what}{more}")));
    let news = Arc::new(news);
    let tell = news.clone();
    socket.on_connection_rejected(move |rejected| tell("rejected: ", &rejected.reason)).detach();
    let tell = news.clone();
    socket.on_gap(move |gap| tell("messages are gone: ", &format!("{}..{}", gap.after, gap.before))).detach();
    socket.on_state_change(move |state: AgentState| news("", state.as_str())).detach();
}

/// What is on the terminal's last line, and what is printed above it.
#[derive(Default)]
struct Screen {
    me: String,
    line: String,
    /// Who is doing what, and since when that is known.
    busy: BTreeMap<String, (String, Instant)>,
}

impl Screen {
    /// Takes a key; a line when it was Enter.
    fn typed(&mut self, key: char) -> Option<String> {
        match key {
            '\n' | '\r' => {
                let line = std::mem::take(&mut self.line);
                self.draw();
                return Some(line);
            }
            '\u{7f}' | '\u{8}' => drop(self.line.pop()),
            key if key.is_control() => {}
            key => self.line.push(key),
        }
        self.draw();
        None
    }

    fn print(&mut self, text: &str) {
        // What others wrote must not steer this terminal.
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        print!("\r\x1b[K{clean}\r\n");
        self.draw();
    }

    fn does(&mut self, who: &str, status: &str) {
        if status == "idle" || who == self.me {
            self.busy.remove(who);
        } else {
            self.busy.insert(who.to_owned(), (status.to_owned(), Instant::now()));
        }
        self.draw();
    }

    fn forget_lapsed(&mut self) {
        let before = self.busy.len();
        self.busy.retain(|_, (_, since)| since.elapsed() < LAPSES);
        if self.busy.len() != before {
            self.draw();
        }
    }

    fn draw(&self) {
        let busy: Vec<String> =
            self.busy.iter().map(|(who, (status, _))| format!("({who}: {status}) ")).collect();
        let clean: String = busy.concat().chars().filter(|c| !c.is_control()).collect();
        print!("\r\x1b[K{clean}> {}", self.line);
        let _ = io::stdout().flush();
    }
}

/// Publishes through the gateway's HTTP API.
struct Publisher {
    authority: String,
    token: String,
}

impl Publisher {
    /// Tries until the gateway has answered: it may be restarting. The key makes sure that it is published once.
    async fn publish(&self, kind: &str, payload: &Value) -> Result<(), Box<dyn Error>> {
        let body =
            json!({"topic": format!("conv:{CONVERSATION}"), "type": kind, "payload": payload}).to_string();
        let key = random_id();
        for _ in 0..60 {
            match self.post(&key, body.clone()).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status) if status.is_client_error() && status != 429 => {
                    return Err(format!("the gateway says {status}; a token with --scope publish?").into());
                }
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        Err("the gateway is away".into())
    }

    async fn post(&self, key: &str, body: String) -> Result<http::StatusCode, Box<dyn Error>> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, exchange) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = http::Request::post("/v1/events")
            .header("host", &self.authority)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Full::new(Bytes::from(body)))?;
        let asked = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            answer.into_body().collect().await?;
            Ok::<_, Box<dyn Error>>(status)
        };
        tokio::select! {
            answer = asked => answer,
            ended = exchange => Err(ended.err().map_or("the connection ended".into(), Into::into)),
        }
    }
}

/// Keys as they are pressed, instead of lines; as it was when dropped.
struct KeyByKey;

impl KeyByKey {
    fn start() -> Option<Self> {
        let is_set = io::stdin().is_terminal() && stty(&["-icanon", "-echo", "min", "1"]);
        is_set.then(|| KeyByKey)
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        stty(&["icanon", "echo"]);
    }
}

fn stty(settings: &[&str]) -> bool {
    Command::new("stty").args(settings).stdin(Stdio::inherit()).status().is_ok_and(|status| status.success())
}

/// A thread that reads the terminal; it ends with the process.
fn read_keys() -> mpsc::Receiver<char> {
    let (sender, keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        let mut pending = Vec::new();
        for byte in io::BufReader::new(io::stdin()).bytes() {
            let Ok(byte) = byte else { return };
            pending.push(byte);
            // A key may be several bytes.
            match std::str::from_utf8(&pending) {
                Ok(text) => {
                    for key in text.chars() {
                        if sender.blocking_send(key).is_err() {
                            return;
                        }
                    }
                    pending.clear();
                }
                Err(_) if pending.len() >= 4 => pending.clear(),
                Err(_) => {}
            }
        }
    });
    keys
}

/// Host and port of the gateway's HTTP API, which is where its sockets are.
fn authority(url: &str) -> Result<String, Box<dyn Error>> {
    let url = url::Url::parse(url)?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("BOWLINE_URL names no host".into());
    };
    match url.scheme() {
        "ws" | "http" => Ok(format!("{host}:{port}")),
        _ => Err("this example publishes over plain HTTP: give it a ws:// URL".into()),
    }
}

fn random_id() -> String {
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

/// Now, as RFC 3339.
fn rfc3339_now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    bowline_proto::Timestamp(millis).to_string()
}
