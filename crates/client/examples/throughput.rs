//! How many events a second one core takes in, beside the bare read of the same stream:
//! `cargo run --release -p bowline --example throughput [EVENTS]`.
//!
//! A thread on the second CPU writes prepared frames over loopback as fast as the socket takes them; everything of the
//! client's runs on one thread of the first. Five workloads in turn, for a small and for a usual event, two rounds each:
//! a bare loop that reads the socket and counts frames; the frames read and decoded without the connection; a connection
//! whose events are taken as they come; a connection whose events are decoded into their types; an agent's
//! socket that calls a handler with each typed event. Frames go round eight topics.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bowline::event::{MessageDeleted, MessageNew};
use bowline::{AgentSocket, Connection, Incoming};
use bowline_proto::{FrameDecoder, Limits, ServerFrame, TypedEvent};
use bytes::BytesMut;
use futures_util::StreamExt;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite;

const TOPICS: u64 = 8;
/// Frames written with one call.
const BATCH: u64 = 256;
/// Ten digits, so that a frame's numbers can be replaced in place.
const FIRST_SEQ: u64 = 2_000_000_000;
const ROUNDS: usize = 2;
const READ_BYTES: usize = 64 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let events = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse::<u64>())?;
    let events = events.next_multiple_of(BATCH);
    pin(0)?;
    for shape in [Shape::Deleted, Shape::New].into_iter().flat_map(|shape| [shape; ROUNDS]) {
        let bytes = shape.event(FIRST_SEQ, 0).len();
        println!("{events} events of {bytes} bytes, {TOPICS} topics, one core for the client");
        println!(
            "{:<22} {:>12} {:>14} {:>14} {:>18}",
            "", "events/s", "wall ns/event", "CPU ns/event", "allocations/event"
        );
        for (name, workload) in WORKLOADS {
            let server = Server::start(shape, events)?;
            let cost = workload(server.address, events)?;
            server.thread.join().map_err(|_| "the server panicked")??;
            let each = |duration: Duration| duration.as_nanos() as f64 / events as f64;
            println!(
                "{name:<22} {:>12.0} {:>14.0} {:>14.0} {:>18.4}",
                events as f64 / cost.wall.as_secs_f64(),
                each(cost.wall),
                each(cost.cpu),
                cost.allocations as f64 / events as f64,
            );
        }
        println!();
    }
    Ok(())
}

type Workload = fn(SocketAddr, u64) -> Result<Cost, Failure>;

const WORKLOADS: [(&str, Workload); 5] = [
    ("bare socket read", bare),
    ("read and decoded", decoded),
    ("handed over", |address, events| connected(address, events, false)),
    ("handed over, typed", |address, events| connected(address, events, true)),
    ("agent's handlers", handlers),
];

struct Cost {
    wall: Duration,
    cpu: Duration,
    allocations: u64,
}

/// Counts the frames of the stream and does nothing else.
fn bare(address: SocketAddr, events: u64) -> Result<Cost, Failure> {
    let mut stream = upgraded(address)?;
    let mut buffer = vec![0; READ_BYTES];
    measured(|| {
        let (mut frames, mut kept) = (0, 0);
        while frames < events {
            let read = stream.read(&mut buffer[kept..])?;
            if read == 0 {
                return Err("the stream ended early".into());
            }
            let filled = kept + read;
            let mut at = 0;
            while let Some(frame) = frame_at(&buffer[at..filled]) {
                at += frame.end;
                frames += 1;
            }
            buffer.copy_within(at..filled, 0);
            kept = filled - at;
        }
        Ok(())
    })
}

