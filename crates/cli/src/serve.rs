//! `bowline serve`: a gateway in this process, from its configuration to its last client.

use std::env;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use bowline_gateway::config::{Config, KeySource, LogFormat, Secret, TokenKey};
use bowline_gateway::{Gateway, StartError};
use bowline_proto::{Account, Topic};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{self, Serve};
use crate::failure::Failure;
use crate::logging;
use crate::target::DevFile;

/// The first conversation of `--dev`, and who is in it.
const CONVERSATION: &str = "conv:welcome";
const MEMBERS: [&str; 2] = ["alice", "bob"];

pub(crate) async fn run(args: &Serve) -> Result<(), Failure> {
    let mut config = configuration(args)?;
    logging::start(config.log_format);
    let dev = if args.dev { Some(develop(&mut config)?) } else { None };
    if config.auth.key.is_none() {
        return Err(Failure::new("no key to verify access tokens with").hint(
            "to try it out: `bowline serve --dev`; in production: [auth] algorithm and secret_file or public_key_file in --config",
        ));
    }
    let data_dir = config.data_dir.clone();
    let drain_window = config.drain_window;
    let mut signals = Signals::new()?;
    let gateway = Gateway::builder().config(config).start().await.map_err(|error| explained(&error))?;
    if let Some(mut dev) = dev {
        let is_first_start = dev.url.is_empty();
        dev.url = gateway.url();
        dev.save(&data_dir)?;
        let topic = Topic::new(CONVERSATION).expect("the constant is a topic");
        for member in MEMBERS {
            let account = Account::new(member).expect("the constant is an account");
            gateway.grant(&account, &topic).await.map_err(|e| Failure::new(e.to_string()))?;
        }
        if is_first_start || std::io::stderr().is_terminal() {
            guide(&data_dir);
        }
    }
    println!("bowline: ready on {}", gateway.url());

    signals.next().await;
    eprintln!(
        "bowline: draining, clients move within {} s; interrupt again to end at once",
        drain_window.as_secs_f64().round()
    );
    tokio::select! {
        () = gateway.drain(drain_window) => {}
        () = signals.next() => eprintln!("bowline: ending at once"),
    }
    gateway.stop().await;
    Ok(())
}

/// The file's configuration, with the flags over it.
fn configuration(args: &Serve) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => Config::load(path).map_err(|error| Failure::new(error.to_string()))?,
        None => Config::default(),
    };
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(admin) = args.admin {
        config.admin = Some(admin);
    }
    if let Some(data_dir) = &args.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    match args.log_format {
        Some(args::LogFormat::Text) => config.log_format = LogFormat::Text,
        Some(args::LogFormat::Json) => config.log_format = LogFormat::Json,
        None => {}
    }
    config.check().map_err(|error| Failure::new(error.to_string()))?;
    Ok(config)
}

/// The secret of the data dir, made on the first start, and settings that suit a developer's machine.
fn develop(config: &mut Config) -> Result<DevFile, Failure> {
    let dir = &config.data_dir;
    std::fs::create_dir_all(dir).map_err(|error| {
        Failure::new(format!("can't use the data dir {}: {error}", dir.display()))
            .hint("choose a directory of yours with --data-dir")
    })?;
    let dev = match DevFile::load(dir)? {
        Some(dev) => dev,
        None => {
            let mut bytes = [0_u8; 32];
            getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
            let secret = bytes.iter().map(|b| format!("{b:02x}")).collect();
            DevFile { url: String::new(), secret, conversation: CONVERSATION.into() }
        }
    };
    config.auth.key = Some(TokenKey::Hs256(KeySource::Inline(Secret::new(&dev.secret))));
    config.allow_loopback_origins = true;
    Ok(dev)
}

/// What to type next, ready to paste.
fn guide(data_dir: &Path) {
    let bowline = program();
    let dir = match std::path::absolute(data_dir) {
        Ok(dir) if env::current_dir().is_ok_and(|here| here.join("bowline-data") == dir) => String::new(),
        Ok(dir) => format!(" --data-dir {}", quoted(&dir)),
        Err(_) => format!(" --data-dir {}", quoted(data_dir)),
    };
    eprintln!(
        "\nA gateway for development. In a second terminal, listen as alice:\n\n  {bowline} listen --account alice{dir}\n\n\
         In a third, publish to her and bob's conversation:\n\n  {bowline} publish {CONVERSATION} message.new \
         '{{\"senderId\":\"bob\",\"content\":{{\"text\":\"hello\"}}}}'{dir}\n\n\
         Then kill this gateway in any way you like, start it again, publish again: alice misses nothing.\n"
    );
}

/// How the user can call this program from the same directory.
fn program() -> String {
    let typed = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if typed.components().count() == 1 {
        return quoted(&typed);
    }
    let exe = env::current_exe().unwrap_or(typed);
    let here = env::current_dir().unwrap_or_default();
    match exe.strip_prefix(&here) {
        Ok(below) => quoted(&PathBuf::from(".").join(below)),
        Err(_) => quoted(&exe),
    }
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn explained(error: &StartError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        StartError::PortTaken { option, .. } => failure
            .hint(format!("--{option} 127.0.0.1:0 takes any free port; `ss -ltnp` shows who has this one")),
        _ => failure,
    }
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let install =
            |kind| signal(kind).map_err(|error| Failure::new(format!("can't handle signals: {error}")));
        Ok(Signals {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
