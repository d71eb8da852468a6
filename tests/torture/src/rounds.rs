//! Which rounds a run is made of: sizes, and the order of faults, all drawn from the seed.

use std::time::Duration;

use crate::gateway::Memory;
use crate::random::Random;
use crate::stand::Crew;
use crate::step::Step;

/// A stand and what it suffers.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) crew: Crew,
    pub(crate) steps: Vec<Step>,
}

/// Nobody, in calm weather.
const PLAIN: Crew = Crew {
    natives: 0,
    listeners: 0,
    rate: 0,
    is_rough: false,
    device_megabytes: None,
    memory: Memory::ReservedAtStart,
};

/// Clients in a round of rolling restarts.
pub(crate) const ROLLING_CLIENTS: usize = 50;

impl Plan {
    /// Round number `number` of a run. Of six rounds two mix signals and networks, one restarts again and again under fifty
    /// clients, one deals blow upon blow, one is about the device, one about what a process may have.
    pub(crate) fn of_round(number: u64, seed: u64, rate: u32) -> Plan {
        let random = &mut Random::new(seed).fork(number);
        match number % 6 {
            1 => Plan::rolling(5, rate / 3),
            2 => Plan::volley(random, rate),
            3 => Plan::device(random, rate),
            5 => Plan::scarcity(random, rate),
            _ => Plan::mixed(random, rate),
        }
    }

    /// Every kind of fault once or twice, as fast as that can be had.
    pub(crate) fn smoke(seed: u64) -> Vec<Plan> {
        let random = &mut Random::new(seed);
        let ms = Duration::from_millis;
        let mut steps = vec![
            Step::Kill { listeners: 1 },
            Step::KillAgain { times: 2, after: ms(100) },
            Step::KillStarting { times: 2, after: ms(3) },
            Step::KillUnanswered,
            Step::Stop { time: ms(1_500) },
            Step::Stutter { times: 3, time: ms(100) },
            Step::StopListeners { time: ms(500) },
            Step::ResetAll,
            Step::Refuse { time: ms(400) },
            Step::FreezeOneWay { is_up: false, time: ms(1_500) },
            Step::FreezeOneWay { is_up: true, time: ms(1_500) },
            Step::FreezeBothWays { time: ms(1_500) },
        ];
        random.shuffle(&mut steps);
        let crew = |natives, listeners| Crew {
            natives,
            listeners,
            rate: 200,
            is_rough: true,
            device_megabytes: None,
            memory: Memory::ReservedAtStart,
        };
        let mixed = Plan { name: "mixed", crew: crew(10, 2), steps };
        let rolling = Plan { name: "rolling", ..Plan::rolling(1, 60) };
        let steps = vec![
            Step::FillDisk { time: ms(1_000) },
            Step::FailFsync { time: ms(600) },
            Step::FailFsyncAndKill { time: ms(300) },
            Step::SlowFsync { each: ms(100), time: ms(600) },
            Step::Descriptors { time: ms(800) },
            Step::Memory { more: 1 << 20 },
        ];
        let poor = Plan {
            name: "poor",
            crew: Crew { device_megabytes: Some(16), memory: Memory::AskedForWhenNeeded, ..crew(6, 1) },
            steps,
        };
        vec![mixed, rolling, poor]
    }

    fn mixed(random: &mut Random, rate: u32) -> Plan {
        let crew = Crew { natives: 21, listeners: 4, rate, is_rough: true, ..PLAIN };
        Plan { name: "mixed", crew, steps: (0..16).map(|_| Step::draw(random)).collect() }
    }

    /// Processes die and stand still in quick succession. Without fates of the links, so that readers are back within moments
    /// and the next blow finds them at work.
    fn volley(random: &mut Random, rate: u32) -> Plan {
        let crew = Crew { natives: 21, listeners: 4, rate, ..PLAIN };
        Plan { name: "volley", crew, steps: (0..24).map(|_| Step::draw_blow(random)).collect() }
    }

    /// Without fates of the links: what the application sees of a restart is the restart.
    fn rolling(restarts: usize, rate: u32) -> Plan {
        let crew = Crew { natives: ROLLING_CLIENTS, rate, ..PLAIN };
        Plan { name: "rolling", crew, steps: vec![Step::Roll; restarts] }
    }

    fn device(random: &mut Random, rate: u32) -> Plan {
        let mut steps = Vec::new();
        for _ in 0..2 {
            steps.push(Step::FillDisk { time: Duration::from_millis(random.between(500, 3_000)) });
            steps.push(Step::FailFsync { time: Duration::from_millis(random.between(100, 2_500)) });
            let each = Duration::from_millis(random.between(5, 400));
            steps.push(Step::SlowFsync { each, time: Duration::from_millis(random.between(500, 2_000)) });
            steps.push(Step::FailFsyncAndKill { time: Duration::from_millis(random.between(10, 800)) });
            steps.push(Step::KillAgain { times: 2, after: Duration::from_millis(random.between(0, 400)) });
        }
        random.shuffle(&mut steps);
        let crew =
            Crew { natives: 14, listeners: 2, rate, is_rough: true, device_megabytes: Some(64), ..PLAIN };
        Plan { name: "device", crew, steps }
    }

    fn scarcity(random: &mut Random, rate: u32) -> Plan {
        let mut steps = Vec::new();
        for _ in 0..3 {
            let time = Duration::from_millis(random.between(500, 3_000));
            steps.push(Step::Descriptors { time });
            steps.push(Step::Memory { more: random.between(0, 32) << 18 });
            steps.push(Step::draw(random));
        }
        random.shuffle(&mut steps);
        let memory = Memory::AskedForWhenNeeded;
        let crew = Crew { natives: 21, listeners: 2, rate, is_rough: true, memory, ..PLAIN };
        Plan { name: "scarcity", crew, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_rounds_and_their_faults() {
        let steps = |seed| (0..12).map(|n| Plan::of_round(n, seed, 300).steps).collect::<Vec<_>>();
        assert_eq!(steps(5), steps(5));
        assert_ne!(steps(5), steps(6));
    }

    #[test]
    fn every_kind_of_step_is_in_the_smoke_and_in_a_long_run() {
        let smoke: Vec<Step> = Plan::smoke(1).into_iter().flat_map(|plan| plan.steps).collect();
        let long: Vec<Step> = (0..60).flat_map(|n| Plan::of_round(n, 1, 300).steps).collect();
        let names =
            |steps: &[Step]| steps.iter().map(|step| step.name()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(&long).len(), 20, "{:?}", names(&long));
        // A listener is killed together with the gateway there, and stands still together with the other.
        assert_eq!(names(&smoke).len(), 18, "{:?}", names(&smoke));
    }
}
