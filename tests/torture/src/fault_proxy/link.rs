//! How one link carries out its fate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault_proxy::fate::{Blow, BlowKind, Fate, Travel, Way};
use crate::fault_proxy::wire::{Piece, Wire};
use crate::fault_proxy::{Fault, FaultCounts, Weather, reset};

/// Carries bytes both ways until the link has ended, of itself or by its fate.
pub(crate) async fn relay(
    mut client: TcpStream,
    mut gateway: TcpStream,
    weather: watch::Receiver<Weather>,
    fate: Fate,
    counts: &FaultCounts,
) {
    let born = weather.borrow().era;
    let ending = {
        let (from_client, to_client) = client.split();
        let (from_gateway, to_gateway) = gateway.split();
        let shared = Shared {
            fate,
            counts,
            is_stopped: watch::Sender::new(None),
            is_websocket: AtomicBool::new(false),
        };
        let direction = |way, to| Direction {
            way,
            to,
            shared: &shared,
            weather: weather.clone(),
            wire: Wire::default(),
            out: Vec::new(),
            frames: 0,
            answers: 0,
            slices_left: if let Travel::Sliced(bytes) = shared.fate.travel { bytes } else { 0 },
            has_travelled: false,
        };
        let (mut up, mut down) = (direction(Way::Up, to_gateway), direction(Way::Down, to_client));
        let mut storms = weather.clone();
        let both = async { tokio::try_join!(up.carry(from_client), down.carry(from_gateway)) };
        let reset_all = async {
            // The sender lives as long as the proxy; without a proxy the link just goes on.
            if storms.wait_for(|weather| weather.era != born).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = both => ended.err(),
            () = reset_all => Some(Ending::Reset),
        }
    };
    if let Some(Ending::Reset) = ending {
        reset(&client);
        reset(&gateway);
    }
}

/// How a link ends before its ends want it.
#[derive(Debug)]
enum Ending {
    Fin,
    Reset,
}

/// What the two directions of a link have in common.
struct Shared<'a> {
    fate: Fate,
    counts: &'a FaultCounts,
    /// Both directions stand still until then.
    is_stopped: watch::Sender<Option<Instant>>,
    /// The client asked for an upgrade.
    is_websocket: AtomicBool,
}

struct Direction<'a> {
    way: Way,
    to: WriteHalf<'a>,
    shared: &'a Shared<'a>,
    weather: watch::Receiver<Weather>,
    wire: Wire,
    /// Whole pieces that wait to be written together.
    out: Vec<u8>,
    frames: u32,
    answers: u32,
    slices_left: usize,
    has_travelled: bool,
}

impl Direction<'_> {
    async fn carry(&mut self, mut from: ReadHalf<'_>) -> Result<(), Ending> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => break,
                Ok(n) => self.wire.push(&buffer[..n]),
                Err(_) => return Err(Ending::Reset),
            }
            while let Some(piece) = self.wire.next() {
                self.pass(piece).await?;
            }
            self.flush().await?;
        }
        let rest = self.wire.rest();
        self.out.extend_from_slice(&rest);
        self.flush().await?;
        let _ = self.to.shutdown().await;
        Ok(())
    }

    async fn pass(&mut self, piece: Piece) -> Result<(), Ending> {
        let is_rough = self.weather.borrow().is_rough;
        if is_rough && piece.is_frame() {
            if let Some(blow) = self.shared.fate.blow
                && blow.way == self.way
                && blow.after == self.frames
            {
                self.strike(blow, &piece).await?;
            }
            self.frames = self.frames.saturating_add(1);
        }
        if let Piece::Head(head) = &piece
            && self.way == Way::Up
        {
            let is_upgrade = head.windows(18).any(|w| w.eq_ignore_ascii_case(b"upgrade: websocket"));
            self.shared.is_websocket.store(is_upgrade, Ordering::Relaxed);
        }
        if is_rough && self.cuts_answer(&piece) {
            self.shared.counts.count(Fault::AnswerCut);
            return Err(Ending::Fin);
        }
        if is_rough
            && piece.is_close()
            && let Some(hold) = self.shared.fate.holds_close
        {
            self.flush().await?;
            self.shared.counts.count(Fault::HoldClose);
            tokio::time::sleep(hold).await;
        }
        self.out.extend_from_slice(piece.bytes());
        Ok(())
    }

    /// The gateway has done what it was asked for by plain HTTP; does the asker never hear of it?
    fn cuts_answer(&mut self, piece: &Piece) -> bool {
        if self.way == Way::Up || piece.is_frame() || self.shared.is_websocket.load(Ordering::Relaxed) {
            return false;
        }
        self.answers += 1;
        self.shared.fate.cuts_answer_after.is_some_and(|after| self.answers > after)
    }

    async fn strike(&mut self, blow: Blow, next: &Piece) -> Result<(), Ending> {
        self.shared.counts.count(blow.kind.fault());
        match blow.kind {
            BlowKind::CutBetween => {
                self.flush().await?;
                Err(Ending::Fin)
            }
            BlowKind::CutInside => {
                let half = next.bytes().len() / 2;
                self.out.extend_from_slice(&next.bytes()[..half.max(1)]);
                self.flush().await?;
                Err(Ending::Fin)
            }
            BlowKind::Reset => Err(Ending::Reset),
            BlowKind::FreezeOneWay(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            BlowKind::FreezeBothWays(time) => {
                self.shared.is_stopped.send_replace(Some(Instant::now() + time));
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }

    /// Writes what waits, as the fate and the weather let it.
    async fn flush(&mut self) -> Result<(), Ending> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        self.wait_for_thaw().await;
        let is_rough = self.weather.borrow().is_rough;
        let travel = if is_rough && self.way == self.shared.fate.travel_way {
            self.shared.fate.travel
        } else {
            Travel::Freely
        };
        self.count_travel(travel);
        let written = match travel {
            Travel::Freely => self.to.write_all(&out).await,
            Travel::Late(time) => {
                tokio::time::sleep(time).await;
                self.to.write_all(&out).await
            }
            Travel::Sliced(_) => self.write_sliced(&out).await,
            Travel::Slow(rate) => {
                let time = Duration::from_micros(out.len() as u64 * 1_000_000 / rate.max(1));
                // No longer than a dead link takes to be noticed: slow is not frozen.
                tokio::time::sleep(time.min(Duration::from_secs(2))).await;
                self.to.write_all(&out).await
            }
        };
        written.map_err(|_| Ending::Reset)
    }

    async fn write_sliced(&mut self, out: &[u8]) -> std::io::Result<()> {
        let (single, together) = out.split_at(self.slices_left.min(out.len()));
        for byte in single.chunks(1) {
            self.to.write_all(byte).await?;
            tokio::task::yield_now().await;
        }
        self.slices_left -= single.len();
        self.to.write_all(together).await
    }

    async fn wait_for_thaw(&mut self) {
        let way = self.way;
        let is_free = move |weather: &Weather| match way {
            Way::Up => !weather.is_up_frozen,
            Way::Down => !weather.is_down_frozen,
        };
        // Without a proxy there is no weather.
        let _ = self.weather.wait_for(is_free).await;
        let until = *self.shared.is_stopped.borrow();
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn count_travel(&mut self, travel: Travel) {
        let fault = match travel {
            Travel::Freely => return,
            Travel::Late(_) => Fault::Delay,
            Travel::Sliced(_) => Fault::Slice,
            Travel::Slow(_) => Fault::Throttle,
        };
        if !std::mem::replace(&mut self.has_travelled, true) {
            self.shared.counts.count(fault);
        }
    }
}