/// What decoding alone costs: the frames as slices of the read buffer, no connection.
fn decoded(address: SocketAddr, events: u64) -> Result<Cost, Failure> {
    let mut stream = upgraded(address)?;
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buffer = BytesMut::new();
    measured(|| {
        let mut frames = 0;
        while frames < events {
            let kept = buffer.len();
            buffer.resize(kept.max(READ_BYTES - 1) + 1, 0);
            let read = stream.read(&mut buffer[kept..])?;
            buffer.truncate(kept + read);
            if read == 0 {
                return Err("the stream ended early".into());
            }
            while let Some(frame) = frame_at(&buffer) {
                let text = buffer.split_to(frame.end).split_off(frame.start).freeze();
                match decoder.decode(&text)? {
                    ServerFrame::Event { body, .. } => drop(std::hint::black_box(body)),
                    _ => return Err("a frame that is no event".into()),
                }
                frames += 1;
            }
        }
        Ok(())
    })
}

fn connected(address: SocketAddr, events: u64, typed: bool) -> Result<Cost, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (connection, mut stream) = runtime.block_on(async {
        let connection = Connection::builder(format!("ws://{address}/agent")).connect()?;
        let stream = connection.events();
        connection.ready().await?;
        Ok::<_, Failure>((connection, stream))
    })?;
    let cost = measured(|| {
        runtime.block_on(async {
            let mut taken = 0;
            while taken < events {
                match stream.next().await.ok_or("the stream ended early")? {
                    Incoming::Event(event) => {
                        taken += 1;
                        if typed {
                            drop(std::hint::black_box(TypedEvent::decode(&event)?));
                        }
                        drop(std::hint::black_box(event));
                    }
                    Incoming::Gap(_) => return Err("a gap".into()),
                    Incoming::Moved(_) | Incoming::Notice(_) => {}
                }
            }
            Ok(())
        })
    })?;
    runtime.block_on(async {
        drop(connection);
        while stream.next().await.is_some() {}
    });
    Ok(cost)
}

/// An agent's socket: each event in its type, in the handler that asked for that type.
fn handlers(address: SocketAddr, events: u64) -> Result<Cost, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let socket = AgentSocket::builder(format!("ws://{address}/agent")).build()?;
    let all_taken = Arc::new(Notify::new());
    let count = {
        let (taken, all_taken) = (Arc::new(AtomicU64::new(0)), all_taken.clone());
        move || {
            if taken.fetch_add(1, Ordering::Relaxed) + 1 == events {
                all_taken.notify_one();
            }
        }
    };
    let count_new = count.clone();
    socket
        .on::<MessageNew>(move |event| {
            std::hint::black_box(event.sequence_number);
            count_new();
        })
        .detach();
    socket
        .on::<MessageDeleted>(move |event| {
            std::hint::black_box(&event.message_id);
            count();
        })
        .detach();
    runtime.block_on(socket.connect())?;
    let cost = measured(|| {
        runtime.block_on(all_taken.notified());
        Ok(())
    })?;
    runtime.block_on(socket.disconnect());
    Ok(cost)
}

fn measured(work: impl FnOnce() -> Result<(), Failure>) -> Result<Cost, Failure> {
    let mut outcome = Ok(());
    let (wall, cpu) = (Instant::now(), thread_cpu());
    let spent = allocation_counter::measure(|| outcome = work());
    let cost =
        Cost { wall: wall.elapsed(), cpu: thread_cpu().saturating_sub(cpu), allocations: spent.count_total };
    outcome.map(|()| cost)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn pin(cpu: usize) -> Result<(), Failure> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    Ok(sched_setaffinity(None, &cpus)?)
}

/// Where a whole WebSocket frame's payload lies, if all of it is there.
fn frame_at(bytes: &[u8]) -> Option<core::ops::Range<usize>> {
    let (start, length) = match bytes {
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        [_, length @ ..126, ..] => (2, usize::from(*length)),
        _ => return None,
    };
    (bytes.len() >= start + length).then_some(start..start + length)
}

