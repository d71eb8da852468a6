//! Whether a gap is honest: it begins where the reader stands, covers only what cannot be had, and says why.

use bowline_proto::{GapReason, Seq, Topic};

use super::Walk;
use crate::finding::list;
use crate::rules;
use crate::sight::TopicNo;

/// A gap as the application was told it.
pub(crate) struct Told<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) after: Seq,
    pub(crate) before: Seq,
    pub(crate) reason: GapReason,
}

/// Judges a gap, told when everything from `oldest` on was retained, and moves the reader behind it.
pub(crate) fn check(walk: &mut Walk<'_>, told: &Told<'_>, oldest: Seq) {
    let Told { topic, after, before, reason } = *told;
    // A reader from the oldest event on may be told what was there before, by every log until its position has passed it.
    if walk.stand.started_from_oldest() && walk.stand.base.is_some_and(|base| before <= base.next()) {
        return;
    }
    let Some(number) = walk.index.known(topic) else {
        return walk.find(rules::HONEST_GAP, format_args!("a gap in {topic}, which is no topic"));
    };
    if walk.stand.topics[number].is_unasked {
        // Like an event that still comes: nothing was promised of the topic, and what was told is not told again.
        return pass(walk, number, before);
    }
    // What was told before the log became another one, and lies above the cursor, is told again.
    let told_before = walk.stand.topics[number].told_before.unwrap_or(Seq::ZERO);
    let is_told_again = before <= told_before.next();
    let at = walk.stand.position(number);
    let said = format!("the gap {topic} {after}..{before} ({reason:?})");
    let sight = &walk.sights[walk.stand.life];
    let skipped = list(sight.between(number, at, after.next()));
    let had = list(sight.between(number, after.max(told_before), before.min(at.next())));
    let claimed = sight.between(number, after.max(at), before);
    // Where the index of a damaged part is lost as well, it may have held events of any topic.
    let damaged = walk.truth.damaged();
    let is_damaged = damaged.range(after.next()..before.max(after.next())).next().is_some();
    // What an opening that failed had set aside by then, the next life tells as lost with its epoch.
    let next_life = walk.sights.get(walk.stand.life + 1).filter(|_| sight.life.opening_failed);
    let is_set_aside = |seq: Seq| next_life.is_some_and(|next| next.life.shared < seq);
    let is_destroyed = |seq: Seq| damaged.contains(&seq) || is_set_aside(seq);
    let available: Vec<_> =
        claimed.iter().filter(|event| event.seq >= oldest && !is_destroyed(event.seq)).copied().collect();
    let claims_nothing = claimed.is_empty();
    let is_all_removed = claimed.iter().all(|event| event.seq < oldest);
    let has_damage = claimed.iter().any(|event| is_destroyed(event.seq));
    if let Some(skipped) = skipped {
        walk.find(rules::HOLE, format_args!("{said} starts behind {skipped}, which never came"));
    }
    if let Some(had) = had.filter(|_| walk.stand.base.is_some_and(|base| at > base)) {
        walk.find(rules::OVERLAP, format_args!("{said} covers {had}, which had come"));
    }
    if let Some(available) = list(&available) {
        walk.find(
            rules::HONEST_GAP,
            format_args!("{said} covers {available}, still in the log (oldest {oldest})"),
        );
    }
    let new_life = (reason == GapReason::Epoch).then(|| untold_life(walk, number, after, before)).flatten();
    // A life of the log that ended before anybody saw it leaves positions that no life has: a gap there is harmless.
    let is_between_lives = reason == GapReason::Epoch
        && walk.sights.iter().any(|sight| sight.life.shared <= after && before <= sight.life.began_at.next());
    let cursor = walk.stand.cursor;
    let stand = &mut walk.stand.topics[number];
    stand.gaps.retain(|began| cursor.is_none_or(|cursor| *began >= cursor.seq));
    stand.told_life = new_life.unwrap_or(stand.told_life);
    let said_now = stand.unsaid.extract_if(.., |seq| after < *seq && *seq < before).count();
    let widens_another = stand.gaps.iter().any(|began| after < *began && before == began.next());
    stand.gaps.push(after);
    let reason_fits = match reason {
        GapReason::Retention => is_all_removed && said_now == 0,
        GapReason::Epoch => new_life.is_some() || is_between_lives,
        GapReason::Storage => has_damage || (is_damaged && claims_nothing),
        // The gateway itself tells what is lost.
        GapReason::Missing => false,
    };
    // "Only where nothing can tell do all topics of the reader get the gap", and retention removes that part like any other.
    let is_of_nobody =
        walk.truth.nameless().range(after.next()..before.max(after.next())).any(|seq| *seq < oldest);
    let is_of_damage = match reason {
        GapReason::Storage => is_damaged,
        GapReason::Retention => is_of_nobody,
        GapReason::Epoch | GapReason::Missing => false,
    };
    if claims_nothing
        && !is_between_lives
        && said_now == 0
        && new_life.is_none()
        && !is_of_damage
        && !widens_another
        && !is_told_again
    {
        walk.find(
            rules::HONEST_GAP,
            format_args!("{said} covers no event of this reader's (it stood at {at})"),
        );
    } else if !reason_fits {
        walk.find(rules::GAP_REASON, format_args!("{said}: that is not why"));
    }
    pass(walk, number, before);
}

/// The reader stands behind a gap, if it has not come further.
fn pass(walk: &mut Walk<'_>, number: TopicNo, before: Seq) {
    let end = before.previous();
    if end > walk.stand.position(number) {
        walk.stand.topics[number].at = Some(end);
    }
}

/// The beginning of a life of the log that lies between `after` and `before`, is this reader's loss (it did not start behind
/// it, nor has its position passed it), and has not been told of this topic.
fn untold_life(walk: &Walk<'_>, number: TopicNo, after: Seq, before: Seq) -> Option<usize> {
    let base = walk.stand.base.unwrap_or(Seq::ZERO);
    let now = walk.sights[walk.stand.life].epoch();
    (walk.stand.topics[number].told_life + 1..=walk.stand.life).find(|number| {
        let life = walk.sights[*number].life;
        let is_ahead =
            walk.stand.cursor.is_none_or(|cursor| cursor.epoch != now || cursor.seq < life.began_at);
        life.shared < before && after < life.began_at && base < life.began_at && is_ahead
    })
}
