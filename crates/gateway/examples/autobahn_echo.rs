//! A server that says back what it hears, made of the gateway's own framing: what `tests/autobahn/run` judges.
//!
//! It parses heads, decodes and encodes with the gateway's code and closes as a shard does (`shard/intake.rs`); only the
//! message limit is the suite's largest message instead of 64 KiB. Prints its address; ends with its standard input.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use bowline_gateway::http_head::{self, HeadOutcome};
use bowline_gateway::ws::{self, Decoder, Received};
use bowline_proto::CloseCode;

/// The suite's largest message has 16 MiB.
const LIMIT: usize = 16 * 1024 * 1024;
/// How long a peer may take, as for a shard's close.
const PATIENCE: Duration = Duration::from_secs(5);

/// What follows on what was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Read,
    /// Our close frame is in the answer: the peer ends the stream.
    AwaitEnd,
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                if let Err(error) = serve(stream) {
                    eprintln!("a connection broke: {error}");
                }
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let request = loop {
        let read = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        match http_head::parse(&bytes) {
            HeadOutcome::Incomplete if read > 0 => {}
            HeadOutcome::Upgrade(request) => break request,
            HeadOutcome::Bad(bad) => return stream.write_all(&bad.response()),
            HeadOutcome::Incomplete | HeadOutcome::Other => return Ok(()),
        }
    };
    let protocol = request.protocols.first().map(String::as_str);
    stream.write_all(&ws::upgrade_response(&ws::accept_key(&request.key), protocol))?;
    let mut decoder = Decoder::new(LIMIT);
    let mut ahead = bytes.split_off(request.head_len);
    let mut next = answer(&mut decoder, &mut ahead, &mut stream)?;
    while next == Next::Read {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        next = answer(&mut decoder, &mut buffer[..read], &mut stream)?;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Takes what came and writes the answer, once.
fn answer(decoder: &mut Decoder, came: &mut [u8], stream: &mut TcpStream) -> io::Result<Next> {
    let mut out = Vec::new();
    let mut next = Next::Read;
    let outcome = decoder.feed(came, &mut |received| {
        match received {
            Received::Text(text) => ws::push_text(&mut out, text),
            Received::Binary(bytes) => ws::push_binary(&mut out, bytes),
            Received::Ping(payload) => ws::push_pong(&mut out, payload),
            Received::Pong(_) => {}
            Received::Close { code, .. } => {
                ws::push_close(&mut out, code.map_or(CloseCode::NO_STATUS, CloseCode));
                next = Next::AwaitEnd;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    if let Err(violation) = outcome {
        ws::push_close(&mut out, violation.close_code());
        next = Next::AwaitEnd;
    }
    stream.write_all(&out)?;
    Ok(next)
}