/// A stream behind its WebSocket handshake and the acceptance.
fn upgraded(address: SocketAddr) -> Result<TcpStream, Failure> {
    // By hand and byte by byte: nothing behind the handshake may be lost in somebody's buffer.
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /agent HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let length = frame_at(&[&header[..], &[0; 1024]].concat()).ok_or("a short acceptance")?.end;
    stream.read_exact(&mut vec![0; length - header.len()])?;
    Ok(stream)
}

struct Server {
    address: SocketAddr,
    thread: thread::JoinHandle<Result<(), Failure>>,
}

impl Server {
    fn start(shape: Shape, events: u64) -> Result<Server, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok(Server { address, thread: thread::spawn(move || serve(&listener, shape, events)) })
    }
}

fn serve(listener: &TcpListener, shape: Shape, events: u64) -> Result<(), Failure> {
    pin(1)?;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut socket = tungstenite::accept(stream)?;
    let accepted = format!(
        r#"{{"action":"connection.accepted","epoch":"9f3c0a77d1e24b60","seq":{},"heartbeatMs":600000,"sessionId":"s","features":["resume"]}}"#,
        FIRST_SEQ - 1
    );
    socket.get_mut().write_all(&framed(accepted.as_bytes()))?;
    // Behind the acceptance, so that the client is ready for the first event: what is measured is the stream.
    thread::sleep(Duration::from_millis(100));
    let mut batch: Vec<u8> =
        (0..BATCH).flat_map(|at| framed(shape.event(FIRST_SEQ + at, at % TOPICS).as_bytes())).collect();
    let frame_bytes = batch.len() / BATCH as usize;
    let seq_at = position(&batch[..frame_bytes], b"\"seq\":");
    let prev_at = position(&batch[..frame_bytes], b"\"prev\":");
    for first in (0..events).step_by(BATCH as usize) {
        for (at, frame) in (first..).zip(batch.chunks_exact_mut(frame_bytes)) {
            write_digits(&mut frame[seq_at..seq_at + 10], FIRST_SEQ + at);
            write_digits(&mut frame[prev_at..prev_at + 10], FIRST_SEQ + at - TOPICS);
        }
        socket.get_mut().write_all(&batch)?;
    }
    // Until the client goes.
    let mut stream = socket.into_inner();
    let mut rest = [0; 1024];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
    Ok(())
}

/// What an event says: ids and times as long as they are in practice.
#[derive(Clone, Copy)]
enum Shape {
    Deleted,
    New,
}

impl Shape {
    fn event(self, seq: u64, topic: u64) -> String {
        let (kind, payload) = match self {
            Shape::Deleted => (
                "message.deleted",
                format!(
                    r#"{{"conversationId":"c{topic}","messageId":"m-81f3","senderId":"u-17","deletedAt":"2026-11-22T01:02:03Z"}}"#
                ),
            ),
            Shape::New => (
                "message.new",
                format!(
                    concat!(
                        r#"{{"conversationId":"c{topic}","messageId":"m-81f3","senderId":"u-17","#,
                        r#""senderDisplayName":"Ada L.","conversationType":"group","content":{{"type":"text","#,
                        r#""text":"The build is green again, have a look at the second page."}},"#,
                        r#""sequenceNumber":1234,"createdAt":"2026-11-22T01:02:03Z"}}"#
                    ),
                    topic = topic
                ),
            ),
        };
        let prev = seq - TOPICS;
        format!(
            concat!(
                r#"{{"type":"{kind}","timestamp":"2026-11-22T01:02:03.456Z","topic":"conv:c{topic}","#,
                r#""seq":{seq},"prev":{prev},"payload":{payload}}}"#
            ),
            kind = kind,
            topic = topic,
            seq = seq,
            prev = prev,
            payload = payload
        )
    }
}

fn framed(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length @ ..126) => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(text);
    frame
}

fn position(frame: &[u8], name: &[u8]) -> usize {
    frame.windows(name.len()).position(|window| window == name).expect("an event has it") + name.len()
}

fn write_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
