//! `bowline listen`: what a connection is handed, on stdout, exactly once.

use std::io::Write;
use std::pin::Pin;

use bowline::{Connection, ConnectionState, CredentialMode, Incoming, Notice, SavedPosition};
use bowline_proto::{Account, Topic};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::args::{Credential, Listen};
use crate::cursor_file::{CursorFile, settle_with_stdout};
use crate::failure::Failure;
use crate::render;
use crate::target::{Target, Wanted};

pub(crate) async fn run(args: Listen) -> Result<(), Failure> {
    let target = Target::of(&args.reach)?;
    let account = account(&args, &target)?;
    let mut topics = Vec::new();
    for text in &args.subscribe {
        topics.push(Topic::new(text).map_err(|error| Failure::new(format!("--subscribe {text}: {error}")))?);
    }
    let url = target.socket(&args.path);
    let kind = args.kind.into();
    // Fails here, before anything is dialled, when no token can be had at all.
    target.token(&Wanted { account: &account, kind, publish: false, admin: false })?;
    let tokens = move || {
        let token = target.token(&Wanted { account: &account, kind, publish: false, admin: false });
        async move { token.map_err(|failure| bowline::TokenError::refused(failure.to_string())) }
    };

    let cursor_file = args.cursor_file.as_deref().map(CursorFile::at);
    let mode = match args.credential {
        Credential::Header => CredentialMode::Header,
        Credential::Ticket => CredentialMode::Ticket,
        Credential::UrlTicket => CredentialMode::UrlTicket,
        Credential::UrlToken => CredentialMode::UrlToken,
    };
    let mut builder = Connection::builder(url).token(tokens).credential(mode).subscribe(topics);
    if let Some(position) = start(&args, cursor_file.as_ref())? {
        builder = builder.resume_from(position);
    }
    if let Some(every) = args.proactive_reconnect {
        builder = builder.proactive_reconnect(every);
    }
    let connection = builder.connect().map_err(|error| Failure::new(error.to_string()))?;
    print_all(&connection, &args, cursor_file.as_ref()).await
}

/// Who listens: `--account`, or whoever the given token names.
fn account(args: &Listen, target: &Target) -> Result<String, Failure> {
    match &args.account {
        Some(name) => {
            Account::new(name).map_err(|error| Failure::new(format!("--account {name:?}: {error}")))?;
            Ok(name.clone())
        }
        None if target.can_sign() => {
            Err(Failure::new("who listens?").hint("`bowline listen --account alice`, or pass --token"))
        }
        None => Ok(String::new()),
    }
}

/// Where to start: after the cursor file and what stdout's file already holds.
fn start(args: &Listen, file: Option<&CursorFile>) -> Result<Option<SavedPosition>, Failure> {
    let oldest = SavedPosition { session_id: None, cursor: None };
    let saved = file.map(CursorFile::load).transpose()?.flatten();
    let Some(mut position) = saved else { return Ok(args.from_oldest.then_some(oldest)) };
    if args.json {
        settle_with_stdout(&mut position)?;
    }
    Ok(Some(position))
}

/// Prints until the connection ends or the user interrupts. What is there at once is written with one system call, and
/// the cursor is saved behind it.
async fn print_all(connection: &Connection, args: &Listen, file: Option<&CursorFile>) -> Result<(), Failure> {
    let mut events = connection.events();
    let mut interrupted: Pin<Box<dyn Future<Output = ()>>> = Box::pin(interruption());
    let mut out = Vec::with_capacity(64 * 1024);
    loop {
        let first = tokio::select! {
            biased;
            incoming = events.next() => incoming,
            () = &mut interrupted => break,
        };
        let Some(mut incoming) = first else { break };
        loop {
            let is_new_epoch = matches!(incoming, Incoming::Notice(Notice::Accepted { .. }));
            if is_new_epoch {
                // What is printed from here on belongs to this epoch: the file must say so first.
                flush(&mut out, file, &connection.position())?;
            }
            print(&incoming, args.json, &mut out);
            if out.len() >= 256 * 1024 {
                break;
            }
            match events.next().now_or_never() {
                Some(Some(next)) => incoming = next,
                Some(None) | None => break,
            }
        }
        flush(&mut out, file, &connection.position())?;
    }
    let reason = match &*connection.state().borrow() {
        ConnectionState::Closed(reason) => render::ending(reason),
        _ => None,
    };
    connection.close().await;
    match reason {
        Some((what, hint)) => Err(Failure::new(what).hint(hint)),
        None => Ok(()),
    }
}

fn flush(out: &mut Vec<u8>, file: Option<&CursorFile>, position: &SavedPosition) -> Result<(), Failure> {
    if !out.is_empty() {
        // Whole lines pass through stdout's line buffer in one system call.
        let written = std::io::stdout().lock().write_all(out).and_then(|()| std::io::stdout().flush());
        written.map_err(|error| {
            Failure::new(format!("can't write to stdout: {error}; the cursor stays where the output ends"))
        })?;
        out.clear();
    }
    match file {
        Some(file) => file.save(position),
        None => Ok(()),
    }
}

fn print(incoming: &Incoming, is_json: bool, out: &mut Vec<u8>) {
    match incoming {
        Incoming::Event(event) if is_json => {
            out.extend_from_slice(&event.text);
            out.push(b'\n');
        }
        Incoming::Event(event) => {
            out.extend_from_slice(render::event_for_people(event).as_bytes());
            out.push(b'\n');
        }
        Incoming::Gap(gap) if is_json => eprintln!("{}", render::gap_as_json(gap)),
        Incoming::Gap(gap) => eprintln!("{}", render::gap_for_people(gap)),
        Incoming::Notice(notice) => {
            let line =
                if is_json { render::notice_as_json(notice) } else { render::notice_for_people(notice) };
            if let Some(line) = line {
                eprintln!("{line}");
            }
        }
        _ => {}
    }
}

/// Ctrl-C or SIGTERM.
async fn interruption() {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a signal handler can be installed inside the runtime");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
