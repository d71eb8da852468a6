//! How a good history is spoilt, to prove the checker: each mutator does real harm, says which rule it breaks, and the checker
//! must say so too.
//!
//! Harm is certain by construction: a mutator picks its place from the records and the items alone ([`plain`]) and declines
//! where its change would be none of anybody's loss. The checker is never asked whether there is harm.

mod campaign;
mod deliveries;
mod gaps;
mod plain;
mod positions;
mod publishes;

use crate::checker::check;
use crate::dice::Dice;
use crate::finding::Finding;
use crate::history::History;
use crate::rules;

pub use campaign::{Campaign, Tally};

/// One way to spoil a history.
#[derive(Clone, Copy, Debug)]
pub struct Mutator {
    /// What it does.
    pub name: &'static str,
    /// The rule that is broken then; where the harm can show in two ways, either.
    pub breaks: &'static [&'static str],
    spoil: fn(&mut History, &mut Dice) -> bool,
}

/// What became of one attempt to spoil a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This history has no place where the mutator does harm.
    Declined,
    /// The checker names the broken rule.
    Caught,
    /// The checker finds nothing, or something else only.
    Survived(Vec<Finding>),
}

impl Mutator {
    /// Spoils a copy of `good`, at a place that `dice` choose, and asks the checker.
    #[must_use]
    pub fn try_on(&self, good: &History, dice: &mut Dice) -> Verdict {
        let mut spoilt = good.clone();
        if !(0..TRIES).any(|_| {
            let done = (self.spoil)(&mut spoilt, dice);
            if !done {
                spoilt.clone_from(good);
            }
            done
        }) {
            return Verdict::Declined;
        }
        let found = check(&spoilt);
        if found.iter().any(|(rule, _)| self.breaks.contains(rule)) {
            Verdict::Caught
        } else {
            Verdict::Survived(found)
        }
    }
}

/// Places that are tried before a mutator declines.
const TRIES: usize = 4;

const fn by(
    name: &'static str,
    breaks: &'static [&'static str],
    spoil: fn(&mut History, &mut Dice) -> bool,
) -> Mutator {
    Mutator { name, breaks, spoil }
}

/// All of them.
pub const MUTATORS: &[Mutator] = &[
    by("drop an event", &[rules::HOLE], deliveries::drop_event),
    by("drop the last event of a topic", &[rules::HOLE], deliveries::drop_last_event),
    by("double an event", &[rules::DOUBLE], deliveries::double_event),
    by("double an event after a restart", &[rules::DOUBLE], deliveries::double_event_after_a_restart),
    by("swap two events of a topic", &[rules::DOUBLE], deliveries::swap_events_of_a_topic),
    by("swap events of two topics", &[rules::ORDER], deliveries::swap_events_of_two_topics),
    by("alter the text of an event", &[rules::AGREEMENT], deliveries::alter_text),
    by("give an event another one's text", &[rules::AGREEMENT], deliveries::swap_texts),
    by("alter the seq of an event", &[rules::PHANTOM], deliveries::alter_seq),
    by("give an event another one's seq", &[rules::AGREEMENT], deliveries::alter_seq_to_another_event),
    by("alter the topic of an event", &[rules::PHANTOM], deliveries::alter_topic),
    by("hand an event to a stranger", &[rules::RIGHT], deliveries::hand_to_a_stranger),
    by("invent an event", &[rules::PHANTOM], deliveries::invent_event),
    by("alter the epoch of an event", &[rules::PHANTOM], deliveries::alter_epoch),
    by("go back to an older epoch", &[rules::ORDER], deliveries::go_back_to_an_epoch),
    by("drop the start of a reader", &[rules::ORDER], deliveries::drop_the_start),
    by("never accept a reader", &[rules::LIVENESS], deliveries::never_accept),
    by("drop a gap", &[rules::HOLE], gaps::drop_gap),
    by("begin a gap late", &[rules::HOLE], gaps::begin_late),
    by("end a gap early", &[rules::HOLE], gaps::end_early),
    by("begin a gap over what had come", &[rules::OVERLAP], gaps::begin_early),
    by("end a gap over what can be had", &[rules::HONEST_GAP], gaps::end_late),
    by("alter the topic of a gap", &[rules::HOLE], gaps::alter_topic),
    by("alter the reason of a gap", &[rules::GAP_REASON], gaps::alter_reason),
    by("drop the gap of an epoch", &[rules::HOLE], gaps::drop_gap_of_an_epoch),
    by("begin the gap of an epoch late", &[rules::HOLE], gaps::begin_late_in_an_epoch),
    by("blame retention for an epoch", &[rules::GAP_REASON], gaps::blame_retention_for_an_epoch),
    by("put a gap in place of an event", &[rules::HONEST_GAP], gaps::gap_for_an_event),
    by("put a gap over an event", &[rules::OVERLAP], gaps::gap_over_an_event),
    by("invent a gap over nothing", &[rules::HONEST_GAP], gaps::gap_over_nothing),
    by("move the position back", &[rules::CURSOR], positions::go_back),
    by("move the position ahead", &[rules::CURSOR], positions::go_ahead),
    by("save another position", &[rules::CURSOR], positions::save_another),
    by("restart from another position", &[rules::CURSOR], positions::restart_elsewhere),
    by("start a reader too late", &[rules::BASE], positions::start_late),
    by("start a reader too early", &[rules::HOLE], positions::start_early),
    by("move an answer", &[rules::DURABLE_ACK], publishes::move_ack),
    by("swap two answers", &[rules::DURABLE_ACK], publishes::swap_acks),
    by("answer what was lost", &[rules::DURABLE_ACK], publishes::ack_what_was_lost),
    by("answer twice, differently", &[rules::IDEMPOTENCE], publishes::answer_twice),
    by("lose what was answered", &[rules::DURABLE_ACK], publishes::lose_what_was_acked),
    by("lose a grant that was answered", &[rules::DURABLE_ACK], publishes::lose_a_grant),
    by("forge a grant", &[rules::PHANTOM], publishes::forge_a_grant),
    by("log a publish twice", &[rules::IDEMPOTENCE], publishes::log_twice),
    by("log another payload", &[rules::PHANTOM], publishes::log_another_payload),
    by("break the chain", &[rules::CHAIN], publishes::break_the_chain),
    by("tear a publish", &[rules::ALL_OR_NOTHING], publishes::tear_a_publish),
    by("turn a publish", &[rules::ALL_OR_NOTHING], publishes::turn_a_publish),
    by(
        "begin a publish after its successor's answer",
        &[rules::PUBLISH_ORDER],
        publishes::begin_after_the_answer,
    ),
    by("give two lives one epoch", &[rules::EPOCH], publishes::swap_epochs),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::good_history;

    #[test]
    fn every_mutator_finds_a_place_and_none_of_its_mutants_survives() {
        let mut dice = Dice::new(7);
        let mut survivors = Vec::new();
        for mutator in MUTATORS {
            let mut caught = 0;
            for seed in 0..200 {
                match mutator.try_on(&good_history(seed), &mut dice) {
                    Verdict::Declined => {}
                    Verdict::Caught => caught += 1,
                    Verdict::Survived(found) => {
                        survivors.push(format!("{}: seed {seed}, found {found:?}", mutator.name));
                        break;
                    }
                }
            }
            if caught == 0 {
                survivors.push(format!("{} never finds a place", mutator.name));
            }
        }
        assert!(survivors.is_empty(), "{}", survivors.join("\n"));
    }
}
