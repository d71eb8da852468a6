//! What happens to one link: drawn once, when it is dialled.

use std::time::Duration;

use crate::fault_proxy::Fault;
use crate::random::Random;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the gateway.
    Up,
    /// To the client.
    Down,
}

/// The fate of a link.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    /// The event of its life, if it has one.
    pub(crate) blow: Option<Blow>,
    /// How its bytes travel.
    pub(crate) travel: Travel,
    /// The direction that `travel` concerns.
    pub(crate) travel_way: Way,
    /// A close frame arrives this much later.
    pub(crate) holds_close: Option<Duration>,
    /// A plain HTTP exchange ends before its answer, when this many answers have passed.
    pub(crate) cuts_answer_after: Option<u32>,
}

/// Something that happens once, when `after` frames have gone `way`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blow {
    pub(crate) way: Way,
    pub(crate) after: u32,
    pub(crate) kind: BlowKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlowKind {
    /// Both ends see the stream end, behind a whole frame.
    CutBetween,
    /// Both ends see the stream end, inside a frame.
    CutInside,
    /// Both ends see a reset.
    Reset,
    /// This direction stands still for so long.
    FreezeOneWay(Duration),
    /// Both directions stand still for so long.
    FreezeBothWays(Duration),
}

impl BlowKind {
    pub(crate) fn fault(self) -> Fault {
        match self {
            BlowKind::CutBetween => Fault::CutBetween,
            BlowKind::CutInside => Fault::CutInside,
            BlowKind::Reset => Fault::Reset,
            BlowKind::FreezeOneWay(_) => Fault::FreezeOneWay,
            BlowKind::FreezeBothWays(_) => Fault::FreezeBothWays,
        }
    }
}

/// How the bytes of one direction travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travel {
    /// As fast as they come.
    Freely,
    /// Each run of bytes this much later.
    Late(Duration),
    /// This many bytes one by one.
    Sliced(usize),
    /// So many bytes a second.
    Slow(u64),
}

impl Fate {
    /// A third of the links has nothing to fear; the others have a blow, a way of travelling, or both.
    pub(crate) fn draw(mut random: Random) -> Fate {
        let way = |random: &mut Random| if random.chance(50) { Way::Up } else { Way::Down };
        let blow = random.chance(45).then(|| {
            let way = way(&mut random);
            // A client says little (resume, pings); the gateway says much. Both ends' first frames are the ones in
            // which a handshake or a resume is half done.
            let most = match way {
                Way::Up => 6,
                Way::Down => *random.pick(&[2, 40, 400, 4_000]),
            };
            let freeze = Duration::from_millis(random.between(300, 6_000));
            let kind = match random.between(0, 7) {
                0 | 1 => BlowKind::CutBetween,
                2 | 3 => BlowKind::CutInside,
                4 => BlowKind::Reset,
                5 => BlowKind::FreezeOneWay(freeze),
                _ => BlowKind::FreezeBothWays(freeze),
            };
            Blow { way, after: random.between(0, most) as u32, kind }
        });
        let travel = match random.between(0, 10) {
            0 => Travel::Late(Duration::from_millis(random.between(5, 150))),
            1 => Travel::Sliced(random.between(500, 20_000) as usize),
            2 => Travel::Slow(random.between(20_000, 200_000)),
            _ => Travel::Freely,
        };
        Fate {
            blow,
            travel,
            travel_way: way(&mut random),
            holds_close: random.chance(20).then(|| Duration::from_millis(random.between(200, 7_000))),
            cuts_answer_after: random.chance(50).then(|| random.between(0, 60) as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blow_and_every_way_of_travelling_is_somebodys_fate() {
        let fates: Vec<Fate> = (0..400).map(|n| Fate::draw(Random::new(1).fork(n))).collect();
        let blows =
            [Fault::CutBetween, Fault::CutInside, Fault::Reset, Fault::FreezeOneWay, Fault::FreezeBothWays];
        for fault in blows {
            for way in [Way::Up, Way::Down] {
                let has =
                    |fate: &Fate| fate.blow.is_some_and(|blow| blow.kind.fault() == fault && blow.way == way);
                assert!(fates.iter().any(has), "nobody suffers {fault:?} {way:?}");
            }
        }
        let travels: [fn(&Travel) -> bool; 4] = [
            |t| matches!(t, Travel::Freely),
            |t| matches!(t, Travel::Late(_)),
            |t| matches!(t, Travel::Sliced(_)),
            |t| matches!(t, Travel::Slow(_)),
        ];
        for travel in travels {
            assert!(fates.iter().any(|fate| travel(&fate.travel)));
        }
        assert!(fates.iter().any(|fate| fate.holds_close.is_some()));
        assert!(fates.iter().any(|fate| fate.blow.is_none() && fate.travel == Travel::Freely));
    }
}
