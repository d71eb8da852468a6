//! What the command line may say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Realtime connections that never lose, double or reorder an event inside the retention window.
///
/// Start with `bowline serve --dev`: it prints the commands for a second and a third terminal.
#[derive(Debug, Parser)]
#[command(name = "bowline", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a gateway.
    Serve(Serve),
    /// Print an access token, signed with the secret of a local data dir.
    Token(Token),
    /// Give an account the right to a topic; takes effect on its live connections.
    Grant(Right),
    /// Take an account's right to a topic; takes effect on its live connections.
    Revoke(Right),
    /// Publish one event, or many as lines of JSON.
    Publish(Publish),
    /// Print what an account's connection is handed: events on stdout, notices on stderr.
    Listen(Listen),
    /// Measure this machine: the gateway beside a bare write loop, in one run.
    Bench(Bench),
    /// Find out why something does not work, and say what to do.
    Doctor(Doctor),
}

/// Where the gateway is and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reach {
    /// The gateway, such as `https://realtime.example.com` [default: that of the data dir, else http://127.0.0.1:8787].
    #[arg(long, env = "BOWLINE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The access token. Not needed beside a data dir of `serve --dev`.
    #[arg(long, env = "BOWLINE_TOKEN", value_name = "JWT", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The data dir of a local `serve --dev`: its secret signs the tokens that the command needs.
    #[arg(long, env = "BOWLINE_DATA_DIR", value_name = "DIR", default_value = "bowline-data")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Make a signing secret and a first conversation in the data dir, and print the commands to try it.
    #[arg(long)]
    pub(crate) dev: bool,
    /// Where clients connect [default: 127.0.0.1:8787].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where /healthz, /readyz and /metrics answer [default: 127.0.0.1:8788].
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// Where the log lives [default: bowline-data].
    #[arg(long, env = "BOWLINE_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A configuration file in TOML; flags win over it. docs/configuration.md lists every key.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How log lines look on stderr [default: text].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Who the token is for (its `sub`).
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: String,
    /// What the account is; decides its connection limit.
    #[arg(long, value_enum, default_value = "agent")]
    pub(crate) kind: Kind,
    /// What the token may do beyond listening.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCOPE")]
    pub(crate) scope: Vec<Scope>,
    /// Topics that the token opens without a grant: exact, or a prefix with a trailing `*`. May be repeated.
    #[arg(long, value_name = "FILTER")]
    pub(crate) topic: Vec<String>,
    /// How long the token is valid, such as 30m, 1h, 7d.
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub(crate) ttl: Duration,
    /// The data dir whose secret signs the token.
    #[arg(long, env = "BOWLINE_DATA_DIR", value_name = "DIR", default_value = "bowline-data")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A program that acts on its own: two sockets.
    Agent,
    /// A person with several devices: twenty sockets.
    Human,
    /// A backend.
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// May publish to every topic.
    Publish,
    /// May grant, revoke and disconnect.
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct Right {
    /// Whose right.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: String,
    /// The topic, such as conv:welcome.
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

/// Examples:
///   bowline publish conv:welcome message.new '{"text":"hello"}'
///   echo '{"text":"hello"}' | bowline publish conv:welcome message.new -
///   bowline publish --ndjson < events.ndjson
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Publish {
    /// The topic.
    #[arg(value_name = "TOPIC", required_unless_present = "ndjson")]
    pub(crate) topic: Option<String>,
    /// The event's type, such as message.new.
    #[arg(value_name = "TYPE", required_unless_present = "ndjson")]
    pub(crate) kind: Option<String>,
    /// The payload as JSON, or `-` to read it from stdin [default: {}].
    #[arg(value_name = "PAYLOAD")]
    pub(crate) payload: Option<String>,
    /// Publishing again with the same key and body changes nothing for 24 h.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Read lines {"topic","type","payload"} from stdin; print one {"epoch","seq"} per line.
    #[arg(long, conflicts_with_all = ["topic", "kind", "payload"])]
    pub(crate) ndjson: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Listen as this account, with a token signed by the local data dir.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// What kind of account, with --account.
    #[arg(long, value_enum, default_value = "agent")]
    pub(crate) kind: Kind,
    /// How the token travels: url-token for plain servers, ticket for a one-time ticket fetched before each dial.
    #[arg(long, value_enum, default_value = "header")]
    pub(crate) credential: Credential,
    /// The socket's path: /agent, /chats/ID, /workspaces/ID/transcripts/ID, /notifications, …
    #[arg(long, default_value = "/agent", value_name = "PATH")]
    pub(crate) path: String,
    /// A topic beyond the default ones, such as conv_ondemand:welcome. May be repeated.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) subscribe: Vec<String>,
    /// Print one event a line as JSON on stdout, and notices as JSON on stderr.
    #[arg(long)]
    pub(crate) json: bool,
    /// Remember here how far stdout got, and go on from there next time, also after `kill -9`.
    ///
    /// With --json and stdout appended to a file (`>> events.ndjson`) each event stands there exactly once. Into a pipe, a
    /// kill between a print and its save repeats what was printed last: tell repetitions by their seq.
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor_file: Option<PathBuf>,
    /// With an empty or new cursor file: start from the oldest retained event instead of now.
    #[arg(long)]
    pub(crate) from_oldest: bool,
    /// Move to a fresh link this often, before a network closes the old one.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) proactive_reconnect: Option<Duration>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Credential {
    /// `Authorization: Bearer`.
    Header,
    /// A ticket, exchanged for the token before each dial: `Authorization: Ticket`.
    Ticket,
    /// The same, as `?ticket=` in the URL.
    UrlTicket,
    /// `?token=` in the URL.
    UrlToken,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Check as this account, with a token signed by the local data dir.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) workload: Workload,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Workload {
    /// One topic, many subscribers: CPU and write calls per delivery, beside the bare write loop.
    Fanout(Fanout),
    /// Publish to receive: p50, p99, p99.9 at a steady rate.
    Latency(Latency),
    /// Accept, upgrade and token: connections per second, beside a bare accept loop.
    Connect(Connect),
    /// Memory of idle connections.
    Idle(Idle),
    /// Durable appends and replay of the log, beside a plain segment file.
    Log(LogBench),
    /// A restart under load: how long until everybody is back.
    Storm(Storm),
    /// The bare write loop alone; `fanout` starts it by itself.
    #[command(hide = true)]
    Floor(Floor),
}

#[derive(Debug, Args)]
pub(crate) struct Fanout {
    /// Subscribers.
    #[arg(long, default_value_t = 1000)]
    pub(crate) subscribers: usize,
    /// Payload bytes of an event.
    #[arg(long, default_value_t = 200)]
    pub(crate) payload: usize,
    /// Events in flight: 1 measures one message at a time.
    #[arg(long, default_value_t = 16)]
    pub(crate) window: usize,
    /// How long to measure.
    #[arg(long, default_value = "4s", value_parser = duration)]
    pub(crate) time: Duration,
    /// Runs of each, in turn; the median is printed.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// Subscribers.
    #[arg(long, default_value_t = 100)]
    pub(crate) subscribers: usize,
    /// Events per second.
    #[arg(long, default_value_t = 200)]
    pub(crate) rate: u32,
    /// How long to measure.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub(crate) time: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Connections in all.
    #[arg(long, default_value_t = 5000)]
    pub(crate) connections: usize,
    /// Runs of each, in turn; the median is printed.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// Connections held.
    #[arg(long, default_value_t = 5000)]
    pub(crate) connections: usize,
}

#[derive(Debug, Args)]
pub(crate) struct LogBench {
    /// Where to write; removed afterwards [default: a new directory in the system's temporary one].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How long each case may take.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(crate) time: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Storm {
    /// Clients that come back.
    #[arg(long, default_value_t = 500)]
    pub(crate) clients: usize,
    /// Events that each has missed.
    #[arg(long, default_value_t = 100)]
    pub(crate) missed: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Floor {
    /// Port of the loopback to listen on.
    #[arg(long)]
    pub(crate) port: u16,
    /// `fanout` or `connect`.
    #[arg(long)]
    pub(crate) mode: String,
}

fn duration(text: &str) -> Result<Duration, String> {
    bowline_gateway::config::parse_duration(text).map_err(|error| error.to_string())
}
